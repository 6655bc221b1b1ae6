"""How fast statuses of one kind are written, all objects together: what a thousand objects have to say at once must not hold up what they do."""

from __future__ import annotations

import math
from dataclasses import dataclass

RATE, BURST = 20.0, 50
"""Writes a second in the long run, and at once. One costs the API server an estimated 15 ms of CPU, so that 20 leave two thirds of a core for the
writes that scale. When 1,000 objects rose at once the last scale moved after 20 s, and after 40 s at 50 a second (one run each, unlike otherwise)."""


@dataclass(slots=True)
class Pace:
    """A bucket of writes that fills with time. Pure."""

    rate: float = RATE
    burst: float = BURST
    _left: float = 0.0
    _at: float = -math.inf

    def take(self, now: float, leave: float = 0.0) -> bool:
        """Whether one more may be written now, and `leave` would still be left for what is more urgent."""
        self._left = min(self.burst, self._left + self.rate * max(0.0, now - self._at))
        self._at = now
        if self._left < 1 + leave:
            return False
        self._left -= 1
        return True
