"""History: the last day of each series, gaps filled, in the scale in which experts think.

Values are y >= 0 in the user's unit. Experts see z = log1p(10 y / m) with m the series' usual size, so that one set of weights serves a
series of 3 requests a second and one of 300,000 (the transform of the reference's experiment, forecasting.md 4). m moves in jumps, rarely:
`rescale` names the series for which it did, and whoever keeps z converts it by `Rescale`.
Arrays are (steps, series): a step of all series lies together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

GAIN = 10.0
"""z is nearly linear below a tenth of the usual size, where a logarithm would blow up noise, and logarithmic above it."""
SMALLEST = 1e-9
"""Usual size of a series that has only been zero."""
PEAK_DAYS = 7.0
"""A weekly peak still counts for a third a week later."""
DRIFT = 3.0
"""The usual size follows when the mean of a day has left it by this factor; less would cost conversions and change nothing."""


@dataclass(frozen=True, slots=True)
class Rescale:
    """A change of the usual size of some series: what was z before is `convert(z)` now."""

    which: NDArray[np.intp]
    before: Array
    after: Array

    def convert(self, z: Array) -> Array:
        """`z` (..., len(which)) in the new scale. Values below 0 (differences of levels) keep their distance from 0."""
        size = np.expm1(np.abs(z)) * (self.before / self.after)
        return np.asarray(np.copysign(np.log1p(size), z), np.float32)


class History:
    """Rings of values and of their validity."""

    def __init__(self, count: int, length: int, day: int, half: int) -> None:
        """`half`: `around` is a mean over so many steps on each side."""
        self.count, self.length, self.day, self.half = count, length, day, half
        self.values = np.zeros((length, count), np.float32)  # gaps filled
        self.logs = np.zeros((length, count), np.float32)  # z of them
        self.means = np.zeros((length, count), np.float32)  # mean z around a step, known `half` steps later
        self.known = np.zeros((length, count), np.bool_)
        self.steps = 0  # pushed so far
        self.seen = np.zeros(count, np.int64)  # values known so far
        self.missing = np.zeros(count, np.int32)  # steps since the last known value
        self.mean = np.zeros(count, np.float64)  # of known values; of about a day once there is a day
        self.peak = np.zeros(count, np.float32)  # largest value known, forgotten by half in five days
        self.size = np.full(count, SMALLEST, np.float32)

    def push(self, values: Array, known: Mask) -> Rescale | None:
        """Take one step of all series; `values` are filled where not `known`."""
        slot = self.steps % self.length
        self.values[slot], self.known[slot] = values, known
        self.steps += 1
        self.missing = np.where(known, 0, self.missing + 1).astype(np.int32)
        self.seen += known
        keep = np.float32(np.exp(-1.0 / (PEAK_DAYS * self.day)))
        self.peak = np.where(known, np.maximum(self.peak * keep, values), self.peak).astype(np.float32)
        weight = known / np.clip(self.seen, 1, self.day)
        self.mean += weight * (values - self.mean)
        change = self._rescale(known)
        self.logs[slot] = self.to_z(self.values[slot])
        if change is not None:
            self.logs[:, change.which] = self.to_z(self.values[:, change.which], change.which)
            self.means[:, change.which] = change.convert(self.means[:, change.which])
        around = [(slot - back) % self.length for back in range(2 * self.half + 1)]
        self.means[around[self.half]] = self.logs[around].mean(axis=0)
        return change

    def z(self, lag: int = 0) -> Array:
        """The value `lag` steps before the last one, (series,); before the first value: 0."""
        return np.asarray(self.logs[self._slot(lag)])

    def around(self, lags: list[int]) -> Array:
        """Mean z of the steps around those `lags` steps before the last, (lags, series); each at least `half`."""
        return self.means[[self._slot(lag) for lag in lags]]

    def value(self, lag: int) -> Array:
        return np.asarray(self.values[self._slot(lag)])

    def valid(self, lag: int = 0) -> Mask:
        return np.asarray(self.known[self._slot(lag)])

    def to_z(self, values: Array, which: NDArray[np.intp] | slice = slice(None)) -> Array:
        """z of values (..., series), or of values of `which` series."""
        return np.log1p(values * (np.float32(GAIN) / self.size[which]))

    def to_values(self, z: Array) -> Array:
        """Values of z (..., series), never negative."""
        return np.asarray(np.maximum(np.expm1(np.minimum(z, 60.0)), 0.0) * (self.size / np.float32(GAIN)), np.float32)

    def _slot(self, lag: int) -> int:
        if not 0 <= lag < self.length:
            raise IndexError(f"the history holds {self.length} steps; step {lag} before the last one is asked for.")
        return (self.steps - 1 - lag) % self.length

    def _rescale(self, known: Mask) -> Rescale | None:
        young = known & (self.seen <= self.day) & (self.seen & (self.seen - 1) == 0)  # at 1, 2, 4, 8, ... values
        mean = np.maximum(self.mean, SMALLEST).astype(np.float32)
        # Once a day, each series at its own minute, so that no tick pays for all.
        due = (self.steps + np.arange(self.count)) % self.day == 0
        drifted = due & ((mean > DRIFT * self.size) | (mean * DRIFT < self.size))
        which = np.flatnonzero((young | drifted) & (mean != self.size))
        if not which.size:
            return None
        change = Rescale(which, self.size[which], mean[which])
        self.size[which] = mean[which]
        return change
