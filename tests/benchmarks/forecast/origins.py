"""Origins and horizons: at which steps a forecast is asked for, and for which steps after them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast.data import Series

EVERY_MINUTES = 13
"""Coprime with the hour, so that origins visit each minute of it."""
HORIZONS = (1, 5, 15, 60)
"""Minutes for which the error ratio is reported."""
SCALED = {15: (11, 12, 13, 14, 15), 60: (56, 57, 58, 59, 60)}
"""Minutes whose errors the MASE takes the mean of."""
ASKED = tuple(sorted({*HORIZONS, *(minute for minutes in SCALED.values() for minute in minutes)}))


def asked(step_seconds: int) -> tuple[int, ...]:
    """Steps ahead that every method forecasts: ASKED, as far as the series' step can tell them apart."""
    return tuple(sorted({round(minute * 60 / step_seconds) for minute in ASKED if minute * 60 % step_seconds == 0}))


def steps_of(minutes: int, step_seconds: int) -> int | None:
    """Steps of a horizon; None when it is no whole number of them."""
    return minutes * 60 // step_seconds if minutes * 60 % step_seconds == 0 else None


def origins(series: Series, thin: int = 1) -> NDArray[np.int64]:
    """Index of the last value that a forecast may see, every 13 minutes from the warm-up on, and each `thin`-th of them.

    The last value and all targets exist in the source.
    """
    apart = max(1, round(EVERY_MINUTES * 60 / series.step_seconds))
    reach = max(asked(series.step_seconds))
    found = np.arange(series.warmup, len(series.values) - reach, apart)
    return found[np.isfinite(series.values[found])][::thin]


def targets(series: Series, at: NDArray[np.int64], steps: int) -> NDArray[np.float64]:
    """What came `steps` after each origin; NaN where the source has no value."""
    return series.values[at + steps]
