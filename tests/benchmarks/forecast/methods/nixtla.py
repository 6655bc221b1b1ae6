"""statsforecast: AutoTheta, DynamicOptimizedTheta, MSTL, on five-minute means."""

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


def of(model: str, log: bool = False) -> Forecaster:
    def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
        means, span = coarse(past, step_seconds)
        given, size = logged(means) if log else (means, 0.0)
        season = DAY_SECONDS // (span * step_seconds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = np.asarray(
                late("statsforecast.models", model)(season_length=season).forecast(given, means_needed(ahead, span))["mean"], np.float64
            )
        return to_steps(means[-1], sane(unlogged(found, size) if log else found), span, ahead)

    return forecast


METHODS = (
    Method("statsforecast AutoTheta", of("AutoTheta"), __name__, 32, "5-min means"),
    Method("statsforecast DynamicOptimizedTheta", of("DynamicOptimizedTheta"), __name__, 16, "5-min means"),
    Method("statsforecast DynamicOptimizedTheta on logs", of("DynamicOptimizedTheta", log=True), __name__, 16, "5-min means"),
    Method("statsforecast MSTL", of("MSTL"), __name__, 16, "5-min means, season of a day"),
)
