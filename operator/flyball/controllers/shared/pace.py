"""How fast statuses of one kind are written, all objects together: what a thousand objects have to say at once must not hold up what they do."""

from __future__ import annotations

import math
from dataclasses import dataclass

RATE, BURST = 50.0, 100
"""Writes a second in the long run, and at once. The API server takes some 5 ms of CPU for one, so that statuses take a quarter of a core."""


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
