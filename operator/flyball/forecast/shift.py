"""Level shifts: a release, a new customer, half the traffic gone. Seen within three steps, so that no hour's average drags behind.

The mean of the last three steps is compared with where level and profile stood before them. A shift is told when it is far outside what this
comparison usually gives for the series, large enough to matter, of one sign, and as far outside all that patterns explain: what the profiles of day
and week say for now and for a bin earlier or later, on the level that they had, and no change at all (a Sunday without its morning). A peak that
passes is a shift and its return: for a quarter of an hour the level from before is remembered, and the first value near it brings it back at once.
"""

from __future__ import annotations

import numpy as np

from flyball.forecast.history import Array, History, Mask, Rescale
from flyball.forecast.levels import EARLIER, Levels
from flyball.forecast.settings import Settings

STEPS = EARLIER
"""Steps in a row; two would take many a single peak for a shift."""
TIMES_USUAL = 5.0
"""Mean absolute deviations (about four standard deviations of a normal law)."""
SMALLEST = 0.35
"""In z: about a factor of 1.4; less is the averages' own work."""
SAME = 0.5
"""Each of the steps must show so much of the shift."""
REST_STEPS = 15
"""A series is called shifted for so long, and may return."""
NEAR = 0.3
"""A value within this share of the shift from where level and profile would stand without it has returned; the level itself is then at least twice
as far away, so that noise on a new level seldom reaches there."""


class ShiftDetector:
    """What is usual for each series, and who has shifted lately."""

    def __init__(self, count: int, settings: Settings) -> None:
        self.usual = np.zeros(count, np.float32)
        self.looks = np.zeros(count, np.int32)
        self.left = np.zeros(count, np.int32)
        self.calm = np.zeros(count, np.int32)  # looks since the last shift or return
        self.before = np.zeros(count, np.float32)  # level less profile from before the last shift
        self.by = np.zeros(count, np.float32)  # the last shift while it may still return, else 0
        self.day = settings.day

    def look(self, history: History, levels: Levels, slow: Array, weekly: Array, rise: Array) -> tuple[Mask, Array, Array]:
        """Which series have shifted or returned, by how much, and to which level (series,).

        `slow` and `weekly` (3, series) are the profiles a bin ago, now, and a bin from now; `rise` is what the slow one explains of the last steps.
        """
        profile = slow[1]
        recent = np.stack([history.z(lag) for lag in range(STEPS)])
        known = np.logical_and.reduce([history.valid(lag) for lag in range(STEPS)]) & (levels.count > levels.back)
        before = levels.ring[(levels.place - STEPS) % len(levels.ring)] + rise
        away = recent - before
        by = away.mean(axis=0)
        size = np.abs(by)
        explained = np.concatenate([[before, before - rise], slow + levels.earlier[-1, 0], weekly + levels.earlier[-1, 1]])
        mean = recent.mean(axis=0)
        outside = np.where(by > 0, mean - explained.max(axis=0), explained.min(axis=0) - mean)
        shifted = (
            known
            & (self.looks > levels.back)
            & (outside > np.maximum(SMALLEST, TIMES_USUAL * self.usual))
            & (np.sign(by) * away > SAME * size).all(axis=0)
            & (self.left <= REST_STEPS - STEPS)
        )
        self.looks += known
        gain = np.where(known, np.maximum(4.0 / self.day, 1.0 / np.maximum(self.looks, 1)), 0.0)
        limit = np.where(self.looks > levels.back, TIMES_USUAL * np.maximum(self.usual, SMALLEST / TIMES_USUAL), np.inf)
        self.usual += (gain * (np.minimum(size, limit) - self.usual)).astype(np.float32)
        without = self.before + profile
        returned = history.valid(0) & (self.left > 0) & (np.abs(recent[0] - without) < NEAR * np.abs(self.by))
        by = np.where(returned, -self.by, by)
        level = np.where(returned, without, mean)
        shifted &= ~returned
        self.left = np.where(shifted, REST_STEPS, np.where(returned, 0, np.maximum(self.left - 1, 0))).astype(np.int32)
        self.before = np.where(shifted, before - profile, self.before).astype(np.float32)
        self.by = np.where(shifted, by, np.where(self.left > 0, self.by, 0.0)).astype(np.float32)
        self.calm = np.where(shifted | returned, 0, self.calm + 1).astype(np.int32)
        return shifted | returned, by, level

    def rescale(self, change: Rescale) -> None:
        """What was remembered is in the old scale: who is rescaled does not return."""
        self.by[change.which] = 0.0
