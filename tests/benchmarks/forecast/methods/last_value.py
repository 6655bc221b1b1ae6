"""Last value: what every error is divided by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import Array, Method


def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
    return np.full(len(ahead), past[-1])


METHODS = (Method("last value", forecast, __name__),)
