"""A lane: one kind's controller with its queue, the looks that run and its passes. Kinds do not wait for each other."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

from flyball.kube.client import KubeError
from flyball.runtime.metrics import Metrics
from flyball.runtime.passes import Passes
from flyball.runtime.queue import WorkQueue

log = logging.getLogger(__name__)

Key = tuple[str, str]

EARLY = 1 / 60
"""An object may be looked at this share of a tick before its time, with others that are due: a quarter of a second of 15."""


class Looker(Protocol):
    """A controller."""

    @property
    def objects(self) -> Mapping[Key, Mapping[str, Any]]: ...

    async def look(self, key: Key) -> None: ...


class Lane:
    """Looks at a kind's objects, at most `abreast` side by side, each again after a tick."""

    def __init__(self, controller: Looker, metrics: Metrics, tick_seconds: float, abreast: int) -> None:
        self.controller = controller
        self.queue: WorkQueue[Key] = WorkQueue()
        self.passes = Passes()
        self._metrics = metrics
        self._tick_seconds = tick_seconds
        self._abreast = abreast

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
            await self.controller.look(key)
            whole = True
        except KubeError as error:
            log.warning("%s/%s: %s", *key, error)
            # What the API server says about this one object is that object's matter; all others are held as they are.
            whole, failed = error.about_object, True
            self._metrics.failures.labels(type(error).__name__).inc()
        except Exception as error:  # a look's edge: one object's trouble must neither end the work nor make all plans stale
            log.exception("%s/%s: the look failed", *key)
            whole = failed = True
            self._metrics.failures.labels(type(error).__name__).inc()
        finally:
            self.passes.end(key, whole=whole)
            self._metrics.ticks.observe(time.monotonic() - started)
        gone = key not in self.controller.objects
        self.queue.done(key, again_in=None if gone or failed else self._tick_seconds, failed=failed)

    def late(self, ticks: float) -> str | None:
        """Which object was not looked at to its end for so many ticks."""
        return self.passes.late(self.controller.objects, ticks * self._tick_seconds)

    def overdue(self, ticks: float) -> str | None:
        """Which object was not looked at at all for so many ticks."""
        return self.passes.overdue(self.controller.objects, ticks * self._tick_seconds)
