"""Usage over the last seconds, as both fast levels read it (captain and weight): mean and deviation. Pure."""

from __future__ import annotations

import math


def mean(values: tuple[float, ...]) -> float:
    """Of at least one value."""
    return sum(values) / len(values)


def deviation(values: tuple[float, ...]) -> float:
    """Standard deviation of at least one value; never raises, however large they are."""
    middle, norm = mean(values), math.hypot(*values)  # squares by multiplying: beyond all numbers they are infinite, and no error
    return math.sqrt(max(0.0, norm * norm / len(values) - middle * middle))
