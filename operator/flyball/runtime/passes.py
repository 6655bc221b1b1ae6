"""Passes: when each object was last looked at to the end. What freshness of the plans and the health of the process are judged by.

Pure but for the clock, which is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

Key = tuple[str, str]

HANGING_SECONDS = 300.0
"""A look that takes longer hangs: ten requests at their timeouts are over before."""


class Passes:
    """Looks at objects, by the monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known_since: dict[Key, float] = {}
        self._looked: dict[Key, float] = {}
        self._running: dict[Key, float] = {}

    def begin(self, key: Key) -> None:
        """A worker looks at the object."""
        self._running[key] = self._clock()

    def end(self, key: Key, *, whole: bool) -> None:
        """The look is over; `whole` if it came to its end."""
        self._running.pop(key, None)
        if whole:
            self._looked[key] = self._clock()

    def late(self, keys: Collection[Key], seconds: float) -> str | None:
        """Which object has not been looked at for that long, or never; None when the last pass over all of them was whole."""
        self._forget_others(keys)
        for key in keys:
            if key not in self._looked:
                return f"{'/'.join(key)} has not been looked at yet"
        return self._waiting(keys, seconds)

    def overdue(self, keys: Collection[Key], seconds: float) -> str | None:
        """As `late`, but an object that is new has as long as the others."""
        self._forget_others(keys)
        return self._waiting(keys, seconds)

    def hanging(self) -> str | None:
        """Which look hangs."""
        now = self._clock()
        hung = [key for key, since in self._running.items() if now - since > HANGING_SECONDS]
        return f"a look at {'/'.join(hung[0])} has taken more than {HANGING_SECONDS:.0f} s" if hung else None

    def _waiting(self, keys: Collection[Key], seconds: float) -> str | None:
        now = self._clock()
        for key in keys:
            waited = now - self._looked.get(key, self._known_since[key])
            if waited > seconds:
                return f"{'/'.join(key)} was last looked at {waited:.0f} s ago"
        return None

    def _forget_others(self, keys: Collection[Key]) -> None:
        now = self._clock()
        self._known_since = {key: self._known_since.get(key, now) for key in keys}
        self._looked = {key: at for key, at in self._looked.items() if key in self._known_since}
