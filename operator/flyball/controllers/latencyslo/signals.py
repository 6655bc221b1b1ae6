"""Reads how an object stands: its objectives, and the CPU of its workloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flyball.api.latencyslo import LatencySLO
from flyball.api.objective import Objective
from flyball.cpu.tower import Observation, Reading, WorkloadView
from flyball.signals import NoValue, ObjectiveReader, Prometheus, SignalError, WorkloadUsage, indicators, read_workloads
from flyball.slo import Objective as SLObjective


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was read in one look."""

    time: float
    readings: tuple[Reading, ...]
    usage: dict[str, WorkloadUsage]
    problem: SignalError | None
    """The first objective's trouble, or None."""

    def observation(self, workloads: Sequence[str]) -> Observation:
        views = (self.usage.get(name, WorkloadUsage()) for name in workloads)
        return Observation(
            self.time,
            self.readings,
            tuple(WorkloadView(name, its.used, its.allocated, its.granted, its.throttle_ratio) for name, its in zip(workloads, views, strict=True)),
        )


class SignalReaders:
    """The readers of one object's objectives; they keep their ledgers as long as the objectives stay the same."""

    def __init__(self, prometheus: Prometheus, lookback_seconds: float, allow_promql: bool) -> None:
        self._prometheus = prometheus
        self._lookback = lookback_seconds
        self._allow_promql = allow_promql
        self._readers: dict[str, tuple[Objective, ObjectiveReader]] = {}

    def reader(self, objective: str) -> ObjectiveReader | None:
        """The reader of an objective, once it has been read."""
        known = self._readers.get(objective)
        return known[1] if known else None

    async def read(self, slo: LatencySLO, now: float) -> Seen:
        """Read everything; what cannot be known is told apart from zero and never raises."""
        self._follow(slo)
        readings, problem = [], None
        for _, reader in self._readers.values():
            try:
                readings.append(await reader.read(now))
            except SignalError as error:
                problem = problem or error
                readings.append(reader.unknown(now))
        try:
            # Agents are scraped about as often as the application: what serves its counters serves theirs.
            lookback = max([self._lookback, *(reader.lookback_seconds for _, reader in self._readers.values())])
            usage = await read_workloads(self._prometheus, slo.metadata.namespace, slo.metadata.name, lookback, now)
        except SignalError as error:
            # Without usage the targets still serve; only groups and savings are unknown.
            problem = problem or (error if error.reason is NoValue.UNREACHABLE else None)
            usage = {}
        return Seen(now, tuple(readings), usage, problem)

    def _follow(self, slo: LatencySLO) -> None:
        kept = {}
        for objective in slo.spec.objectives:
            known = self._readers.get(objective.name)
            kept[objective.name] = known if known and known[0] == objective else (objective, self._reader(slo.metadata.namespace, objective))
        self._readers = kept

    def _reader(self, namespace: str, objective: Objective) -> ObjectiveReader:
        its = SLObjective(objective.name, objective.share, objective.threshold_seconds, objective.window_seconds, objective.minutes_above_share)
        indicator = objective.indicator
        if indicator.histogram:
            named = indicator.histogram
            milliseconds = named.unit.value == "Milliseconds"
            source = indicators.histogram(namespace, named.metric, milliseconds, named.matchers or {}, named.bad_matchers or {})
            return ObjectiveReader(self._prometheus, its, source, self._lookback)
        if indicator.preset:
            source = indicators.preset(namespace, indicator.preset.name.value, indicator.preset.workload)
            return ObjectiveReader(self._prometheus, its, source, self._lookback)
        if indicator.promql:
            free, allowed = indicator.promql, self._allow_promql
            return ObjectiveReader(self._prometheus, its, lambda: indicators.promql(free.good, free.total, allowed), self._lookback)
        raise ValueError(f"objective {objective.name} has no indicator")  # the CRD's rules refuse it
