"""Flyball's part in the outcome: the engine over each load's minutes, and wishes made of its quantiles.

The plain rule (largest of the metric now and of the quantile from here to the lead) shows what the forecast is worth by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast.data import MINUTES_A_DAY
from tests.benchmarks.forecast.enginerun import Run, run_engine
from tests.benchmarks.forecast.outcome.load import CAPACITY, Load
from tests.benchmarks.forecast.outcome.policies import Variant, Wish, lead_minutes

Array = NDArray[np.float64]
AHEAD = (1, 2, 3, 4, 5, 6, 7)
"""Minutes after the last one delivered: to the longest lead (start-up of 5 min) and one more, as that minute lies up to two back."""
QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.99)
PLAIN = "Flyball forecast, plain rule"


def forecasts(loads: Sequence[Load]) -> dict[tuple[str, int], Array]:
    """(minutes, AHEAD, QUANTILES) in replicas, by (trace, size): what the engine said when that minute was the last known."""
    found = {}
    # Traces of an hour have an engine of their own: beside weeks they would sleep through most of the clock.
    long, short = ([load for load in loads if (len(load.minutes) > MINUTES_A_DAY) is whether] for whether in (True, False))
    for group in (long, short):
        if group:
            runs: list[Run] = run_engine([load.series() for load in group], quantiles=QUANTILES, ahead=AHEAD, label="engine, outcome")
            found |= {(load.name, load.size): run.floor / CAPACITY for load, run in zip(group, runs, strict=True)}
    return found


def by_step(load: Load, made: Array, startup: int, quantile: float) -> Array:
    """Largest quantile from the next minute to the lead, as of the last minute delivered at each step; 0 where there is no forecast."""
    column = QUANTILES.index(quantile)
    until = lead_minutes(startup) + 1
    largest = np.nan_to_num(made[:, :until, column].max(axis=1))
    return np.concatenate([[0.0], largest])[np.minimum(load.seen_minutes, len(largest))]


def plain(made: dict[tuple[str, int], Array], quantile: float) -> Wish:
    def wish(load: Load, startup: int) -> Array:
        return np.maximum(load.seen, by_step(load, made[load.name, load.size], startup, quantile))

    return wish


def variants(made: dict[tuple[str, int], Array]) -> list[Variant]:
    return [Variant(PLAIN, f"quantile {quantile:g}, tolerance 0, down 60 s", plain(made, quantile), 0.0, 60) for quantile in QUANTILES]
