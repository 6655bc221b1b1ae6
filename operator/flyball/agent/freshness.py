"""Freshness: how long ago the plans were last known to be good, on the agent's own monotonic clock.

The operator renews one Lease after each full pass. The agent counts from when it saw the Lease change, so neither skewed clocks nor a dead
watch (which sees no change) make old plans look fresh.
"""

from __future__ import annotations

import math


class Freshness:
    """Age of the plans. `now` is monotonic, in seconds."""

    __slots__ = ("_changed", "_mark", "timeout")

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._mark: str | None = None
        self._changed = -math.inf

    def seen(self, mark: str, age: float, now: float) -> None:
        """The Lease was read; `mark` differs whenever it was renewed.

        At the first sight only `age` (by the wall clock) tells how old it is; it is trusted that once, for one timeout at most, so that an
        agent that starts need not give everything back. A clock that is ahead or behind cannot prolong that.
        """
        if mark == self._mark:
            return
        self._changed = now - max(0.0, age) if self._mark is None else now
        self._mark = mark

    def gone(self) -> None:
        """The Lease was deleted: the operator took itself out of service."""
        self._mark = None
        self._changed = -math.inf

    def age(self, now: float) -> float:
        """Seconds since the Lease changed; infinite when it was never seen."""
        return now - self._changed

    def fresh(self, now: float) -> bool:
        """Whether plans may still be acted on."""
        return self.age(now) < self.timeout
