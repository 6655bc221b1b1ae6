"""A lane: one kind's controller with its queue, its workers and its passes. Kinds do not wait for each other."""

from __future__ import annotations

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


class Looker(Protocol):
    """A controller."""

    @property
    def objects(self) -> Mapping[Key, Mapping[str, Any]]: ...

    async def look(self, key: Key) -> None: ...


class Lane:
    """Workers that look at a kind's objects, each again after a tick."""

    def __init__(self, controller: Looker, metrics: Metrics, tick_seconds: float) -> None:
        self.controller = controller
        self.queue: WorkQueue[Key] = WorkQueue()
        self.passes = Passes()
        self._metrics = metrics
        self._tick_seconds = tick_seconds

    async def work(self) -> None:
        """One worker; ends only when cancelled."""
        while True:
            key = await self.queue.take()
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
            except Exception as error:  # a worker's edge: one object's trouble must neither end the worker nor make all plans stale
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
