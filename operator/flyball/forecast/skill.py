"""Skill: is the forecast better than doing nothing clever? Against the last value and against yesterday's value, per series and horizon.

Mean absolute errors of about the last day, matured ones only. A combination that loses to the last value, and to the level, is replaced by the level
until it wins again: a forecast without skill is not used (DESIGN 4). Losing to the last value alone is no reason to take what has lost even more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array, Mask

MEMORY_DAYS = 1.0
EVIDENCE = 30
"""Matured origins before skill is spoken of."""
LOST = -0.03
REGAINED = 0.0
LAST, LEVEL, YESTERDAY = 1, 2, 3


class Skill:
    """Errors (4, horizons, series) of the combination, of the last value, of the level, of yesterday's value."""

    def __init__(self, horizons: int, count: int, day: int) -> None:
        self.errors = np.zeros((4, horizons, count), np.float32)
        self.seen = np.zeros((horizons, count), np.int32)
        self.demoted = np.zeros((horizons, count), np.bool_)
        self.day = day

    def begin(self, which: Mask) -> None:
        """Patterns of these series have just become known: how the combination did without them says nothing about it."""
        self.errors[:, :, which] = 0.0
        self.seen[:, which] = 0
        self.demoted[:, which] = False

    def learn(self, which: NDArray[np.intp], errors: Array, known: Mask, elapsed: NDArray[np.int64]) -> None:
        """`errors` (4, M, series), absolute, of origins of the horizons `which` that have matured. NaN: there was no such forecast."""
        self.seen[which] += known
        gain = np.maximum(elapsed[:, None] / (MEMORY_DAYS * self.day), 1.0 / np.maximum(self.seen[which], 1)).astype(np.float32)
        fresh = known & np.isfinite(errors)
        self.errors[:, which] += np.where(fresh, gain * (np.where(fresh, errors, np.float32(0.0)) - self.errors[:, which]), np.float32(0.0))
        against = np.nan_to_num(self.against(LAST)[which], nan=1.0)
        better = self.errors[LEVEL, which] < self.errors[0, which]
        self.demoted[which] = better & np.where(self.demoted[which], against < REGAINED, against < LOST)

    def against(self, other: int) -> Array:
        """1 - error / error of another (LAST, LEVEL or YESTERDAY); NaN where not known yet."""
        enough = (self.seen >= EVIDENCE) & (self.errors[other] > 0)
        ratio = self.errors[0] / np.where(enough, self.errors[other], 1.0)
        return np.where(enough, 1.0 - ratio, np.nan).astype(np.float32)
