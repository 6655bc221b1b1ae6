"""The leader's work: watches fill the caches, workers look at objects, and the plans' Lease is renewed after each whole pass."""

from __future__ import annotations

import asyncio
import logging
import time

import aiohttp

from flyball.controllers.latencyslo.controller import Controller, Key
from flyball.kube import lease
from flyball.kube.client import Kube, KubeError
from flyball.kube.events import Recorder
from flyball.runtime.health import Health
from flyball.runtime.metrics import Metrics
from flyball.runtime.passes import Passes
from flyball.runtime.queue import WorkQueue
from flyball.runtime.settings import Settings
from flyball.runtime.watches import CHECK_SECONDS, GRACE_SECONDS, Watches
from flyball.signals import Prometheus

log = logging.getLogger(__name__)

WHOLE_TICKS, READY_TICKS, ALIVE_TICKS = 2.0, 4.0, 40.0
"""An object not looked at for this many ticks: the pass is not whole; the leader is not ready; the process is to be restarted. The last is long
(10 minutes): a restart does not bring an API server back."""

FILL_RETRY_SECONDS = 2.0
FAREWELL_SECONDS = 3.0
"""What the last status writes may take before the Lease is handed over."""


class App:
    """Everything one operator process holds."""

    def __init__(self, settings: Settings, kube: Kube, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._kube = kube
        self.metrics = Metrics()
        prometheus = Prometheus(settings.prometheus_url, session, timeout_seconds=settings.prometheus_timeout_seconds)
        prometheus.on_query = lambda seconds, outcome: self.metrics.queries.labels(outcome).observe(seconds)
        self.controller = Controller(kube, prometheus, Recorder(kube, settings.identity), self.metrics, settings)
        self.queue: WorkQueue[Key] = WorkQueue()
        self.passes = Passes()
        self.watches = Watches(kube, self.controller, self.queue)
        self.watches.misses = lambda kind, count: self.metrics.misses.labels(kind).inc(count)
        self.health = Health()
        self.health.ready = lambda: None  # a standby is ready: it answers and waits

    async def lead(self, stop: asyncio.Event) -> None:
        """Watch and act until told to stop. Raises WatchesEnded when the watches end before."""
        self.metrics.leading.set(1)
        self.health.alive, self.health.ready = self._stuck, self._not_ready
        stopped = asyncio.create_task(stop.wait())
        filled = asyncio.create_task(self._fill())
        await asyncio.wait([stopped, filled], return_when=asyncio.FIRST_COMPLETED)
        tasks = [filled]
        if not stop.is_set():
            filled.result()
            tasks += [asyncio.create_task(self._work()) for _ in range(self._settings.workers)]
            tasks += [asyncio.create_task(its) for its in (self.watches.watch(stop), self._keep_fresh(), self._check())]
            await asyncio.wait([stopped, *tasks[1:]], return_when=asyncio.FIRST_COMPLETED)
        # Whatever ended it: nothing more is written from here on but farewells.
        failed = [task for task in tasks if task.done() and not task.cancelled() and task.exception()]
        stop.set()
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)
        self.metrics.leading.set(0)
        for task in failed:
            task.result()

    async def farewell(self) -> None:
        """Write what the successor should know; only while the Lease is ours."""
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self.controller.checkpoint_all()
        except (TimeoutError, KubeError) as error:
            log.warning("the last states were not all written: %s", error or "no time was left")

    async def _fill(self) -> None:
        while True:
            try:
                await self.watches.fill()
            except KubeError as error:
                log.error("the caches cannot be filled: %s", error)
                await asyncio.sleep(FILL_RETRY_SECONDS)
            else:
                return

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            self.metrics.queue.set(len(self.queue))
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
                self.metrics.failures.labels(type(error).__name__).inc()
            except Exception as error:  # a worker's edge: one object's trouble must neither end the worker nor make all plans stale
                log.exception("%s/%s: the look failed", *key)
                whole = failed = True
                self.metrics.failures.labels(type(error).__name__).inc()
            finally:
                self.passes.end(key, whole=whole)
                self.metrics.ticks.observe(time.monotonic() - started)
            gone = key not in self.controller.objects
            self.queue.done(key, again_in=None if gone or failed else self._settings.tick_seconds, failed=failed)

    async def _keep_fresh(self) -> None:
        """Renew the plans' Lease, as long as every object was looked at to the end not long ago."""
        since: float | None = None
        told = False
        while True:
            late = self.watches.silent() or self.passes.late(self.controller.objects, WHOLE_TICKS * self._settings.tick_seconds)
            if late is None:
                since, told = None, False
                try:
                    await lease.renew_plans(self._kube, self._settings.namespace, self._settings.identity)
                    self.metrics.writes.labels("lease").inc()
                except KubeError as error:
                    log.warning("the Lease of the plans could not be renewed: %s", error)
            else:
                since = since or time.monotonic()
                if not told and time.monotonic() - since > self._settings.renew_seconds:
                    log.warning("the Lease of the plans has not been renewed for a while: %s", late)
                    told = True
            await asyncio.sleep(self._settings.renew_seconds if late is None else 1.0)

    async def _check(self) -> None:
        """Hold the caches against the API server: soon after the start, then every now and then."""
        pause = GRACE_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = CHECK_SECONDS
            try:
                await self.watches.check()
            except KubeError as error:
                log.warning("the caches could not be checked: %s", error)
            except Exception:  # a loop's edge: the watches do their work without it
                log.exception("the caches could not be checked")

    def _not_ready(self) -> str | None:
        if not self.watches.synced:
            return "the caches are not filled yet"
        return self.watches.silent() or self.passes.overdue(self.controller.objects, READY_TICKS * self._settings.tick_seconds)

    def _stuck(self) -> str | None:
        if problem := self.passes.hanging() or self.watches.silent():
            return problem
        return self.passes.overdue(self.controller.objects, ALIVE_TICKS * self._settings.tick_seconds)
