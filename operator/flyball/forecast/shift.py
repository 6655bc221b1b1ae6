"""Level shifts: a release, a new customer, half the traffic gone. Seen within three steps, so that no hour's average drags behind.

The mean of the last three steps is compared with where level and profile stood before them. A shift is told when it is far outside what this
comparison usually gives for the series, large enough to matter, and of one sign. A peak that passes is two shifts.
"""

from __future__ import annotations

import numpy as np

from flyball.forecast.history import Array, History, Mask
from flyball.forecast.levels import Levels
from flyball.forecast.settings import Settings

STEPS = 3
"""Steps in a row; two would take many a single peak for a shift."""
TIMES_USUAL = 5.0
"""Mean absolute deviations (about four standard deviations of a normal law)."""
SMALLEST = 0.35
"""In z: about a factor of 1.4; less is the averages' own work."""
SAME = 0.5
"""Each of the steps must show so much of the shift."""
REST_STEPS = 15
"""A series is called shifted for so long."""


class ShiftDetector:
    """What is usual for each series, and who has shifted lately."""

    def __init__(self, count: int, settings: Settings) -> None:
        self.usual = np.zeros(count, np.float32)
        self.looks = np.zeros(count, np.int32)
        self.left = np.zeros(count, np.int32)
        self.day = settings.day

    def look(self, history: History, levels: Levels, rise: Array) -> tuple[Mask, Array, Array]:
        """Which series have shifted, by how much, and to which level (series,); `rise` is what the profile explains of the last steps."""
        recent = np.stack([history.z(lag) for lag in range(STEPS)])
        known = np.logical_and.reduce([history.valid(lag) for lag in range(STEPS)]) & (levels.count > levels.back)
        before = levels.ring[(levels.place - STEPS) % len(levels.ring)] + rise
        away = recent - before
        by = away.mean(axis=0)
        size = np.abs(by)
        shifted = (
            known
            & (self.looks > levels.back)
            & (size > np.maximum(SMALLEST, TIMES_USUAL * self.usual))
            & (np.sign(by) * away > SAME * size).all(axis=0)
            & (self.left <= REST_STEPS - STEPS)
        )
        self.looks += known
        gain = np.where(known, np.maximum(4.0 / self.day, 1.0 / np.maximum(self.looks, 1)), 0.0)
        limit = np.where(self.looks > levels.back, TIMES_USUAL * np.maximum(self.usual, SMALLEST / TIMES_USUAL), np.inf)
        self.usual += (gain * (np.minimum(size, limit) - self.usual)).astype(np.float32)
        self.left = np.where(shifted, REST_STEPS, np.maximum(self.left - 1, 0)).astype(np.int32)
        return shifted, by, recent.mean(axis=0)
