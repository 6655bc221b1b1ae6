"""Simple exponential smoothing, statsmodels, on the series' own steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import Array, Method, fit_window, late


def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
    fitted = late("statsmodels.tsa.holtwinters", "SimpleExpSmoothing")(fit_window(past, step_seconds), initialization_method="heuristic").fit()
    return np.full(len(ahead), float(fitted.forecast(1)[0]))


METHODS = (Method("SES", forecast, __name__, note="statsmodels, 7 days of minutes, fitted at each origin"),)
