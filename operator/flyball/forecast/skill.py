"""Skill: is the forecast better than doing nothing clever? Against the last value and against yesterday's value, per series and horizon.

Mean absolute errors of about the last day, matured ones only. A combination that loses to the last value is replaced by the level until it
wins again: a forecast without skill is not used (DESIGN 4).
"""

from __future__ import annotations

import numpy as np

from flyball.forecast.history import Array, Mask

MEMORY_DAYS = 1.0
EVIDENCE = 30
"""Matured origins before skill is spoken of."""
LOST = -0.03
REGAINED = 0.0


class Skill:
    """Errors (3, horizons, series) of the combination, of the last value, of yesterday's value."""

    def __init__(self, horizons: int, count: int, day: int) -> None:
        self.errors = np.zeros((3, horizons, count), np.float32)
        self.seen = np.zeros((horizons, count), np.int32)
        self.demoted = np.zeros((horizons, count), np.bool_)
        self.day = day

    def learn(self, horizon: int, errors: Array, known: Mask, elapsed: int) -> None:
        """`errors` (3, series), absolute, of an origin that has matured. NaN: there was no such forecast."""
        self.seen[horizon] += known
        gain = np.maximum(elapsed / (MEMORY_DAYS * self.day), 1.0 / np.maximum(self.seen[horizon], 1))
        fresh = known & np.isfinite(errors)
        self.errors[:, horizon] += np.where(fresh, gain * (np.where(fresh, errors, 0.0) - self.errors[:, horizon]), 0.0).astype(np.float32)
        against = self.against(1)[horizon]
        worse = np.nan_to_num(against, nan=1.0)
        self.demoted[horizon] = np.where(self.demoted[horizon], worse < REGAINED, worse < LOST)

    def against(self, other: int) -> Array:
        """1 - error / error of the last value (1) or of yesterday's value (2); NaN where not known yet."""
        enough = (self.seen >= EVIDENCE) & (self.errors[other] > 0)
        ratio = self.errors[0] / np.where(enough, self.errors[other], 1.0)
        return np.where(enough, 1.0 - ratio, np.nan).astype(np.float32)
