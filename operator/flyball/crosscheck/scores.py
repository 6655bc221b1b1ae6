"""Who erred less over the last day, a quarter of an hour ahead: the engine or Theta, by pairs of errors made at the same moments. Pure."""

from __future__ import annotations

import math
from collections import deque

AHEAD_MINUTES = 15
DAY_SECONDS = 86_400.0
LEAST_PAIRS = 36
"""Three quarters of a day's 48: below, one hour decides."""
CLEARLY, NO_MORE = 0.8, 0.9
"""Theta's error over the engine's at which it is called clearly better, and at which that ends: the gap keeps a status from turning to and fro. On
the benchmark's tuning series, where it is no better in all (.99 to 1.99), one day of 67 is below .8 and two are below .9
(`python -m tests.benchmarks.forecast.second_opinion`)."""


class Scores:
    """Pairs of one series."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[float, float, float]] = deque()
        self.outdone = False
        """Theta has been clearly better for a day."""

    def add(self, time: float, ours: float, theirs: float) -> None:
        """Absolute errors of the engine and of Theta for the minute that ended at `time`."""
        self._pairs.append((time, ours, theirs))
        while self._pairs and self._pairs[0][0] <= time - DAY_SECONDS:
            self._pairs.popleft()
        self.outdone = self.ratio <= (NO_MORE if self.outdone else CLEARLY)

    @property
    def ratio(self) -> float:
        """Theta's summed error over the engine's; NaN while there are too few pairs, or none of them erred."""
        ours, theirs = sum(pair[1] for pair in self._pairs), sum(pair[2] for pair in self._pairs)
        return theirs / ours if len(self._pairs) >= LEAST_PAIRS and ours > 0 else math.nan
