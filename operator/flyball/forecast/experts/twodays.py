"""Two days: what the last 48 hours say about the next 24, by weights that were learned on other series and ship with the package.

Linear in what each hour ahead was yesterday and the day before, in the level of the day and of the last hours, and in the same times how much the
two days are alike: where they are not, a day's mean, and the last value, are all there is. Only for steps of an hour; other clocks have no such
weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.experts.base import Stateless, View
from flyball.forecast.history import Array, Mask
from flyball.forecast.shipped import HOURS_SEEN

DAY = 24
SMALLEST_SHARE = 0.02
"""A series that varies by less than this share of its mean is measured by that share: noise must not be blown up to a pattern."""
MOVED = 0.2
"""Share of the last value where yesterday has nothing in common with the day before, as with an application that has just been moved. Chosen with
the three series of ECW_switch in view (mean squared error .0488, without .0527); on sources that the weights have not seen it costs 1 %
(`python -m tests.benchmarks.forecast.fewshot_choices`)."""
TINY = np.float32(1e-9)


def seen(view: View) -> tuple[Array, Mask]:
    """The last 48 hours (48, series), oldest first, and which series have that many."""
    return np.stack([view.history.value(lag) for lag in range(HOURS_SEEN - 1, -1, -1)]), view.age >= HOURS_SEEN - 1


def measure(values: Array) -> tuple[Array, Array]:
    """Mean and size of the deviations (series,) of values (hours, series)."""
    mean = values.mean(axis=0)
    return mean, np.asarray(np.maximum(values.std(axis=0), SMALLEST_SHARE * np.abs(mean)) + TINY, values.dtype)


def likeness(x: Array) -> Array:
    """Correlation (series,) of the last day and the one before, of 48 hours (48, series)."""
    a, b = x[DAY:] - x[DAY:].mean(axis=0), x[:DAY] - x[:DAY].mean(axis=0)
    return np.asarray((a * b).mean(axis=0) / np.sqrt((a**2).mean(axis=0) * (b**2).mean(axis=0) + 1e-6), x.dtype)


def features(x: Array) -> Array:
    """(features, hours ahead, series) of 48 hours (48, series), less their mean, over their size."""
    before, yesterday = x[:DAY], x[DAY:]

    def neighbours(day: Array) -> Array:
        return np.asarray((np.roll(day, 1, axis=0) + np.roll(day, -1, axis=0)) / 2, day.dtype)

    def level(values: Array) -> Array:
        return np.broadcast_to(values.mean(axis=0), yesterday.shape)

    alike = likeness(x)
    rise = level(x[-1:]) - x[DAY - 1]
    rise_of_six = level(x[-6:]) - x[DAY - 6 : DAY].mean(axis=0)
    plain = [
        yesterday,
        before,
        neighbours(yesterday),
        neighbours(before),
        level(yesterday),
        level(x[-1:]),
        level(x[-3:]),
        level(x[-6:]),
        rise,
        rise_of_six,
    ]
    return np.stack([*plain, alike * yesterday, alike * before, alike * rise, alike * rise_of_six])


def continued(values: Array, weights: Array, moved: float = MOVED) -> Array:
    """The next 24 hours (24, series) of 48 (48, series), never negative."""
    mean, size = measure(values)
    x = (values - mean) / size
    last = np.float32(moved) * (1 - np.clip(likeness(x), 0, 1))
    change = (1 - last) * np.einsum("fhn,hf->hn", features(x), weights) + last * x[-1]
    return np.asarray(np.maximum(mean + size * change, np.float32(0.0)), values.dtype)


class TwoDays(Stateless):
    """The expert."""

    name = "two-days"

    def __init__(self, weights: NDArray[np.float64]) -> None:
        """`weights` (24, features); of length 0: there are none, and it sleeps."""
        self.weights = weights.astype(np.float32)

    def predict(self, view: View) -> tuple[Array, Mask]:
        if not len(self.weights):
            return np.zeros((DAY, view.history.count), np.float32), np.zeros(view.history.count, np.bool_)
        values, awake = seen(view)
        return view.history.to_z(continued(values, self.weights)), awake
