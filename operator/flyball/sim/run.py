"""One run: arrivals drawn, the engine advanced from tick to tick, the policy asked, the accounts kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.sim.account import Account
from flyball.sim.arrivals import CHUNK_SECONDS, Arrivals, Given
from flyball.sim.plant import Plant
from flyball.sim.policy import Facts, Floats, Policy, Quotas, Samples
from flyball.sim.requests import Requests
from flyball.sim.result import Result
from flyball.sim.retries import Retries
from flyball.sim.scrape import WINDOW_SECONDS, Scrapes, routes
from flyball.sim.spec import Application
from flyball.slo import Objective

Disturb = Callable[[int, Plant], None]
"""Called before each second with its number and the plant, which it may change (work, speed, delay, mix, replicas)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run is made. The defaults are those of the comparison."""

    level: str = "fluid"
    """`fluid`: quota per period, used up as it is needed. `sliced`: with per-CPU slices, leftovers, ticks and the slack timer of the kernel."""
    contention: bool = False
    """Whether a node's containers compete for its cores by weight; without, each has all the cores it can use."""
    burst: bool = False
    """Whether policies may write a burst allowance."""
    lag_seconds: float = 15.0
    """Age that a scrape must have to be seen: at 15 the minute that is seen lies 15 to 75 s back, or up to 15 s more by its phase."""
    lookback_seconds: float = 60.0
    scrape_seconds: float = 15.0
    warmup_seconds: float = 0.0
    """Beginning of the run that is not scored. A whole number of minutes."""
    keep_seconds: bool = False
    keep_latency: bool = False
    retry_after_seconds: float = 0.0
    """Clients give a request up after this long, wait a second and send it once more; what they gave up runs to its end. 0: they wait for ever.
    A retry is load; scored is the request that was given up, and it was slow."""
    pod_quota: bool = False
    """Whether pods carry the sum of their containers' limits as a quota of their own, as the kubelet writes it. Level sliced only."""


def simulate(
    application: Application,
    rates: Floats,
    policy: Policy,
    seed: int,
    settings: Settings = Settings(),
    *,
    disturb: Disturb | None = None,
    arrivals: Floats | None = None,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Run `policy` on `application` for `len(rates)` seconds.

    `rates` holds requests per second, one value a second; arrivals are Poisson within each, the same for every policy at a seed, as is the work of
    each visit. `arrivals` (sorted seconds) take their place where given. `progress` is called with each second that is done. Raises ValueError for
    settings that cannot be, Overloaded when requests pile up without end.
    """
    drawn = Arrivals(rates, seed) if arrivals is None else Given(arrivals, len(rates))
    run = Run(application, drawn, policy, seed, settings)
    for second in range(drawn.seconds):
        if disturb is not None:
            disturb(second, run.plant)
        run.second(second)
        if progress is not None:
            progress(second + 1)
    return run.result()


class Run:
    """A run in steps of a second. `simulate` drives it; so does the environment."""

    def __init__(self, application: Application, arrivals: Arrivals, policy: Policy, seed: int, settings: Settings) -> None:
        if settings.warmup_seconds % 60 or settings.warmup_seconds > arrivals.seconds:
            raise ValueError("warmup_seconds must be a whole number of minutes within the run")
        if settings.retry_after_seconds and settings.retry_after_seconds < max(application.objectives()):
            raise ValueError("clients that give up before the objective has passed would hide slow requests: raise retry_after_seconds")
        self.plant = Plant(application, seed, level=settings.level, contention=settings.contention, pod_quota=settings.pod_quota)
        self.objective = Objective("requests", application.target, application.objective_seconds, WINDOW_SECONDS)
        objectives, route = routes(application)
        self.facts = Facts(application, self.objective, self.plant.service, self.plant.grant, self.plant.names, settings.burst, seed)
        size = arrivals.total * (2 if settings.retry_after_seconds else 1)
        self.requests = Requests(size, application.objectives())
        self._retries = Retries(settings.retry_after_seconds, arrivals.total) if settings.retry_after_seconds else None
        self._arrivals, self._policy, self._settings, self._seed = arrivals, policy, settings, seed
        self._chunk: Floats = np.zeros(0)
        self.scrapes = Scrapes(
            objectives,
            route,
            self.plant.service,
            len(application.services),
            self.plant.grant,
            seed,
            scrape_seconds=settings.scrape_seconds,
            lookback_seconds=settings.lookback_seconds,
            lag_seconds=settings.lag_seconds,
        )
        self._account = Account(application, self.plant, arrivals, keep_seconds=settings.keep_seconds)
        self._ticks = max(1, round(1.0 / policy.tick_seconds))
        self.engine_seconds = self.fast_seconds = self.slow_seconds = 0.0
        self._fast_ticks = self._slow_ticks = 0
        count = len(self.plant.grant)
        self._before = np.zeros((5, count))
        self._written: NDArray[np.bool_] = np.zeros(count, np.bool_)
        self._enforce(policy.start(self.facts))
        self._kept: list[Floats] = []

    def second(self, second: int) -> None:
        """Simulate one second, then let the policy act."""
        if second % CHUNK_SECONDS == 0:
            self._chunk = self._arrivals.chunk(second // CHUNK_SECONDS)
            if self._retries is None:
                self.plant.feed(self._chunk)
            if self._settings.keep_latency:
                self._kept.append(self._chunk)
        if self._retries is not None:
            first, end = np.searchsorted(self._chunk, [second, second + 1])
            self.plant.feed(*self._retries.merge(second, self._chunk[first:end], self.requests.latency))
        done = second + 1
        for tick in range(1, self._ticks + 1):
            until = float(done) if tick == self._ticks else second + tick / self._ticks
            begun = time.process_time()
            self.plant.advance(until, self.requests)
            self.engine_seconds += time.process_time() - begun
            self._account.tick(self.plant, 1.0 / self._ticks)
            if tick == self._ticks:
                self._close(done)
            self._fast(until)

    def result(self) -> Result:
        """What the run leaves behind; the whole of it is scored but the warm-up."""
        settings, application = self._settings, self.plant.application
        warmup = int(settings.warmup_seconds) // 60
        return Result(
            application=application.name,
            policy=self._policy.name,
            seed=self._seed,
            objective_seconds=application.objective_seconds,
            target=application.target,
            minutes=self._account.minutes(self.requests, self._arrivals.total, self._chunk),
            seconds=self._account.seconds(),
            latency=self.requests.latency[: self._arrivals.total] if settings.keep_latency else np.zeros(0, np.float32),
            kinds=self.requests.kinds[: self._arrivals.total] if settings.keep_latency else np.zeros(0, np.uint8),
            arrival=np.concatenate(self._kept) if self._kept else np.zeros(0),
            names=self.plant.names,
            service_quota=self._account.by_service(warmup, used=False),
            service_used=self._account.by_service(warmup, used=True),
            visits=self.plant.visits,
            engine_cpu_seconds=self.engine_seconds,
            fast_cpu_seconds=self.fast_seconds,
            slow_cpu_seconds=self.slow_seconds,
            fast_ticks=self._fast_ticks,
            slow_ticks=self._slow_ticks,
            score_from=warmup,
            retries=self._retries.count if self._retries else 0,
        )

    def _close(self, done: int) -> None:
        """End of a second: counters recorded for the scrapes, and the slow tick when it is due."""
        totals = self._account
        self.scrapes.record(done, totals.usage, totals.quota_seconds, totals.throttled, totals.active_seconds, self.requests, self.plant.finished)
        if done % self._policy.slow_seconds == 0:
            begun = time.process_time()
            self._policy.slow(self.scrapes.observe(done, self.requests))
            self.slow_seconds += time.process_time() - begun
            self._slow_ticks += 1

    def _fast(self, now: float) -> None:
        plant = self.plant
        after = np.stack([plant.usage, plant.throttled, plant.throttled_by_pod, plant.periods, plant.waited])
        rise = after - self._before
        self._before = after
        throttled, by_pod, periods = rise[1:4].astype(np.int64)
        samples = Samples(
            now, 1.0 / self._ticks, rise[0], throttled, by_pod, periods, plant.quota.copy(), plant.burst.copy(), self._written, plant.active,
            rise[4],
        )  # fmt: skip
        begun = time.process_time()
        quotas = self._policy.fast(samples)
        self.fast_seconds += time.process_time() - begun
        self._fast_ticks += 1
        self._enforce(quotas)

    def _enforce(self, quotas: Quotas | None) -> None:
        if quotas is None:
            self._written = np.zeros(len(self.plant.grant), np.bool_)
            return
        if quotas.weight is not None:
            self.plant.write_weight(quotas.weight)
        self._written = self.plant.write(quotas.quota, quotas.burst if self._settings.burst else None)
