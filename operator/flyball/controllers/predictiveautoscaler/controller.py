"""The loop of one PredictiveAutoscaler: read all, decide, write, report. May run at any time, twice, or after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flyball.api.conditions import Reason
from flyball.api.meta import InvalidObject, Metadata, Mode
from flyball.api.predictiveautoscaler import PredictiveAutoscaler, Via
from flyball.api.predictiveautoscaler_status import PredictiveAutoscalerStatus
from flyball.controllers.predictiveautoscaler import signals, status
from flyball.controllers.predictiveautoscaler.conflicts import judge
from flyball.controllers.predictiveautoscaler.decisions import History
from flyball.controllers.predictiveautoscaler.export import Exporter
from flyball.controllers.predictiveautoscaler.floors import Floors, stands
from flyball.controllers.predictiveautoscaler.forecasts import Forecasts
from flyball.controllers.predictiveautoscaler.memory import Memory
from flyball.controllers.predictiveautoscaler.parsed import Parser
from flyball.controllers.predictiveautoscaler.reader import Reader
from flyball.controllers.predictiveautoscaler.signals import Seen
from flyball.controllers.predictiveautoscaler.target import Scale, TargetError, Targets
from flyball.controllers.shared.autoscalers import FRESH_SECONDS, REFRESH_SECONDS, Autoscaler, Autoscalers
from flyball.controllers.shared.conditions import timestamp
from flyball.controllers.shared.reporter import Reporter
from flyball.kube import paths
from flyball.kube.client import Kube, KubeError
from flyball.kube.events import Recorder
from flyball.kube.pods import PodCache
from flyball.replicas import Decision, Observation, PlanState, decide
from flyball.replicas import Reason as PlanReason
from flyball.replicas import schedule as schedules
from flyball.runtime.metrics import Metrics
from flyball.runtime.settings import Settings
from flyball.signals import Prometheus

log = logging.getLogger(__name__)

Key = tuple[str, str]

HPA_SYNC_SECONDS = 15.0
"""via HPAFloor: until an HPA has seen its new floor (the default of the controller manager's --horizontal-pod-autoscaler-sync-period)."""
STILL_SECONDS = 300.0
"""A status in which nothing moved that its reader would act on is written this often: of a thousand objects three a second."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a decision."""

    moved: bool = False
    """Whether anything was written: what was not is no step, to be counted against the next one or told as one."""
    conflict: tuple[Reason, str] | None = None

    @classmethod
    def of(cls, kept: str | None) -> Done:
        """After a write; `kept`: a manager keeps the field, which was left alone."""
        return cls(conflict=(Reason.FIELD_OWNED, kept)) if kept else cls(moved=True)


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
        self._reader = Reader(prometheus, forecasts, pods, settings.allow_promql)
        self._reporter = Reporter("PredictiveAutoscaler", paths.predictiveautoscaler, kube, recorder, metrics, clock, STILL_SECONDS)
        self._exporter = Exporter(metrics)
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        self._targets = Targets(kube)
        self._autoscalers = Autoscalers(kube)
        self._floors = Floors(self._targets, self._autoscalers)
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
            memory = self._memory[key] = Memory(its.uid, History.restored(before.decisions), before.hpa_floor)
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
            self._exporter.forget(key)
            report = status.resting(its, before, reason, str(error), self._clock(), memory.hpa_floor)
            await self._reporter.report(its, before, memory.told, report)
        except KubeError as error:
            if error.status:
                with contextlib.suppress(KubeError):
                    report = status.troubled(its, before, str(error), self._clock(), memory.hpa_floor)
                    await self._reporter.report(its, before, memory.told, report)
            raise

    async def run(self) -> None:
        """Give back what objects raised that are not there any more, at the leader's start and each minute; ends only when cancelled."""
        while True:
            try:
                await self.give_back_orphans()
            except KubeError as error:
                log.warning("floors of objects that are gone are not given back yet: %s", error)
            except Exception:  # a loop's edge: the looks do their work without it
                log.exception("floors of objects that are gone are not given back yet")
            await asyncio.sleep(REFRESH_SECONDS)

    async def give_back_orphans(self) -> None:
        """Give back what objects raised that were deleted while no operator led. Once the caches are filled: before, all are missing."""
        await self._floors.give_back_orphans(lambda key: key in self.objects and not self.objects[key]["metadata"].get("deletionTimestamp"))

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
        hpa = verdict.hpa if spec.via is Via.HPA_FLOOR else None
        acts = mode is Mode.ENFORCE and not verdict.conflict
        await self._floors.give_back(*key, keep=hpa if acts else None)
        memory.hpa_floor = hpa.own_floor if hpa and acts else None
        readings = await self._reader.ask(pas, memory.learned, memory.selector, now)
        scale = await self._targets.read(spec.scale_target_ref, namespace)
        memory.selector = scale.selector
        pods = self._pods.selected(namespace, scale.selector) if scale.selector else []
        ready = sum(pod.ready_at is not None for pod in pods)
        signals.watch_starts(memory.learned, pods, now)
        lead = signals.lead(spec, memory.learned, now)
        seen = self._reader.seen(pas, readings, memory.learned, lead.seconds)
        await self._reader.utilisation(namespace, pods, memory.learned, now)

        current = min(hpa.floor, spec.max_replicas) if hpa else scale.replicas
        quantile, horizon = signals.quantile(spec), lead.seconds + self._settings.tick_seconds + (HPA_SYNC_SECONDS if hpa else 0.0)
        floor, _ = schedules.floor(_schedules(pas), now, horizon)
        observation = Observation(
            time=now,
            needs=tuple(self._reader.weigh(pas, signals.need(its, horizon, quantile, now), lead.seconds, memory.learned, now) for its in seen),
            current=current,
            ready=ready,
            utilisation=memory.learned.utilisation,
            rolling=memory.rollout.runs(pods, now),
            floor=floor,
        )
        before = memory.plan
        following, decision = decide(before, observation, signals.settings(spec))
        memory.plan = replace(following, changes=before.changes)  # what is not done, or fails, is not counted against the next step
        self._reader.learn(pas, memory.learned, seen, observation, decision)
        done = await self._apply(pas, memory, scale, hpa, decision) if acts else Done(conflict=verdict.conflict)
        if done.moved:
            memory.plan = following
        self._remember(key, memory, observation, seen, decision, lead.seconds, moved=done.moved)
        facts = status.Facts(pas, mode, now, seen, decision, scale.replicas, ready, floor, lead, memory.history, done.conflict, memory.hpa_floor)
        self._exporter.export(key, facts)
        await self._reporter.report(pas.metadata, pas.status, memory.told, status.build(facts))

    async def _apply(self, pas: PredictiveAutoscaler, memory: Memory, scale: Scale, hpa: Autoscaler | None, decision: Decision) -> Done:
        """Make it so where it is not, if nobody keeps the field and there is an HPA where one is needed."""
        spec, namespace, replicas = pas.spec, pas.metadata.namespace, decision.replicas
        if spec.via is Via.HPA_FLOOR:
            done = await self._raise(pas, memory, hpa, replicas)
        elif replicas == scale.replicas or decision.reasons[0] is PlanReason.DISABLED:
            return Done()
        else:
            done = Done.of(await self._targets.write(spec.scale_target_ref, namespace, scale, replicas))
        if done.moved:
            self._metrics.writes.labels("scale").inc()
        return done

    async def _raise(self, pas: PredictiveAutoscaler, memory: Memory, hpa: Autoscaler | None, replicas: int) -> Done:
        name = pas.metadata.name
        if hpa and stands(hpa, name, replicas):
            return Done()
        hpa = await self._floors.latest(hpa) if hpa else None
        if hpa is None:
            memory.hpa_floor = None
            message = f"via HPAFloor: no HorizontalPodAutoscaler scales {pas.spec.scale_target_ref}; make one, or use via Scale."
            return Done(conflict=(Reason.NO_HPA, message))
        memory.hpa_floor = hpa.own_floor
        if stands(hpa, name, replicas):
            return Done()
        if memory.told.written.get("hpaFloor") != memory.hpa_floor:
            # Before the floor moves: people who ask why find in the status what it was.
            await self._reporter.report(pas.metadata, pas.status, memory.told, status.noted(pas.status, memory.hpa_floor), must=True)
        return Done.of(await self._floors.move(hpa, name, replicas))

    async def _rest(self, key: Key, its: Metadata, before: PredictiveAutoscalerStatus, memory: Memory, reason: Reason, message: str) -> None:
        await self._floors.give_back(*key)
        self.forecasts.forget(*key)
        self._exporter.forget(key)
        memory.plan, memory.hpa_floor = PlanState(), None
        await self._reporter.report(its, before, memory.told, status.resting(its, before, reason, message, self._clock()))

    def _remember(
        self, key: Key, memory: Memory, observation: Observation, seen: list[Seen], decision: Decision, lead: float, *, moved: bool
    ) -> None:
        now = observation.time
        need = next((its for its in observation.needs if its.name == decision.governing), None)
        demand, forecast = (status.number(need.demand), status.number(need.forecast)) if need else (None, None)
        history = memory.history.observe(now, observation.ready, demand)
        memory.history, news = history.add(decision, observation.current, now, timestamp(now), lead, demand, forecast, moved=moved)
        if news:
            log.info("%s/%s: %d -> %d: %s", *key, observation.current, decision.replicas, decision.message)

    async def _forget(self, key: Key) -> None:
        await self._floors.give_back(*key)
        self._memory.pop(key, None)
        self._parser.forget(key)
        self.forecasts.forget(*key)
        self._exporter.forget(key)


def _schedules(pas: PredictiveAutoscaler) -> list[schedules.Schedule]:
    return [
        schedules.Schedule(its.name, frozenset(day.value for day in its.days), its.start, its.end, its.time_zone, its.min_replicas)
        for its in pas.spec.schedules
    ]
