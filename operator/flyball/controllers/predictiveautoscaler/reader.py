"""Asks Prometheus how an object stands, and has forecasts and capacities learn from what it says; all objects' looks go through one of these."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Sequence

from flyball.api.meta import LabelSelector
from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from flyball.controllers.predictiveautoscaler import signals
from flyball.controllers.predictiveautoscaler.forecasts import Forecasts
from flyball.controllers.predictiveautoscaler.signals import Learned, Reading, Seen
from flyball.kube.pods import Pod, PodCache
from flyball.replicas import Decision, Need, Observation
from flyball.signals import Joint, Prometheus, SignalError


class Reader:
    """Reads for all objects, so that looks that run side by side ask together."""

    def __init__(self, prometheus: Prometheus, forecasts: Forecasts, pods: PodCache, allow_promql: bool) -> None:
        self._prometheus = prometheus
        self._joint = Joint(prometheus)
        self._forecasts = forecasts
        self._pods = pods
        self._allow_promql = allow_promql

    async def ask(self, pas: PredictiveAutoscaler, learned: Learned, selector: LabelSelector | None, now: float) -> list[Reading]:
        """What is served, and the CPU with it, once a minute; `selector`: of the target's pods, as of the last look.

        For before anything is waited for, so that looks that begin together ask together.
        """
        demands = self._demands(pas, learned, now)
        if selector is None or not signals.utilisation_due(learned, now):
            return await demands
        namespace = pas.metadata.namespace
        cpu = self.utilisation(namespace, self._pods.selected(namespace, selector), learned, now)
        return (await asyncio.gather(demands, cpu))[0]

    async def utilisation(self, namespace: str, pods: Sequence[Pod], learned: Learned, now: float) -> None:
        """The CPU that pods use, into `learned`, where it was not asked for in the last minute."""
        await signals.read_utilisation(self._joint, namespace, pods, learned, now)

    def seen(self, pas: PredictiveAutoscaler, readings: Sequence[Reading], learned: Learned, lead: float) -> list[Seen]:
        """Each demand with what is ahead of it; its series is followed from now on."""
        namespace, name = pas.metadata.namespace, pas.metadata.name
        priced_lead = lead if signals.priced(pas.spec) else None
        found = []
        for demand, reading in zip(pas.spec.demands, readings, strict=True):
            window = learned.window(demand.name).seconds
            with contextlib.suppress(SignalError):  # the reading has told it
                query = signals.query(demand, namespace, self._allow_promql).over(window)
                self._forecasts.follow((namespace, name, demand.name), query, priced_lead)
            ahead = self._forecasts.ahead((namespace, name, demand.name))
            carries = signals.carried(demand, pas.spec, learned)
            learns = demand.stated_capacity is None
            found.append(Seen(demand, reading.value, reading.age_seconds, carries, learns, ahead, reading.problem, window / 2))
        self._forecasts.forget(namespace, name, keep=frozenset(demand.name for demand in pas.spec.demands))
        return found

    def weigh(self, pas: PredictiveAutoscaler, need: Need, lead: float, learned: Learned, now: float) -> Need:
        """The need with what earlier demand did to what was expected of it."""
        misses = self._forecasts.misses((pas.metadata.namespace, pas.metadata.name, need.name))
        return signals.weigh(need, misses, lead, learned.utilisation, now)

    def learn(self, pas: PredictiveAutoscaler, learned: Learned, seen: Sequence[Seen], observation: Observation, decision: Decision) -> None:
        """Have forecasts and capacities learn from the look."""
        now = observation.time
        for its in seen:
            # A workload that is too small serves less than is asked: that is no demand to learn from.
            value = math.nan if decision.saturated or its.problem else its.value
            self._forecasts.note((pas.metadata.namespace, pas.metadata.name, its.demand.name), now, value)
        settled = not (decision.saturated or observation.rolling or observation.starting)
        if settled and learned.cpu_at == now:
            signals.learn(pas, learned, seen, observation.ready, now)

    async def _demands(self, pas: PredictiveAutoscaler, learned: Learned, now: float) -> list[Reading]:
        found = []
        for demand in pas.spec.demands:
            client = self._prometheus if demand.promql else self._joint  # what a user wrote is asked as it was written
            window = learned.window(demand.name)
            found.append(await signals.read_demand(client, pas, demand, window, now, self._allow_promql))
        return found
