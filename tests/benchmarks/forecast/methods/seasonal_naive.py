"""Seasonal naive: the value one day, or one week, before the step that is forecast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import DAY_SECONDS, Array, Forecaster, Method


def of(days: int) -> Forecaster:
    def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
        season = days * DAY_SECONDS // step_seconds
        places = len(past) - 1 + np.asarray(ahead) - season
        # A series shorter than a season is its own last value: it has no season yet.
        return np.where(places >= 0, past[np.maximum(places, 0)], past[-1])

    return forecast


METHODS = (Method("seasonal naive, day", of(1), __name__), Method("seasonal naive, week", of(7), __name__))
