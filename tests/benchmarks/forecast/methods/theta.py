"""Theta, statsmodels, on logarithms of five-minute means: the best classical method of the reference's experiment (section 4)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import (
    DAY_SECONDS,
    Array,
    Forecaster,
    Method,
    coarse,
    late,
    logged,
    means_needed,
    sane,
    to_steps,
    unlogged,
)


def fit(given: Array, season: int, count: int, multiplicative: bool = False) -> Array:
    """Forecast of the next `count` values."""
    model_class = late("statsmodels.tsa.forecasting.theta", "ThetaModel")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = model_class(given, period=season, deseasonalize=len(given) >= 2 * season, method="multiplicative" if multiplicative else "additive")
        return np.asarray(model.fit().forecast(count), np.float64)


def of(log: bool) -> Forecaster:
    def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
        means, span = coarse(past, step_seconds)
        season = DAY_SECONDS // (span * step_seconds)
        count = means_needed(ahead, span)
        if log:
            given, size = logged(means)
            found = unlogged(fit(given, season, count), size)
        else:
            found = fit(means, season, count, multiplicative=bool((means > 0).all()))
        return to_steps(means[-1], sane(found), span, ahead)

    return forecast


METHODS = (
    Method("Theta on logs", of(True), __name__, 1, "statsmodels, 5-min means, fitted at each origin"),
    Method("Theta, multiplicative", of(False), __name__, 4, "statsmodels, 5-min means"),
)
