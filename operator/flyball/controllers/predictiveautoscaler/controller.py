"""The loop of one PredictiveAutoscaler: read all, decide, write, report. May run at any time, twice, or after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flyball.api.conditions import Reason
from flyball.api.meta import InvalidObject, Metadata, Mode
from flyball.api.predictiveautoscaler import PredictiveAutoscaler, Via
from flyball.api.predictiveautoscaler_status import PredictiveAutoscalerStatus
from flyball.controllers.predictiveautoscaler import signals, status
from flyball.controllers.predictiveautoscaler.conflicts import judge
from flyball.controllers.predictiveautoscaler.decisions import History
from flyball.controllers.predictiveautoscaler.export import Exporter
from flyball.controllers.predictiveautoscaler.forecasts import Forecasts
from flyball.controllers.predictiveautoscaler.memory import Memory
from flyball.controllers.predictiveautoscaler.parsed import Parser, target
from flyball.controllers.predictiveautoscaler.signals import Learned, Reading, Seen
from flyball.controllers.predictiveautoscaler.target import Scale, TargetError, Targets, rolling
from flyball.controllers.shared.autoscalers import FRESH_SECONDS, REFRESH_SECONDS, Autoscaler, Autoscalers
from flyball.controllers.shared.conditions import timestamp
from flyball.controllers.shared.outage import Outage
from flyball.controllers.shared.reporter import Reporter
from flyball.kube import paths
from flyball.kube.client import Kube, KubeError
from flyball.kube.events import Recorder
from flyball.kube.pods import PodCache
from flyball.replicas import Decision, Need, Observation, PlanState, decide
from flyball.replicas import Reason as PlanReason
from flyball.replicas import schedule as schedules
from flyball.runtime.metrics import Metrics
from flyball.runtime.settings import Settings
from flyball.signals import Joint, Prometheus, SignalError

log = logging.getLogger(__name__)

Key = tuple[str, str]

HPA_SYNC_SECONDS = 15.0
"""via HPAFloor: until an HPA has seen its new floor (the default of the controller manager's --horizontal-pod-autoscaler-sync-period)."""
STILL_SECONDS = 300.0
"""A status in which nothing moved that its reader would act on is written this often: of a thousand objects three a second."""


class Controller:
    """Looks after all PredictiveAutoscalers. The caches are filled by watches; `look` is called by the workers."""

    def __init__(
        self,
        kube: Kube,
        prometheus: Prometheus,
        recorder: Recorder,
        metrics: Metrics,
        settings: Settings,
        pods: PodCache,
        forecasts: Forecasts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.objects: dict[Key, Mapping[str, Any]] = {}
        """Raw PredictiveAutoscalers, as watched."""
        self.forecasts = forecasts
        self._pods = pods
        self._prometheus = prometheus
        self._joint = Joint(prometheus)
        self._reporter = Reporter("PredictiveAutoscaler", paths.predictiveautoscaler, kube, recorder, metrics, clock, STILL_SECONDS)
        self._exporter = Exporter(metrics)
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        self._targets = Targets(kube)
        self._autoscalers = Autoscalers(kube)
        self._outage = Outage()
        self._memory: dict[Key, Memory] = {}
        self._parser = Parser()

    async def look(self, key: Key) -> None:
        """Look at one object. Raises KubeError when the API server does not do its part; what Prometheus lacks goes into the status."""
        body = self.objects.get(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            await self._forget(key)
            return
        known = self._parser.parse(key, body)
        its, before, pas = known.metadata, known.status, known.whole
        memory = self._memory.get(key)
        if memory is None or memory.uid != its.uid:
            memory = self._memory[key] = Memory(its.uid, History.restored(before.decisions), before.hpa_floor, target(body))
        if isinstance(pas, InvalidObject):
            await self._rest(key, its, before, memory, Reason.INVALID, str(pas))
            return
        try:
            if pas.spec.suspend:
                await self._rest(key, its, before, memory, Reason.SUSPENDED, "spec.suspend is true.")
            else:
                await self._scale(key, pas, memory)
        except (TargetError, schedules.ScheduleError) as error:
            reason = Reason.INVALID
            if isinstance(error, TargetError):
                reason = Reason.TARGET_FORBIDDEN if error.forbidden else Reason.TARGET_NOT_FOUND
            report = status.resting(its, before, reason, str(error), self._clock(), memory.hpa_floor)
            await self._reporter.report(its, before, memory.told, report)
        except KubeError as error:
            if error.status:
                with contextlib.suppress(KubeError):
                    report = status.troubled(its, before, str(error), self._clock(), memory.hpa_floor)
                    await self._reporter.report(its, before, memory.told, report)
            raise

    async def checkpoint_all(self) -> None:
        """Write each object's status of now, for the next leader. Raises KubeError."""
        for key, memory in self._memory.items():
            body = self.objects.get(key)
            if body is not None:
                await self._reporter.flush(Metadata.parse(body["metadata"]), memory.told)

    async def _scale(self, key: Key, pas: PredictiveAutoscaler, memory: Memory) -> None:
        now, spec, namespace = self._clock(), pas.spec, pas.metadata.namespace
        mode = Mode(spec.mode).capped(self._settings.max_mode)
        mode = Mode.RECOMMEND if mode is Mode.CANARY else mode  # --max-mode Canary: a part of a number is a number
        autoscalers = await self._autoscalers.known(
            time.monotonic(), FRESH_SECONDS if memory.generation != pas.metadata.generation else REFRESH_SECONDS
        )
        memory.generation = pas.metadata.generation
        verdict = judge(pas, self._parser.others(key, spec.scale_target_ref.name, self.objects), autoscalers)
        readings = await self._ask(pas, memory, now)
        scale = await self._targets.read(spec.scale_target_ref, namespace)
        memory.selector = scale.selector
        pods = self._pods.selected(namespace, scale.selector) if scale.selector else []
        ready = sum(pod.ready_at is not None for pod in pods)
        signals.watch_starts(memory.learned, pods, now)
        lead = signals.lead(spec, memory.learned, now)
        seen = self._seen(pas, readings, memory.learned, lead.seconds)
        await signals.read_utilisation(self._joint, self._outage, namespace, pods, memory.learned, now)

        hpa = verdict.hpa if spec.via is Via.HPA_FLOOR else None
        current = min(hpa.floor, spec.max_replicas) if hpa else scale.replicas
        quantile, horizon = signals.quantile(spec), lead.seconds + self._settings.tick_seconds + (HPA_SYNC_SECONDS if hpa else 0.0)
        floor, _ = schedules.floor(_schedules(pas), now, horizon)
        observation = Observation(
            time=now,
            needs=tuple(self._weighed(pas, signals.need(its, horizon, quantile, now), lead.seconds, memory.learned.utilisation, now) for its in seen),
            current=current,
            ready=ready,
            utilisation=memory.learned.utilisation,
            rolling=rolling(pods),
            floor=floor,
        )
        before = memory.plan
        following, decision = decide(before, observation, signals.settings(spec))
        memory.plan = replace(following, changes=before.changes)  # what is not done, or fails, is not counted against the next step
        self._learn(pas, memory, seen, observation, decision)
        conflict = verdict.conflict
        if mode is Mode.ENFORCE and not conflict:
            conflict = await self._apply(pas, memory, scale, hpa, decision)
        else:
            await self._give_back(key, memory)
        if mode is Mode.ENFORCE and not conflict:
            memory.plan = following
        self._remember(key, memory, observation, seen, decision, lead.seconds)
        facts = status.Facts(pas, mode, now, seen, decision, scale.replicas, ready, floor, lead, memory.history, conflict, memory.hpa_floor)
        await self._reporter.report(pas.metadata, pas.status, memory.told, status.build(facts))
        self._exporter.export(key, facts)

    async def _ask(self, pas: PredictiveAutoscaler, memory: Memory, now: float) -> list[Reading]:
        """What is served. Asked before anything is waited for, so that looks that begin together ask together; and the CPU with it, once a minute."""
        demands = self._read(pas, now)
        if memory.selector is None or not signals.utilisation_due(memory.learned, now):
            return await demands
        namespace = pas.metadata.namespace
        pods = self._pods.selected(namespace, memory.selector)
        cpu = signals.read_utilisation(self._joint, self._outage, namespace, pods, memory.learned, now)
        return (await asyncio.gather(demands, cpu))[0]

    async def _read(self, pas: PredictiveAutoscaler, now: float) -> list[Reading]:
        allow = self._settings.allow_promql
        found = []
        for demand in pas.spec.demands:
            client = self._prometheus if demand.promql else self._joint  # what a user wrote is asked as it was written
            found.append(await signals.read_demand(client, self._outage, pas, demand, now, allow))
        return found

    def _weighed(self, pas: PredictiveAutoscaler, need: Need, lead: float, utilisation: float, now: float) -> Need:
        misses = self.forecasts.misses((pas.metadata.namespace, pas.metadata.name, need.name))
        return signals.weigh(need, misses, lead, utilisation, now)

    def _seen(self, pas: PredictiveAutoscaler, readings: list[Reading], learned: Learned, lead: float) -> list[Seen]:
        namespace, name = pas.metadata.namespace, pas.metadata.name
        priced_lead = lead if signals.priced(pas.spec) else None
        found = []
        for demand, reading in zip(pas.spec.demands, readings, strict=True):
            with contextlib.suppress(SignalError):  # the reading has told it
                self.forecasts.follow((namespace, name, demand.name), signals.query(demand, namespace, self._settings.allow_promql), priced_lead)
            ahead = self.forecasts.ahead((namespace, name, demand.name))
            carries = signals.carried(demand, pas.spec, learned)
            learns = demand.stated_capacity is None
            found.append(Seen(demand, reading.value, reading.age_seconds, carries, learns, ahead, reading.problem))
        self.forecasts.forget(namespace, name, keep=frozenset(demand.name for demand in pas.spec.demands))
        return found

    def _learn(self, pas: PredictiveAutoscaler, memory: Memory, seen: list[Seen], observation: Observation, decision: Decision) -> None:
        now = observation.time
        for its in seen:
            # A workload that is too small serves less than is asked: that is no demand to learn from.
            value = math.nan if decision.saturated or its.problem else its.value
            self.forecasts.note((pas.metadata.namespace, pas.metadata.name, its.demand.name), now, value)
        settled = not (decision.saturated or observation.rolling or observation.starting)
        if settled and memory.learned.cpu_at == now:
            signals.learn(pas, memory.learned, seen, observation.ready, now)

    async def _apply(
        self, pas: PredictiveAutoscaler, memory: Memory, scale: Scale, hpa: Autoscaler | None, decision: Decision
    ) -> tuple[Reason, str] | None:
        """Make it so where it is not. Returns why not, if somebody keeps the field or there is no HPA."""
        spec, namespace, replicas = pas.spec, pas.metadata.namespace, decision.replicas
        if spec.via is Via.SCALE:
            if replicas == scale.replicas or decision.reasons[0] is PlanReason.DISABLED:
                return None
            kept = await self._targets.write(spec.scale_target_ref, namespace, scale, replicas)
        elif hpa is None:
            return Reason.NO_HPA, f"via HPAFloor: no HorizontalPodAutoscaler scales {spec.scale_target_ref}; make one, or use via Scale."
        else:
            floor = min(max(replicas, 1), hpa.ceiling or replicas)
            if memory.hpa_floor is None:
                memory.hpa_floor = hpa.floor
            floor = max(floor, memory.hpa_floor)
            if floor == hpa.floor:
                return None
            if memory.told.written.get("hpaFloor") != memory.hpa_floor:
                # Before the floor moves: whoever is killed in between finds what to give back, and does not take the moved floor for the user's.
                await self._reporter.report(pas.metadata, pas.status, memory.told, status.noted(pas.status, memory.hpa_floor), must=True)
            kept = await self._targets.write_floor(namespace, hpa.name, floor)
            if not kept:
                self._autoscalers.moved(hpa, floor)
        if kept:
            return Reason.FIELD_OWNED, kept
        self._metrics.writes.labels("scale").inc()
        return None

    async def _give_back(self, key: Key, memory: Memory) -> None:
        """Set the HPA's floor back to what it was before. Replicas of a target stay: whoever takes over finds them as they are needed."""
        if memory.hpa_floor is None:
            return
        autoscalers = await self._autoscalers.known(time.monotonic())
        hpa = next((its for its in autoscalers if its.horizontal and _scales(its, key[0], memory.target)), None)
        if hpa and hpa.floor != memory.hpa_floor:
            await self._targets.write_floor(key[0], hpa.name, memory.hpa_floor)
            self._autoscalers.moved(hpa, memory.hpa_floor)
        memory.hpa_floor = None

    async def _rest(self, key: Key, its: Metadata, before: PredictiveAutoscalerStatus, memory: Memory, reason: Reason, message: str) -> None:
        await self._give_back(key, memory)
        self.forecasts.forget(*key)
        memory.plan = PlanState()
        await self._reporter.report(its, before, memory.told, status.resting(its, before, reason, message, self._clock()))

    def _remember(self, key: Key, memory: Memory, observation: Observation, seen: list[Seen], decision: Decision, lead: float) -> None:
        now = observation.time
        need = next((its for its in observation.needs if its.name == decision.governing), None)
        demand, forecast = (status.number(need.demand), status.number(need.forecast)) if need else (None, None)
        history = memory.history.observe(now, observation.ready, demand)
        memory.history, news = history.add(decision, observation.current, now, timestamp(now), lead, demand, forecast)
        if news:
            log.info("%s/%s: %d -> %d: %s", *key, observation.current, decision.replicas, decision.message)

    async def _forget(self, key: Key) -> None:
        memory = self._memory.get(key)
        if memory:
            await self._give_back(key, memory)
        self._memory.pop(key, None)
        self._parser.forget(key)
        self.forecasts.forget(*key)
        self._exporter.forget(key)


def _scales(hpa: Autoscaler, namespace: str, target: tuple[str, str]) -> bool:
    return hpa.namespace == namespace and (hpa.target.kind, hpa.target.name) == target


def _schedules(pas: PredictiveAutoscaler) -> list[schedules.Schedule]:
    return [
        schedules.Schedule(its.name, frozenset(day.value for day in its.days), its.start, its.end, its.time_zone, its.min_replicas)
        for its in pas.spec.schedules
    ]
