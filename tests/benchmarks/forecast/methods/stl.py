"""STLForecast, statsmodels: seasonal decomposition, the rest by ARIMA(1,1,0) as in the reference's experiment."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import DAY_SECONDS, Array, Method, coarse, late, means_needed, sane, to_steps


def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
    arima, stl = late("statsmodels.tsa.arima.model", "ARIMA"), late("statsmodels.tsa.forecasting.stl", "STLForecast")
    means, span = coarse(past, step_seconds)
    season = DAY_SECONDS // (span * step_seconds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in holt_winters
        fitted = stl(means, arima, model_kwargs={"order": (1, 1, 0)}, period=season).fit()
        found = np.asarray(fitted.forecast(means_needed(ahead, span)))
    return to_steps(means[-1], sane(found), span, ahead)


METHODS = (Method("STLForecast", forecast, __name__, 32, "statsmodels, ARIMA(1,1,0), 5-min means"),)
