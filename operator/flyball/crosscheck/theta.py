"""Theta on logarithms of five-minute means, by statsmodels: the best classical method of the reference's experiment, fitted anew each time.

Called in a worker process, or by `flyball forecast`: a fit of a week takes 50 to 90 ms of CPU (the machine of the benchmark's page), some
3,000 times what the engine takes for a series' minute. Pure. Source: forecasting.md, section 4; a test holds it against the benchmark's peer.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MEAN_MINUTES = 5
"""Fits on minutes took up to 14 s in the reference's experiment."""
SEASON = 1440 // MEAN_MINUTES
WEEK = 7 * SEASON
LEAST = 2 * SEASON
"""Two days, below which there is no season to take out."""
GAIN = 10.0
"""log(1 + 10 y / mean), as in the benchmark: near the logarithm where a series is, and finite at zero."""
LARGEST_LOG = 50.0
"""Beyond it an extrapolated logarithm is no demand, and its exponential no number."""


def available() -> bool:
    """Whether statsmodels is installed (the extra `crosscheck`)."""
    return importlib.util.find_spec("statsmodels") is not None


def prepare() -> None:
    """Import what a fit needs, 2 s of CPU; in the worker's process, before its patience is that for a fit."""
    importlib.import_module("statsmodels.tsa.forecasting.theta")


def ahead(means: Array, minutes: Sequence[int]) -> Array:
    """Demand so many minutes after the last of `means`: five-minute means, oldest first, the last one ends now, NaN where unknown.

    Raises ValueError for less than two days; whatever statsmodels raises comes through.
    """
    known = filled(np.asarray(means, np.float64)[-WEEK:])
    if len(known) < LEAST:
        raise ValueError(f"Theta needs two days of five-minute means ({LEAST}), there are {len(known)}.")
    size = max(float(known.mean()), 1e-9) / GAIN
    logs = _fitted(np.log1p(known / size), max(minutes) // MEAN_MINUTES + 1)
    found = np.maximum(np.expm1(np.minimum(logs, LARGEST_LOG)) * size, 0.0)
    # Straight lines between the middles of the means, beginning at the last known one.
    middles = np.arange(len(found) + 1) * MEAN_MINUTES - (MEAN_MINUTES - 1) / 2
    return np.asarray(np.interp(np.asarray(minutes, np.float64), middles, np.concatenate([known[-1:], found])), np.float64)


def filled(means: Array) -> Array:
    """Gaps take the mean before them; what lies before the first known one is left out."""
    known = np.flatnonzero(np.isfinite(means))
    if not len(known):
        return means[:0]
    places = np.where(np.isfinite(means), np.arange(len(means)), 0)
    return means[np.maximum.accumulate(places)][known[0] :]


def _fitted(logs: Array, count: int) -> Array:
    model: Any = importlib.import_module("statsmodels.tsa.forecasting.theta").ThetaModel
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that end before they have converged: their forecasts are scored like any other
        return np.asarray(model(logs, period=SEASON, deseasonalize=True, method="additive").fit().forecast(count), np.float64)
