"""The simulator fitted on the Observe phase: what was measured while nothing was throttled in, an `Application` out. No policy has run by then.

Measured: CPU of each service without load and per request, the median and the 99 % quantile of latency. Known: call graph, steps of work, sizes of
requests (`graph`), limits. Two figures are fitted: time without CPU per visit, to the median, and the spread of a visit's work, to the 99 % quantile.
Throttling is not fitted: what the simulator says of any quota below the limits is a prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from flyball.sim.spec import Application, Node, Service
from tests.benchmarks.live.graph import SERVICES, Route, demand, request_types

STEP_SECONDS = 35e-6
"""A step of the shop's work: 0.03 to 0.04 ms by its own benchmark (examples/shop/work.go). CPU beyond steps (connections, garbage collection)
is the same for each visit."""
AFTER_SHARE = 0.5
"""Share of that remainder that comes after the sub-calls: reading their answers and writing one's own. Ours."""
PARALLEL = 2
"""GOMAXPROCS of the shop: its limits are below 2 cores, and Go takes no less (examples/shop/README.md)."""
BACKGROUND_SECONDS = 2.5
"""A probe and a scrape in five seconds (shop.yaml, the demo's Prometheus)."""
ROUNDS, HALVINGS = 3, 7
"""Each figure in turn, to 1/128 of its range."""
DELAY_MOST, TAIL_MOST = 0.02, 1.5
"""Seconds a visit; sigma. Ends of the searches."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Means of the Observe phase."""

    requests_per_second: float
    idle_cores: Mapping[str, float]
    """Per service, without load."""
    busy_cores: Mapping[str, float]
    p50_seconds: float
    p99_seconds: float


@dataclass(frozen=True, slots=True)
class Fit:
    """All that the fitted application is made of."""

    grants: Mapping[str, float]
    """Limits, cores."""
    cores: int
    """Of the machine."""
    background: Mapping[str, float]
    step_seconds: Mapping[str, float]
    overhead_seconds: Mapping[str, float]
    """CPU of each visit beyond its steps."""
    tail: float = 0.0
    delay_seconds: float = 0.0

    def application(self, objective_seconds: float, target: float) -> Application:
        def work(service: str, route: Route, count: int) -> tuple[float, float]:
            overhead = self.overhead_seconds[service]
            after = AFTER_SHARE * overhead if route.stages else 0.0
            return self.step_seconds[service] * (route.base + route.item * count) + overhead - after, after

        return Application(
            name="shop (fitted)",
            objective_seconds=objective_seconds,
            services=tuple(
                Service(
                    name,
                    self.grants[name],
                    parallel=PARALLEL,
                    background_cores=self.background[name],
                    background_period_seconds=BACKGROUND_SECONDS,
                )
                for name in SERVICES
            ),
            request_types=request_types(work, self.tail, self.delay_seconds),
            nodes=(Node("node", self.cores),),
            target=target,
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Simulated = Callable[[Fit], tuple[float, float]]


def work_of(observed: Observed, grants: Mapping[str, float], cores: int) -> Fit:
    """CPU per visit from CPU per request. Where a service used less than its steps should, its steps are cheaper here and there is no remainder."""
    step, overhead, background = {}, {}, {}
    for name, (visits, steps) in demand().items():
        background[name] = max(0.0, min(observed.idle_cores[name], 0.5 * observed.busy_cores[name]))
        per_request = (observed.busy_cores[name] - background[name]) / observed.requests_per_second
        step[name] = min(STEP_SECONDS, per_request / steps)
        overhead[name] = max(0.0, per_request - step[name] * steps) / visits
    return Fit(grants, cores, background, step, overhead)


def unfitted(grants: Mapping[str, float], cores: int) -> Fit:
    """Before anything was measured: steps alone."""
    nothing = dict.fromkeys(SERVICES, 0.0)
    return Fit(grants, cores, nothing, dict.fromkeys(SERVICES, STEP_SECONDS), nothing)


def bisect(measure: Callable[[float], float], wanted: float, most: float) -> float:
    """The value from 0 to `most` at which a rising measure is `wanted`, to one part in 2^HALVINGS; an end where it lies outside."""
    low, high = 0.0, most
    if measure(low) >= wanted:
        return low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if measure(middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def latency(fit: Fit, observed: Observed, simulated: Simulated) -> Fit:
    """Delay and spread in turn. `simulated` runs the Observe phase: its median and 99 % quantile, seconds."""
    for _ in range(ROUNDS):
        fit = replace(fit, delay_seconds=bisect(partial(_median, fit, simulated), observed.p50_seconds, DELAY_MOST))
        fit = replace(fit, tail=bisect(partial(_tail, fit, simulated), observed.p99_seconds, TAIL_MOST))
    return fit


def _median(fit: Fit, simulated: Simulated, delay_seconds: float) -> float:
    return simulated(replace(fit, delay_seconds=delay_seconds))[0]


def _tail(fit: Fit, simulated: Simulated, tail: float) -> float:
    return simulated(replace(fit, tail=tail))[1]
