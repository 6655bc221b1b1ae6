"""ETS(A, Ad, A), statsmodels, on five-minute means, and on their logarithms."""

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
            warnings.simplefilter("ignore")  # as in holt_winters
            model = late("statsmodels.tsa.exponential_smoothing.ets", "ETSModel")(
                given, error="add", trend="add", damped_trend=True, seasonal="add", seasonal_periods=season, initialization_method="heuristic"
            )
            found = np.asarray(model.fit(disp=False, maxiter=50).forecast(means_needed(ahead, span)))
        return to_steps(means[-1], sane(unlogged(found, size) if log else found), span, ahead)

    return forecast


METHODS = (
    Method("ETS", of(False), __name__, 16, "statsmodels ETS(A,Ad,A), 5-min means"),
    Method("ETS on logs", of(True), __name__, 16, "the same on logs"),
)
