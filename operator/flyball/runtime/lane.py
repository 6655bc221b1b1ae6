"""A lane: one kind's controller with its queue, the looks that run and its passes. Kinds do not wait for each other."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from flyball.kube.client import KubeError
from flyball.runtime.metrics import Metrics
from flyball.runtime.passes import Passes
from flyball.runtime.queue import WorkQueue

log = logging.getLogger(__name__)

Key = tuple[str, str]

STUMBLES = 5
"""Looks in a row that fail over something of the object's own before what was taken for it goes back: by the retries' delays 7.5 s after the first.
Nobody guards it meanwhile, and the Lease says that its plan is fresh."""

EARLY = 1 / 60
"""An object may be looked at this share of a tick before its time, with others that are due: a quarter of a second of 15."""


class Looker(Protocol):
    """A controller."""

    @property
    def objects(self) -> Mapping[Key, Mapping[str, Any]]: ...

    async def look(self, key: Key) -> None: ...


async def nothing_taken(key: Key) -> None:
    """For a kind that takes nothing."""


class Lane:
    """Looks at a kind's objects, at most `abreast` side by side, each again after a tick.

    `give_back` gives back what is taken for an object whose looks fail again and again; while it raises, the object counts as not looked at.
    """

    def __init__(
        self, controller: Looker, metrics: Metrics, tick_seconds: float, abreast: int, give_back: Callable[[Key], Awaitable[None]] = nothing_taken
    ) -> None:
        self.controller = controller
        self.queue: WorkQueue[Key] = WorkQueue()
        self.passes = Passes()
        self._metrics = metrics
        self._tick_seconds = tick_seconds
        self._abreast = abreast
        self._give_back = give_back
        self._stumbled: dict[Key, int] = {}
        """Looks in a row that failed over something of the object's own."""
        self._unfinished: set[Key] = set()
        """Objects, those that are gone included, whose last look did not come to its end."""

    async def work(self) -> None:
        """Look at what is due; ends only when cancelled.

        Objects begin in bunches, once half of the places are free: those that begin together can ask Prometheus together, and come due together.
        """
        looks: set[asyncio.Task[None]] = set()
        try:
            while True:
                while len(looks) > self._abreast // 2:
                    await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)
                for key in await self.queue.take_due(self._abreast - len(looks), self._tick_seconds * EARLY):
                    look = asyncio.create_task(self._look(key))
                    looks.add(look)
                    look.add_done_callback(looks.discard)
        finally:
            for look in looks:
                look.cancel()
            await asyncio.gather(*looks, return_exceptions=True)

    async def _look(self, key: Key) -> None:
        self._metrics.queue.set(len(self.queue))
        started = time.monotonic()
        self.passes.begin(key)
        whole = failed = False
        try:
            whole, failed = await self._outcome(key)
        finally:
            (self._unfinished.discard if whole else self._unfinished.add)(key)
            self.passes.end(key, whole=whole)
            self._metrics.ticks.observe(time.monotonic() - started)
        gone = key not in self.controller.objects
        self.queue.done(key, again_in=None if gone or failed else self._tick_seconds, failed=failed)

    async def _outcome(self, key: Key) -> tuple[bool, bool]:
        """Look at an object. Whether the plans may be called fresh after it, and whether it failed."""
        whole = True
        try:
            await self.controller.look(key)
        except KubeError as error:
            log.warning("%s/%s: %s", *key, error)
            # What the API server says about this one object is that object's matter; all others are held as they are.
            whole = error.about_object
            self._metrics.failures.labels(type(error).__name__).inc()
        except Exception as error:  # a look's edge: one object's trouble must neither end the work nor make all plans stale
            log.exception("%s/%s: the look failed", *key)
            self._metrics.failures.labels(type(error).__name__).inc()
        else:
            self._stumbled.pop(key, None)
            return True, False
        return whole and await self._give_back_in_time(key), True

    async def _give_back_in_time(self, key: Key) -> bool:
        """After a look that failed over something of the object's own. Whether nothing stays taken that nobody looks after."""
        self._stumbled[key] = self._stumbled.get(key, 0) + 1
        if self._stumbled[key] < STUMBLES:
            return True
        try:
            await self._give_back(key)
        except Exception:  # a look's edge, as above; the plans' Lease is the agents' word that somebody looks
            log.exception("%s/%s: what was taken could not be given back", *key)
            return False
        return True

    def late(self, ticks: float) -> str | None:
        """Which object was not looked at to its end for so many ticks; one that is gone too, where something of it is left to do."""
        return self.passes.late({*self.controller.objects, *self._unfinished}, ticks * self._tick_seconds)

    def overdue(self, ticks: float) -> str | None:
        """Which object was not looked at at all for so many ticks."""
        return self.passes.overdue(self.controller.objects, ticks * self._tick_seconds)
