"""Holt-Winters, statsmodels: damped additive trend and additive day on five-minute means."""

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


def of(log: bool) -> Forecaster:
    def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
        means, span = coarse(past, step_seconds)
        given, size = logged(means) if log else (means, 0.0)
        season = DAY_SECONDS // (span * step_seconds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that does not converge is used as it is, and judged by its errors
            fitted = late("statsmodels.tsa.holtwinters", "ExponentialSmoothing")(
                given, trend="add", damped_trend=True, seasonal="add", seasonal_periods=season, initialization_method="heuristic"
            ).fit()
        found = np.asarray(fitted.forecast(means_needed(ahead, span)))
        return to_steps(means[-1], sane(unlogged(found, size) if log else found), span, ahead)

    return forecast


METHODS = (
    Method("Holt-Winters", of(False), __name__, 16, "statsmodels, damped, additive day, 5-min means"),
    Method("Holt-Winters on logs", of(True), __name__, 16, "the same on log(1 + 10 y / mean)"),
)
