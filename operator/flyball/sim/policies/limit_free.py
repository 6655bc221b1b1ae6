"""Containers without limits: what is requested of the node's cores decides who gets them when they are short.

Three policies that move weights instead of quotas: the spec's requests as they are, requests as the Vertical Pod Autoscaler recommends them, and the
product's weight control (`flyball.cpu.weight`) under its tower. What a policy requests less, the scheduler gives away: containers whose services no
request calls are the neighbours, and share all that is free as their weight. Quotas stay at the grants, which are to be out of the way.
"""

from __future__ import annotations

import numpy as np

from flyball.cpu.tower import Settings
from flyball.cpu.weight import Bounds, Sample, WeightState, decide
from flyball.sim.bridge import FLOOR_CORES, TowerLoop
from flyball.sim.policies.parts import Meter
from flyball.sim.policies.vpa import DAY, LOOP_SECONDS, STARTS, UNDISTURBED_SECONDS, add, recommend, update
from flyball.sim.policy import Facts, Floats, Quotas, Samples, SlowObservation


class SpecRequests:
    """Requests as the spec has them: each service's weight."""

    name = "spec-requests"
    tick_seconds = 1.0
    slow_seconds = 60.0

    def start(self, facts: Facts) -> Quotas | None:
        self._facts = facts
        works = facts.application.work_per_request()
        self.own = np.array([works[service.name] > 0.0 for service in facts.application.services])[facts.service]
        self.spec: Floats = np.array([service.weight or service.grant_cores for service in facts.application.services])[facts.service]
        self._capacity = float(sum(node.cores for node in facts.application.nodes))
        self.requested: list[float] = []
        self.request = self.spec.copy()
        self.begin()
        return self._weights()

    def begin(self) -> None:
        """Before the first second; `own`, `spec` and `request` are set."""

    def fast(self, samples: Samples) -> Quotas | None:
        self.requested.append(float(self.request[self.own & samples.active].sum()))
        before, self.request = self.request, self.decide(samples)
        return None if np.array_equal(before, self.request) else self._weights()

    def decide(self, samples: Samples) -> Floats:
        """Requests of all containers for the next second, in cores; those of neighbours are not read."""
        return self.request

    def slow(self, observation: SlowObservation) -> None:
        return None

    def _weights(self) -> Quotas:
        free = self._capacity - float(self.request[self.own].sum())
        theirs = float(self.spec[~self.own].sum())
        scale = max(1.0, free / theirs) if theirs > 0.0 else 1.0
        return Quotas(self._facts.grant, weight=np.where(self.own, self.request, scale * self.spec))


class VpaRequests(SpecRequests):
    """Requests that follow the Vertical Pod Autoscaler's recommendations; at most the spec's, as the product's. It counts as having watched for a
    day and changed nothing for half of one, as where it has run for long: a run is too short for its bounds to narrow."""

    name = "vpa-requests"

    def begin(self) -> None:
        self._meter = Meter(LOOP_SECONDS)
        self._weights_by_bucket = np.zeros((len(self.spec), len(STARTS)))

    def decide(self, samples: Samples) -> Floats:
        usage = self._meter.add(samples)
        if usage is None:
            return self.request
        self._weights_by_bucket = add(self._weights_by_bucket, usage, self.request, samples.now)
        undisturbed = np.full_like(self.request, UNDISTURBED_SECONDS)
        advised = update(self.request, undisturbed, recommend(self._weights_by_bucket, DAY + samples.now))
        return np.minimum(self.spec, advised)


class LimitFree(SpecRequests):
    """The product: weights hold the share of waiting that the tower asks for, and requests follow them."""

    name = "flyball-limit-free"
    slow_seconds = 15.0

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()

    def begin(self) -> None:
        self.tower = TowerLoop(self._facts, self._settings)
        self.targets = np.zeros(len(self.spec))
        self._states = [WeightState() for _ in self.spec]
        self._bounds = [Bounds(min(FLOOR_CORES, request), request) for request in self.spec.tolist()]

    def decide(self, samples: Samples) -> Floats:
        request = self.spec.copy()
        release = self.tower.decision is not None and self.tower.decision.release
        waited = np.full_like(samples.usage, np.nan) if samples.waited is None else samples.waited
        for c in np.flatnonzero(self.own):
            if release or not samples.active[c]:
                self._states[c] = WeightState()
                continue
            sample = Sample(samples.elapsed, float(samples.usage[c]), float(waited[c]), float(self.request[c]))
            self._states[c], move = decide(self._states[c], sample, float(self.targets[c]), self._bounds[c])
            request[c] = move.weight
        return request

    def slow(self, observation: SlowObservation) -> None:
        self.targets = self.tower.decide(observation)[self._facts.service]
