"""The loop of one LatencySLO: read all, decide, check again, write, report. May run at any time, twice, or after a crash."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball.api.conditions import Reason
from flyball.api.latencyslo import LatencySLO, PolicyType
from flyball.api.latencyslo_status import CHECKPOINT_LENGTH, LatencySLOStatus
from flyball.api.meta import InvalidObject, Metadata
from flyball.api.throttleplan import ThrottlePlanSpec
from flyball.controllers.latencyslo import conflicts, plan, status
from flyball.controllers.latencyslo.decisions import Effect, Record
from flyball.controllers.latencyslo.export import Exporter
from flyball.controllers.latencyslo.plans import Plans
from flyball.controllers.latencyslo.resolve import resolve
from flyball.controllers.latencyslo.signals import Seen, SignalReaders
from flyball.controllers.shared.autoscalers import Autoscalers
from flyball.controllers.shared.conditions import timestamp
from flyball.controllers.shared.reporter import Reporter, Told
from flyball.cpu import tower
from flyball.kube import paths
from flyball.kube.client import Kube, KubeError
from flyball.kube.events import Recorder
from flyball.kube.pods import PodCache
from flyball.runtime.metrics import Metrics
from flyball.runtime.settings import Settings
from flyball.signals import Prometheus

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Namespace and name of a LatencySLO."""

SUSPENDED = "Suspended"


@dataclass(slots=True)
class Memory:
    """What the loop keeps of one object between looks; lost with the process, and then restored from status, plan and Prometheus."""

    uid: str
    readers: SignalReaders
    tower: tower.TowerState
    record: Record
    acting: bool
    stance: str = ""
    """Mode in effect, or that it is suspended; empty before the first look of all."""
    told: Told = field(default_factory=Told)


class Controller:
    """Looks after all LatencySLOs. The caches are filled by watches; `look` is called by the workers."""

    def __init__(
        self, kube: Kube, prometheus: Prometheus, recorder: Recorder, metrics: Metrics, settings: Settings, clock: Callable[[], float] = time.time
    ) -> None:
        self.objects: dict[Key, Mapping[str, Any]] = {}
        """Raw LatencySLOs, as watched."""
        self.plans = Plans(kube, metrics)
        self.pods = PodCache()
        self._prometheus = prometheus
        self._reporter = Reporter("LatencySLO", paths.latencyslo, kube, recorder, metrics, clock)
        self._exporter = Exporter(metrics)
        self._settings = settings
        self._clock = clock
        self._autoscalers = Autoscalers(kube)
        self._parsed: dict[Key, tuple[tuple[Any, Any], LatencySLO | None]] = {}
        self._memory: dict[Key, Memory] = {}

    async def look(self, key: Key) -> None:
        """Look at one object. Raises KubeError when the API server does not do its part; what Prometheus lacks goes into the status."""
        body = self.objects.get(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            await self._forget(key)
            return
        its, before = Metadata.parse(body["metadata"]), _status(body)
        memory = self._memory.get(key)
        if memory is None or memory.uid != its.uid:
            memory = self._memory[key] = self._restore(its, before)
        try:
            slo = LatencySLO.parse(body)
        except InvalidObject as error:
            await self._rest(key, its, before, memory, Reason.INVALID, str(error))
            return
        try:
            if slo.spec.suspend:
                self._take_stance(memory, SUSPENDED)
                await self._rest(key, its, before, memory, Reason.SUSPENDED, "spec.suspend is true.")
            else:
                await self._steer(key, slo, memory)
        except KubeError as error:
            if error.status:
                with contextlib.suppress(KubeError):
                    await self._reporter.report(its, before, memory.told, status.troubled(its, before, str(error), self._clock()))
            raise

    async def _rest(self, key: Key, its: Metadata, before: LatencySLOStatus, memory: Memory, reason: Reason, message: str) -> None:
        """Nothing is taken, and what is learned begins anew afterwards."""
        await self.give_back(key)
        await self._reporter.report(its, before, memory.told, status.resting(its, before, reason, message, memory.record, self._clock()))

    async def give_back(self, key: Key) -> None:
        """Take an object's plan away, whatever its looks come to; the next one that comes to its end begins at zero. Raises KubeError."""
        self._exporter.rest(key)
        await self.plans.drop(key)
        if memory := self._memory.get(key):
            memory.tower, memory.acting = tower.TowerState(), False

    def _take_stance(self, memory: Memory, stance: str) -> None:
        if memory.stance not in ("", stance):
            sentence = f"{memory.stance} -> {stance}. Whenever agents begin to act, targets begin at 0."
            memory.record = memory.record.note("ModeChanged", sentence, timestamp(self._clock()))
        memory.stance = stance

    async def checkpoint_all(self) -> None:
        """Write each object's state of now, for the next leader. Raises KubeError."""
        for key, memory in self._memory.items():
            body = self.objects.get(key)
            if body is not None:
                await self._reporter.flush(Metadata.parse(body["metadata"]), memory.told)

    async def _steer(self, key: Key, slo: LatencySLO, memory: Memory) -> None:
        now, mode = self._clock(), slo.spec.mode.capped(self._settings.max_mode)
        self._take_stance(memory, mode.value)
        workloads = resolve(slo.spec.workloads, self.pods.of(slo.metadata.namespace))
        autoscalers = await self._autoscalers.known(time.monotonic())
        others = list(self._others(key))
        verdicts = {workload.name: conflicts.judge(slo, workload, others, autoscalers) for workload in workloads}
        seen = await memory.readers.read(slo, now)

        acting = plan.acts(slo, mode)
        if not acting or not memory.acting:
            # Targets that nobody holds teach nothing: each decision is the first step from 0, and acting begins there as well.
            known = memory.tower
            memory.tower = tower.TowerState(groups=known.groups, last_time=known.last_time, last_good_reading=known.last_good_reading)
        memory.acting = acting
        memory.tower, decision = tower.decide(memory.tower, seen.observation([workload.name for workload in workloads]), _policy(slo))
        self._remember(key, memory, decision, seen, status.total(workloads, seen.usage))

        conflict = await self._apply_plan(key, slo, plan.build(slo, mode, workloads, verdicts, decision))
        reader = memory.readers.reader
        queries = {reading.objective.name: its.query for reading in seen.readings if (its := reader(reading.objective.name))}
        checkpoint = json.dumps(memory.tower.to_json(), separators=(",", ":")) if acting else None
        if checkpoint and len(checkpoint) > CHECKPOINT_LENGTH:
            log.warning("%s/%s: the tower's state is too long to be kept; a restart begins at target zero", *key)
            checkpoint = None
        built = status.build(status.Facts(slo, mode, workloads, verdicts, seen, queries, decision, memory.record, checkpoint, conflict))
        self._exporter.export(key, seen, decision, built.saved_percent)
        await self._reporter.report(slo.metadata, slo.status, memory.told, built)

    def _remember(self, key: Key, memory: Memory, decision: tower.Decision, seen: Seen, cores: Any) -> None:
        effect = Effect(decision.burn_rate, cores.allocated_milli / 1000 if cores else math.nan)
        budget = next((reading.budget for reading in seen.readings if reading.objective.name == decision.governing), None)
        record = memory.record.observe(seen.time, effect)
        memory.record, news = record.add(decision, seen.time, timestamp(seen.time), budget, effect)
        if news and decision.reason.value != record.last_reason:  # steps of one rise are told once
            log.info("%s/%s: %s: %s", *key, decision.reason.value, decision.message)

    async def _apply_plan(self, key: Key, slo: LatencySLO, wanted: ThrottlePlanSpec | None) -> str | None:
        """Write the plan if it changed. Returns a sentence when someone else owns part of it."""
        if wanted is None:
            await self.plans.drop(key)
            return None
        if self.plans.differs(key, wanted) and self._current(key, slo):
            return await self.plans.write(key, slo, wanted)
        return None

    def _current(self, key: Key, slo: LatencySLO) -> bool:
        """Whether the object is still the one that was decided on; if not, the watch has already asked for another look."""
        body = self.objects.get(key)
        return body is not None and body["metadata"].get("generation") == slo.metadata.generation and body["metadata"].get("uid") == slo.metadata.uid

    async def _forget(self, key: Key) -> None:
        self._parsed.pop(key, None)
        await self.plans.drop(key)
        if self._memory.pop(key, None):
            self._exporter.forget(key)

    def _restore(self, its: Metadata, before: LatencySLOStatus) -> Memory:
        """What the last operator knew; the ledger is read back from Prometheus at the first look."""
        readers = SignalReaders(self._prometheus, self._settings.lookback_seconds, self._settings.allow_promql)
        try:
            stored = json.loads(before.checkpoint or "null")
        except ValueError:
            stored = None
        # Only an object that was acted on has a checkpoint.
        suspended = any(condition.reason == Reason.SUSPENDED for condition in before.conditions)
        stance = SUSPENDED if suspended else before.mode or ""
        return Memory(its.uid, readers, tower.TowerState.from_json(stored), Record.restored(before), stored is not None, stance)

    def _others(self, key: Key) -> Iterator[LatencySLO]:
        """The namespace's other objects, their specs parsed once a generation."""
        for other, body in self.objects.items():
            if other[0] != key[0] or other == key:
                continue
            version = (body["metadata"].get("uid"), body["metadata"].get("generation"))
            known = self._parsed.get(other)
            if known is None or known[0] != version:
                try:
                    known = (version, LatencySLO.parse({"metadata": body["metadata"], "spec": body["spec"]}))
                except InvalidObject:
                    known = (version, None)  # its own look says so
                self._parsed[other] = known
            if known[1]:
                yield known[1]


def _status(body: Mapping[str, Any]) -> LatencySLOStatus:
    """The status as the API server has it; one that cannot be read is written anew."""
    try:
        return LatencySLOStatus.parse(body.get("status") or {})
    except InvalidObject:
        return LatencySLOStatus()


def _policy(slo: LatencySLO) -> tower.Settings:
    policy = slo.spec.policy
    if policy.type is PolicyType.FIXED:
        return tower.Settings(policy="fixed", fixed_target=float(policy.throttle_percent or 0) / 100)
    return tower.Settings(policy=policy.type.value.lower())
