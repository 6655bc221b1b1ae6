"""Levels: moving averages of each series at several spans, of itself, and of what remains after its profile of the day and of the week.

They are what experts stand on. A level shift moves them all at once (`move`), so that an hour's average does not drag an hour behind.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array, Mask, Rescale
from flyball.forecast.settings import Settings

EARLIER = 3
"""Steps that a shift is looked for in; what averages were before them does not hold it yet."""


class Levels:
    """Averages (spans, series): `plain` of z, `rest` of z minus the slow profile, `week` (2, series) of z minus that of the week.
    Index 0 is the last known value itself."""

    def __init__(self, count: int, settings: Settings) -> None:
        short, middle, long = settings.spans
        self.spans = (1, max(2, short // 2), short, middle, long, settings.day)
        gains = np.array([2.0 / (span + 1.0) for span in self.spans], np.float32)
        self.gains = gains[:, None]
        self.plain = np.zeros((len(self.spans), count), np.float32)
        self.rest = np.zeros((len(self.spans), count), np.float32)
        self.week = np.zeros((2, count), np.float32)  # at the short and the middle span
        self.earlier = np.zeros((EARLIER, 2, count), np.float32)  # what `rest` and `week` were at the middle span before 1, 2, 3 steps
        self.count = np.zeros(count, np.int32)
        self.back = middle
        self.ring = np.zeros((2 * middle + 1, count), np.float32)  # the middle average, for slopes
        self.place = 0

    def update(self, z: Array, profile: Array, weekly: Array, known: Mask) -> None:
        """Take a step; unknown values change nothing."""
        self.count += known
        self.earlier[1:] = self.earlier[:-1].copy()
        self.earlier[0] = self._patterned()
        # Until a span is full its average is the plain mean: no start value to forget.
        gain = np.where(known, np.maximum(self.gains, 1.0 / np.maximum(self.count, 1).astype(np.float32)), np.float32(0.0))
        self.plain += gain * (z - self.plain)
        self.rest += gain * (z - profile - self.rest)
        self.week += gain[2:4] * (z - weekly - self.week)
        self.place = (self.place + 1) % len(self.ring)
        self.ring[self.place] = self.plain[3]

    def slopes(self) -> tuple[Array, Array]:
        """Change of the middle average over its last span and over the one before."""
        now, one, two = (self.ring[(self.place - back * self.back) % len(self.ring)] for back in (0, 1, 2))
        return now - one, one - two

    def start(self, which: Mask) -> None:
        """The first value of a series: no slope before it."""
        self.ring[:, which] = self.plain[3, which]

    def anchor(self, which: Mask, profile: Array, mean: Array) -> None:
        """The profile of `which` has just become ready: the rest is counted from it; `mean` is the profile's own over a day."""
        self.rest[:-1, which] = (self.plain[:-1] - profile)[:, which]
        self.rest[-1, which] = (self.plain[-1] - mean)[which]
        self._forget(which)

    def anchor_week(self, which: Mask, weekly: Array) -> None:
        """The same for the profile of the week."""
        self.week[:, which] = (self.plain[2:4] - weekly)[:, which]
        self._forget(which)

    def move(self, which: Mask, level: Array, profile: Array, weekly: Array, by: Array) -> None:
        """A shift: all averages of `which` stand at `level`; the day's average of the rest moves by `by`."""
        self.plain[:, which] = level[which]
        self.ring[:, which] = level[which]
        self.rest[:-1, which] = (level - profile)[which]
        self.week[:, which] = (level - weekly)[which]
        self.rest[-1, which] += by[which]
        self._forget(which)

    def rescale(self, change: Rescale, profile: Array, weekly: Array) -> None:
        """`profile` and `weekly` (series,) are the slow and the weekly profile now, converted already."""
        self.plain[:, change.which] = change.convert(self.plain[:, change.which])
        self.ring[:, change.which] = change.convert(self.ring[:, change.which])
        # What remains after the profile is a difference; anew from the averages, which is what it was meant to be.
        self.rest[:, change.which] = self.plain[:, change.which] - profile[change.which]
        self.week[:, change.which] = self.plain[2:4, change.which] - weekly[change.which]
        self._forget(change.which)

    def _patterned(self) -> Array:
        return np.stack([self.rest[3], self.week[1]])

    def _forget(self, which: Mask | NDArray[np.intp]) -> None:
        """What was before is of another level, scale or profile: as it is now."""
        self.earlier[:, :, which] = self._patterned()[:, which]
