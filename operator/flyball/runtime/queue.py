"""A work queue of keys: each key once, never two workers on one key, retries with growing delay. As controller-runtime's, and as small as it can be.

Level-triggered: an event says which object to look at, never what to do; whoever takes the key reads all it needs.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BACKOFF_FIRST, BACKOFF_MOST = 0.5, 60.0
"""Seconds before the first retry, doubled each time, and at most."""


AT_ONCE = 0.001
"""Seconds that are not worth a timer."""


class WorkQueue(Generic[K]):
    """Keys that want work. Bounded by the number of distinct keys."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[K, float] = {}
        """Key -> when it is due; the earliest time that anyone asked for wins."""
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._active: set[K] = set()
        self._again: dict[K, float] = {}
        """Keys that were asked for while a worker had them."""
        self._failures: dict[K, int] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: K, delay: float = 0.0) -> None:
        """Ask for work on a key in `delay` seconds; sooner if someone asks for sooner."""
        due = self._clock() + delay
        if key in self._active:
            self._again[key] = min(due, self._again.get(key, due))
        elif key not in self._due or due < self._due[key]:
            self._due[key] = due
            heapq.heappush(self._heap, (due, next(self._order), key))
            self._changed.set()

    def forget(self, key: K) -> None:
        """The key's object is gone: no more work on it."""
        self._due.pop(key, None)
        self._again.pop(key, None)
        self._failures.pop(key, None)

    async def take(self) -> K:
        """The next key that is due. It is the caller's until `done`."""
        while True:
            self._changed.clear()
            wait = self._wait()
            if wait is not None and wait <= AT_ONCE:
                return self._pop()
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    async def take_due(self, most: int, early: float = 0.0) -> list[K]:
        """The next key that is due, and with it others, up to `most` in all, that are due by then or within `early` seconds."""
        keys = [await self.take()]
        while len(keys) < most and (wait := self._wait()) is not None and wait <= max(early, AT_ONCE):
            keys.append(self._pop())
        return keys

    def _pop(self) -> K:
        _, _, key = heapq.heappop(self._heap)
        del self._due[key]
        self._active.add(key)
        return key

    def done(self, key: K, *, again_in: float | None = None, failed: bool = False) -> None:
        """Give a key back: to be taken again in `again_in` seconds, or after a growing delay when the work failed."""
        self._active.discard(key)
        if failed:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            again_in = min(BACKOFF_MOST, BACKOFF_FIRST * 2 ** (failures - 1))
        else:
            self._failures.pop(key, None)
        asked = self._again.pop(key, None)
        if asked is not None:
            self.add(key, max(0.0, asked - self._clock()))
        if again_in is not None:
            self.add(key, again_in)

    def _wait(self) -> float | None:
        """Seconds until the first key is due, None when there is none."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # superseded by a sooner time, or forgotten
        return self._heap[0][0] - self._clock() if self._heap else None
