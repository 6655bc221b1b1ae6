"""Reads how an object stands: its demands, what its replicas use, what one carries and how long one takes; all into one `Observation`."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flyball.api import duration
from flyball.api.behavior import PolicyUnit, ScaleDown, ScaleUp, SelectPolicy
from flyball.api.demand import Demand
from flyball.api.predictiveautoscaler import PredictiveAutoscaler, PredictiveAutoscalerSpec
from flyball.controllers.predictiveautoscaler.ahead import Ahead
from flyball.kube.pods import Pod
from flyball.replicas import Behaviour, Need, PlanSettings, Policy
from flyball.replicas import capacity as capacities
from flyball.replicas.misses import MEDIAN, Misses
from flyball.replicas.readiness import LONGEST_SECONDS, STARTS, ReadyAfter, Start, ready_after
from flyball.replicas.types import Unit
from flyball.signals import Asked, SignalError
from flyball.signals import demand as demands

CPU_SECONDS = 60.0
"""CPU is read once a minute: cAdvisor's counters move every 10 to 30 s, and capacity is learned by the minute. What it is a mean over is learned."""
OLD_FORECAST_SECONDS = 600.0
"""A forecast made longer ago than this is not gone by, as the engine itself gives up after ten minutes without values."""


@dataclass(slots=True)
class Learned:
    """What is kept of one object between looks. Lost with the process: then it is learned again, and the plan is careful meanwhile."""

    capacity: dict[str, capacities.Capacity] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    """Pod's UID -> its start."""
    utilisation: float = math.nan
    cpu_at: float = -math.inf
    cpu_window: demands.Window = field(default_factory=demands.Window)
    windows: dict[str, demands.Window] = field(default_factory=dict)
    """Demand -> what its rate is a mean over."""

    def window(self, demand: str) -> demands.Window:
        return self.windows.setdefault(demand, demands.Window())


@dataclass(frozen=True, slots=True)
class Reading:
    """What Prometheus said of one demand: work per second, how old, and what is wrong with it."""

    value: float
    age_seconds: float
    problem: SignalError | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One demand as it was read."""

    demand: Demand
    value: float
    age_seconds: float
    capacity: float
    learned: bool
    ahead: Ahead | None
    problem: SignalError | None
    behind_seconds: float = demands.BEHIND_SECONDS
    """How far the value, a mean, is behind a rising load."""


def query(demand: Demand, namespace: str, allow_promql: bool) -> demands.DemandQuery:
    """The demand as PromQL. Raises SignalError where free expressions are not allowed."""
    if demand.counter:
        return demands.counter(namespace, demand.counter.metric, demand.counter.matchers or {})
    if demand.preset:
        return demands.mesh(namespace, demand.preset.name.value, demand.preset.workload)
    return demands.free(demand.promql.rate if demand.promql else "", allow_promql)


async def read_demand(
    prometheus: Asked, pas: PredictiveAutoscaler, demand: Demand, window: demands.Window, now: float, allow_promql: bool
) -> Reading:
    """The demand as of now, as the mean over `window`, which learns on the way; never raises."""
    try:
        reading = await demands.read(prometheus, query(demand, pas.metadata.namespace, allow_promql), window, now)
    except SignalError as error:
        return Reading(math.nan, math.inf, error)
    return Reading(reading.value, max(0.0, now - reading.time), None)


def utilisation_due(learned: Learned, now: float) -> bool:
    """Whether the CPU was read a minute ago; or never, or by a clock that has gone back."""
    return not 0 <= now - learned.cpu_at < CPU_SECONDS


async def read_utilisation(prometheus: Asked, namespace: str, pods: Sequence[Pod], learned: Learned, now: float) -> None:
    """CPU used by ready pods over what their specs grant, into `learned`, once a minute; NaN where nobody knows."""
    if not utilisation_due(learned, now):
        return
    ready = [pod for pod in pods if pod.ready_at is not None]
    grants = [pod.grant_milli for pod in ready]
    learned.utilisation, learned.cpu_at = math.nan, now
    granted = sum(grant for grant in grants if grant)
    if not ready or not all(grants):
        return  # without a grant there is nothing that use could be a share of
    names = "|".join(sorted(re.escape(pod.name).replace("\\", "\\\\") for pod in ready))
    with contextlib.suppress(SignalError):
        learned.utilisation = 1000 * await demands.cores(prometheus, demands.cpu(namespace, names), learned.cpu_window, now) / granted


def watch_starts(learned: Learned, pods: Sequence[Pod], now: float) -> None:
    """Note which pods start and which have; those that are gone are remembered while there is room."""
    for pod in pods:
        known = learned.starts.get(pod.uid)
        if known is None or (known.ready is None and pod.ready_at is not None):
            learned.starts[pod.uid] = Start(pod.created, pod.ready_at)
    here = {pod.uid for pod in pods}
    for uid in [uid for uid, start in learned.starts.items() if start.ready is None and (uid not in here or now - start.created > LONGEST_SECONDS)]:
        del learned.starts[uid]
    while len(learned.starts) > 2 * STARTS:
        del learned.starts[min(learned.starts, key=lambda uid: learned.starts[uid].created)]


def lead(spec: PredictiveAutoscalerSpec, learned: Learned, now: float) -> ReadyAfter:
    """Time until a replica serves: stated, or learned."""
    if spec.ready_after:
        return ReadyAfter(duration.seconds(spec.ready_after), 0)
    return ready_after(learned.starts.values(), now)


def carried(demand: Demand, spec: PredictiveAutoscalerSpec, learned: Learned) -> float:
    """What one replica carries: stated, or the careful end of what was learned; NaN before."""
    if demand.stated_capacity is not None:
        return demand.stated_capacity
    found = capacities.estimate(learned.capacity.get(demand.name, capacities.Capacity()), spec.utilization_percent / 100)
    return found.low if found else math.nan


def learn(pas: PredictiveAutoscaler, learned: Learned, seen: Sequence[Seen], ready: int, now: float) -> None:
    """Take the minute as a sample of what a replica carries. The caller leaves out what teaches nothing."""
    for its in seen:
        if its.demand.stated_capacity is None and ready and its.problem is None:
            before = learned.capacity.get(its.demand.name, capacities.Capacity())
            learned.capacity[its.demand.name] = capacities.learn(before, now, its.value / ready, learned.utilisation)


def need(seen: Seen, horizon_seconds: float, quantile: float, now: float) -> Need:
    """The demand as the plan takes it."""
    forecast, why, largest = None, "", 0.0
    ahead = seen.ahead
    if ahead is None:
        why = "the history is not read yet."
    elif now - ahead.forecast.time > OLD_FORECAST_SECONDS:
        why = "the last forecast is too old."
    elif not ahead.usable:
        why = f"there is no usable forecast ({ahead.reason.value})."
    else:
        forecast, largest = ahead.most(horizon_seconds + seen.behind_seconds + max(0.0, now - ahead.forecast.time), quantile), ahead.largest
    return Need(seen.demand.name, seen.value, seen.capacity, seen.age_seconds, forecast, why, largest)


def priced(spec: PredictiveAutoscalerSpec) -> bool:
    """Whether a short minute has a price."""
    return spec.cost is not None and spec.cost.short_minute is not None


def quantile(spec: PredictiveAutoscalerSpec) -> float:
    """Of the forecast: stated, or the median where a short minute has a price."""
    return MEDIAN if priced(spec) else float(spec.quantile) / 100


def weigh(need: Need, misses: Misses | None, lead_seconds: float, utilisation: float, now: float) -> Need:
    """The need with what earlier demand did to what was expected of it, where that is counted; the look is learned from.

    `utilisation` is that of the look before, a minute old at most: replicas near full use serve all they can, and that is not what was asked.
    """
    if misses is None:
        return need
    full = utilisation >= PlanSettings().saturated_at
    return replace(need, shares=misses.look(now, need.demand, need.forecast, lead_seconds, teaches=not full))


def settings(spec: PredictiveAutoscalerSpec) -> PlanSettings:
    """What the plan is told to want."""
    return PlanSettings(
        minimum=spec.min_replicas,
        maximum=spec.max_replicas,
        utilisation=spec.utilization_percent / 100,
        idle_seconds=duration.seconds(spec.scale_to_zero_after),
        short_price=spec.cost.short_replica_minutes if spec.cost else None,
        cost_ceiling=spec.cost.replicas if spec.cost else None,
        out=_behaviour(spec.behavior.scale_up),
        into=_behaviour(spec.behavior.scale_down),
    )


def _behaviour(its: ScaleUp | ScaleDown) -> Behaviour:
    units: Mapping[PolicyUnit, Unit] = {PolicyUnit.PODS: Unit.PODS, PolicyUnit.PERCENT: Unit.PERCENT}
    return Behaviour(
        tuple(Policy(units[policy.type], policy.value, float(policy.period_seconds)) for policy in its.policies),
        float(its.stabilization_window_seconds),
        careful=its.select_policy is SelectPolicy.MIN,
        disabled=its.select_policy is SelectPolicy.DISABLED,
    )
