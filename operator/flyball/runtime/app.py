"""The operator's process: endpoints first, then the leader's Lease, then watches and workers; a lost Lease ends it.

Only the leader watches and acts; a standby answers its endpoints and waits. On SIGTERM the Lease is released, so that a standby leads within a retry.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time

import aiohttp
import kopf

from flyball import logs
from flyball.controllers.latencyslo.controller import Controller, Key
from flyball.kube import lease
from flyball.kube.client import Kube, KubeError
from flyball.kube.events import Recorder
from flyball.runtime.health import Health, serve
from flyball.runtime.metrics import Metrics
from flyball.runtime.queue import WorkQueue
from flyball.runtime.settings import Settings
from flyball.runtime.watches import Watches
from flyball.signals import Prometheus

log = logging.getLogger(__name__)

LOST_LEASE = 3
"""Exit status when the leader's Lease was lost: whoever restarts us should, and whoever reads logs should know."""

LATE_TICKS = 4.0
"""An object that was not looked at for this many ticks means that the pass is not whole, and that the process is stuck after twice that."""


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
        self.watches = Watches(self.controller, self.queue)
        self.health = Health()
        self.health.ready = lambda: None  # a standby is ready: it answers and waits
        self._looked: dict[Key, float] = {}
        """When each object was last looked at to the end, monotonic."""
        self._known_since: dict[Key, float] = {}

    async def lead(self, stop: asyncio.Event) -> None:
        """Watch and act until told to stop, or until kopf ends, which is a fault."""
        self.metrics.leading.set(1)
        self.health.alive = self._stuck
        registry = self.watches.registry(self._kube.login)
        # kopf cancels every task that was started after it: ours are started before.
        tasks = [asyncio.create_task(self._work()) for _ in range(self._settings.workers)]
        tasks.append(asyncio.create_task(self._keep_fresh()))
        kopf_task = asyncio.create_task(
            kopf.operator(registry=registry, standalone=True, clusterwide=True, ready_flag=self.watches.ready, stop_flag=stop)
        )
        try:
            done, _ = await asyncio.wait([*tasks, kopf_task], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a worker never ends by itself: this raises what ended it
            if not stop.is_set():
                raise RuntimeError("the watches ended")
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([kopf_task], timeout=10)
            self.metrics.leading.set(0)

    async def _work(self) -> None:
        while not await self.watches.synced():  # noqa: ASYNC110 - the state is a quiet spell, which nobody announces
            await asyncio.sleep(0.1)  # deciding on half a cache would take pods that are there for gone
        while True:
            key = await self.queue.take()
            self.metrics.queue.set(len(self.queue))
            started = time.monotonic()
            try:
                await self.controller.look(key)
            except KubeError as error:
                log.warning("%s/%s: %s", *key, error)
                self.metrics.failures.labels(type(error).__name__).inc()
                self.queue.done(key, failed=True)
            except Exception as error:
                log.exception("%s/%s: the look failed", *key)
                self.metrics.failures.labels(type(error).__name__).inc()
                self.queue.done(key, failed=True)
            else:
                self._looked[key] = time.monotonic()
                gone = key not in self.controller.objects
                self.queue.done(key, again_in=None if gone else self._settings.tick_seconds)
            self.metrics.ticks.observe(time.monotonic() - started)

    async def _keep_fresh(self) -> None:
        """Renew the plans' Lease, as long as every object was looked at to the end not long ago."""
        while True:
            late = await self._late(2.0)
            if late is None:
                try:
                    await lease.renew_plans(self._kube, self._settings.namespace, self._settings.identity)
                    self.metrics.writes.labels("lease").inc()
                except KubeError as error:
                    log.warning("the Lease of the plans could not be renewed: %s", error)
            else:
                log.warning("the Lease of the plans is not renewed: %s", late)
            await asyncio.sleep(self._settings.renew_seconds if late is None else 1.0)

    async def _late(self, ticks: float) -> str | None:
        """Which object has waited too long for its look, or that the caches are not filled; None when the last pass was whole."""
        if not await self.watches.synced():
            return "the caches are not filled yet"
        return self._waiting(ticks)

    def _waiting(self, ticks: float) -> str | None:
        now = time.monotonic()
        keys = set(self.controller.objects)
        self._looked = {key: at for key, at in self._looked.items() if key in keys}
        self._known_since = {key: self._known_since.get(key, now) for key in keys}
        for key in keys:
            if key not in self._looked and ticks <= 2.0:
                return f"{key[0]}/{key[1]} has not been looked at yet"
            if now - self._looked.get(key, self._known_since[key]) > ticks * self._settings.tick_seconds:
                return f"{key[0]}/{key[1]} has waited too long for its look"
        return None

    def _stuck(self) -> str | None:
        return self._waiting(2 * LATE_TICKS) if self.watches.ready.is_set() and len(self.queue) == 0 else None


async def run(settings: Settings) -> int:
    """Run the operator until SIGTERM or SIGINT; the process's exit status."""
    logs.configure(settings.log_format, settings.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with await Kube.connect(settings.kubeconfig) as kube, aiohttp.ClientSession() as session:
        app = App(settings, kube, session)
        runner, port = await serve(app.health, app.metrics.registry, settings.listen_host, settings.listen_port)
        log.info("operator %s listens on port %d; Prometheus: %s", settings.identity, port, settings.prometheus_url)
        beat = asyncio.create_task(app.health.beat())
        elector = lease.LeaderElector(kube, settings.namespace, settings.identity)
        try:
            return await _serve(app, elector, stop)
        finally:
            beat.cancel()
            await runner.cleanup()


async def _serve(app: App, elector: lease.LeaderElector, stop: asyncio.Event) -> int:
    """Wait for the lead, then act while it lasts."""
    stopped = asyncio.create_task(stop.wait())
    acquired = asyncio.create_task(elector.acquire())
    await asyncio.wait([stopped, acquired], return_when=asyncio.FIRST_COMPLETED)
    if not acquired.done():
        acquired.cancel()
        return 0
    acquired.result()
    kept = asyncio.create_task(elector.keep())
    leading = asyncio.create_task(app.lead(stop))
    await asyncio.wait([stopped, kept, leading], return_when=asyncio.FIRST_COMPLETED)
    lost = kept.done() and not stop.is_set()
    stop.set()
    try:
        await leading
    finally:
        kept.cancel()
        if not lost:
            await elector.release()
    if lost:
        log.error("lost the leader's Lease: ending, so that there is only one operator")
        return LOST_LEASE
    return 0
