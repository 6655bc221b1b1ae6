"""The leader's work: watches fill the caches, workers look at objects, and the plans' Lease is renewed after each whole pass."""

from __future__ import annotations

import asyncio
import logging
import time

import aiohttp

from flyball.controllers.latencyslo.controller import Controller
from flyball.controllers.predictiveautoscaler.controller import Controller as Replicas
from flyball.controllers.predictiveautoscaler.forecasts import Forecasts
from flyball.crosscheck import theta
from flyball.crosscheck.check import CrossCheck
from flyball.kube import lease
from flyball.kube.client import Kube, KubeError
from flyball.kube.events import Recorder
from flyball.runtime.health import Health
from flyball.runtime.lane import Lane
from flyball.runtime.metrics import Metrics
from flyball.runtime.settings import Settings
from flyball.runtime.watches import CHECK_SECONDS, GRACE_SECONDS, Watches
from flyball.signals import Prometheus
from flyball.signals.demand import DemandQuery, history

log = logging.getLogger(__name__)

WHOLE_TICKS, READY_TICKS, ALIVE_TICKS = 2.0, 4.0, 40.0
"""An object not looked at for this many ticks: the pass is not whole; the leader is not ready; the process is to be restarted. The last is long
(10 minutes): a restart does not bring an API server back."""

FILL_RETRY_SECONDS = 2.0
DAY_SECONDS = 86_400.0
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
        recorder = Recorder(kube, settings.identity)
        recorder.on_write = lambda: self.metrics.writes.labels("event").inc()
        self.controller = Controller(kube, prometheus, recorder, self.metrics, settings)
        self.forecasts = self._forecasts(prometheus)
        self.replicas = Replicas(kube, prometheus, recorder, self.metrics, settings, self.controller.pods, self.forecasts)
        self.quotas_lane = Lane(self.controller, self.metrics, settings.tick_seconds, settings.workers, self.controller.give_back)
        self.replicas_lane = Lane(self.replicas, self.metrics, settings.tick_seconds, settings.workers)
        self.watches = Watches(kube, self.controller, self.quotas_lane.queue, self.replicas, self.replicas_lane.queue)
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
            lanes = (self.quotas_lane, self.replicas_lane)
            tasks += [asyncio.create_task(lane.work()) for lane in lanes]
            background = [self.watches.watch(stop), self._keep_fresh(), self._check(), self.forecasts.run(), self.replicas.run()]
            if self.forecasts.check:
                background.append(self.forecasts.check.run())
            tasks += [asyncio.create_task(its) for its in background]
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
                await self.replicas.checkpoint_all()
        except (TimeoutError, KubeError) as error:
            log.warning("the last states were not all written: %s", error or "no time was left")

    def _forecasts(self, prometheus: Prometheus) -> Forecasts:
        async def read(query: DemandQuery, start: float, end: float) -> dict[float, float]:
            return await history(prometheus, query, start, end)

        forecasts = Forecasts(read, self._settings.history_days * DAY_SECONDS)
        forecasts.on_tick = self.metrics.forecast_ticks.observe
        if self._settings.cross_check and theta.available():
            forecasts.check = CrossCheck()
            forecasts.check.on_fit = lambda outcome: self.metrics.crosscheck_fits.labels(outcome).inc()
            forecasts.check.on_ratio = lambda key, ratio: self.metrics.crosscheck.labels(*key).set(ratio)
        elif self._settings.cross_check:
            log.info("forecasts are not cross-checked: statsmodels is not installed (pip install 'flyball[crosscheck]')")
        return forecasts

    async def _fill(self) -> None:
        while True:
            try:
                await self.watches.fill()
            except KubeError as error:
                log.error("the caches cannot be filled: %s", error)
                await asyncio.sleep(FILL_RETRY_SECONDS)
            else:
                return

    async def _keep_fresh(self) -> None:
        """Renew the plans' Lease, as long as every object was looked at to the end not long ago."""
        since: float | None = None
        told = False
        while True:
            late = self.watches.silent() or self.quotas_lane.late(WHOLE_TICKS)
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
        return self.watches.silent() or self.quotas_lane.overdue(READY_TICKS) or self.replicas_lane.overdue(READY_TICKS)

    def _stuck(self) -> str | None:
        lanes = (self.quotas_lane, self.replicas_lane)
        if problem := next(filter(None, (lane.passes.hanging() for lane in lanes)), None) or self.watches.silent():
            return problem
        return next(filter(None, (lane.overdue(ALIVE_TICKS) for lane in lanes)), None)
