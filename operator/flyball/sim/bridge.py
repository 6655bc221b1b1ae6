"""The product in the loop: `flyball.cpu.captain` and `flyball.cpu.tower` as they run in the cluster, put behind the simulator's seam.

`Captains` is what the node agents do each second, `TowerLoop` what the operator does each 15 s; `Product` is both. Nothing of their rules is
repeated here: quotas come from `captain.decide`, targets from `tower.decide`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from flyball.cpu.captain import Bounds, CaptainState, Sample, burst_allowance
from flyball.cpu.captain import decide as captain_decide
from flyball.cpu.tower import Decision, Observation, Reading, TowerState, WorkloadView
from flyball.cpu.tower import Settings as TowerSettings
from flyball.cpu.tower import decide as tower_decide
from flyball.sim.policy import Facts, Floats, Quotas, Route, Samples, SlowObservation
from flyball.sim.scrape import EPOCH

FLOOR_CORES = 0.01
"""The agent's smallest quota, where a plan states none."""
STEP_CORES = 0.001
"""The agent writes whole tenths of a millisecond, rounded up."""


class Captains:
    """One captain a container."""

    def __init__(self, facts: Facts, *, waiting: bool = False) -> None:
        self._waiting = waiting
        self._states = [CaptainState() for _ in facts.grant]
        self._facts = facts
        self._kept = 0.0
        self._bounds = self._keeping(0.0)
        self.service = facts.service

    def _keeping(self, kept: float) -> list[Bounds]:
        burst = self._facts.burst_allowed
        return [Bounds(min(grant, max(FLOOR_CORES, kept * grant)), grant, burst) for grant in self._facts.grant.tolist()]

    def decide(self, samples: Samples, targets: Floats, *, kept: float = 0.0, release: bool = False) -> Quotas:
        """Quotas for the next second. `targets` is by container: throttled share of wall periods. `kept`: share of each grant that no quota goes
        below. `release`: everything at its grant."""
        grant = self._facts.grant
        if kept != self._kept:
            self._kept, self._bounds = kept, self._keeping(kept)
        if release:
            self._states = [CaptainState() for _ in self._states]
            return Quotas(grant, np.zeros_like(grant))
        quota, burst = samples.quota.copy(), samples.burst.copy()
        rows = zip(
            samples.active.tolist(), samples.throttled.tolist(), samples.throttled_by_pod.tolist(), samples.usage.tolist(), samples.quota.tolist(),
            samples.written.tolist(), targets.tolist(), self._waited(samples), strict=True,
        )  # fmt: skip
        for c, (active, throttled, by_pod, usage, in_force, written, target, waited) in enumerate(rows):
            bounds = self._bounds[c]
            if not active:
                self._states[c] = CaptainState()
                quota[c], burst[c] = bounds.grant, 0.0
                continue
            sample = Sample(samples.elapsed, throttled, by_pod, usage, in_force, written=written, waited=waited)
            self._states[c], move = captain_decide(self._states[c], sample, target, bounds)
            if move.quota != in_force:
                quota[c] = min(bounds.grant, math.ceil(move.quota / STEP_CORES - 1e-3) * STEP_CORES)
            burst[c] = burst_allowance(quota[c], bounds.grant) if self._facts.burst_allowed else 0.0
        return Quotas(quota, burst)

    def _waited(self, samples: Samples) -> list[float]:
        known = self._waiting and samples.waited is not None
        return samples.waited.tolist() if known else [math.nan] * len(self._states)  # type: ignore[union-attr]


class TowerLoop:
    """The tower, fed with what Prometheus shows."""

    def __init__(self, facts: Facts, settings: TowerSettings, minutes_above_share: float = 1.0) -> None:
        self._facts, self._settings, self._minutes_above_share = facts, settings, minutes_above_share
        self._names = [service.name for service in facts.application.services]
        self.state = TowerState()
        self.decision: Decision | None = None

    def decide(self, seen: SlowObservation) -> Floats:
        """The target of each service."""
        only = Route(self._facts.objective, seen.good, seen.total, seen.p99_seconds, seen.seconds, seen.age_seconds, seen.budget)
        known = [its for its in seen.routes or (only,) if math.isfinite(its.total)]
        readings = [
            Reading(
                replace(its.objective, minutes_above_share=self._minutes_above_share), its.budget, its.good, its.total, its.seconds, its.age_seconds
            )
            for its in known
        ]
        views = tuple(
            WorkloadView(name, *values)
            for name, *values in zip(
                self._names, seen.usage.tolist(), seen.quota.tolist(), seen.grant.tolist(), seen.throttle_ratio.tolist(), strict=True
            )
        )
        observation = Observation(EPOCH + seen.now, tuple(readings), views)
        self.state, self.decision = tower_decide(self.state, observation, self._settings)
        return np.array([self.decision.permille(self.decision.groups[name]) / 1000.0 for name in self._names])


@dataclass(slots=True)
class Product:
    """Flyball itself, both levels. `settings` are the tower's; a checkpoint of an earlier run may be its start."""

    settings: TowerSettings = TowerSettings()  # noqa: RUF009  frozen
    checkpoint: TowerState | None = None
    name: str = "flyball"
    minutes_above_share: float = 1.0
    """Share of minutes that each objective allows above itself, as `minutesAbovePercent` of a LatencySLO's."""
    waiting: bool = False
    """Whether the captains see for how long tasks waited for a CPU, as agents do where the kernel shows it. Off in the comparison, whose nodes have
    room."""
    tick_seconds: float = 1.0
    slow_seconds: float = 15.0
    captains: Captains | None = None
    tower: TowerLoop | None = None
    targets: Floats | None = None

    def start(self, facts: Facts) -> Quotas | None:
        self.captains, self.tower = Captains(facts, waiting=self.waiting), TowerLoop(facts, self.settings, self.minutes_above_share)
        if self.checkpoint is not None:
            self.tower.state = self.checkpoint
        self.targets = np.zeros(len(facts.grant))
        return None

    def fast(self, samples: Samples) -> Quotas | None:
        assert self.captains is not None and self.tower is not None and self.targets is not None
        told = self.tower.decision
        if told is None:
            return self.captains.decide(samples, self.targets)
        return self.captains.decide(samples, self.targets, kept=told.kept_permille / 1000.0, release=told.release)

    def slow(self, observation: SlowObservation) -> None:
        assert self.tower is not None and self.captains is not None
        self.targets = self.tower.decide(observation)[self.captains.service]
