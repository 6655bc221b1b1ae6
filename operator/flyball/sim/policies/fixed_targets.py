"""Throttle targets that never move: a pair, one for the services that use most and one for the others, with the paper's Captain or with ours.

The best pair in hindsight for an application, a trace and a class is the oracle that a slow level can be measured against: it knows the future and
may not learn from it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flyball.sim.bridge import Captains
from flyball.sim.policies import paper_captain
from flyball.sim.policies.parts import quotas
from flyball.sim.policy import Facts, Floats, Quotas, Samples, SlowObservation
from flyball.sim.spec import Application


def heavy_services(application: Application) -> frozenset[str]:
    """The services of the larger of two groups by mean CPU use (k-means with k=2, as the paper groups them), from the work that requests bring."""
    work = application.work_per_request()
    values = np.sort(np.array(list(work.values())))
    # One dimension: the best cut is one of the gaps between sorted values.
    spread = [values[:cut].var() * cut + values[cut:].var() * (len(values) - cut) for cut in range(1, len(values))]
    if not spread:
        return frozenset(work)
    least = values[int(np.argmin(spread)) + 1]
    return frozenset(name for name, value in work.items() if value >= least)


def by_container(facts: Facts, heavy: float, light: float) -> Floats:
    """The pair as a target for each container."""
    names = heavy_services(facts.application)
    target = np.array([heavy if service.name in names else light for service in facts.application.services])
    return target[facts.service]


class PaperPair:
    """A pair under the paper's Captain: 100 ms ticks, a decision each second. The quota it believes in is cut to the grant, as its node would."""

    tick_seconds = paper_captain.TICK_SECONDS
    slow_seconds = 60.0

    def __init__(self, heavy: float, light: float) -> None:
        self.name = f"paper-pair {heavy:.2f}/{light:.2f}"
        self._pair = heavy, light

    def start(self, facts: Facts) -> Quotas | None:
        self._facts = facts
        self.targets = by_container(facts, *self._pair)
        self._state = paper_captain.begin(facts.grant.copy())
        return None

    def fast(self, samples: Samples) -> Quotas | None:
        previous = self._state
        self._state = paper_captain.step(previous, samples.throttled.astype(np.float64), samples.usage / samples.elapsed, self.targets)
        if np.all(np.abs(self._state.quota - previous.quota) < paper_captain.WRITE_MIN):
            return None
        cores = np.minimum(self._state.quota, self._facts.grant)
        self._state = replace(self._state, quota=cores)
        return quotas(np.where(np.abs(cores - samples.quota) < paper_captain.WRITE_MIN, samples.quota, cores), self._facts)

    def slow(self, observation: SlowObservation) -> None:
        return None


class OurPair:
    """A pair under the product's Captain."""

    tick_seconds = 1.0
    slow_seconds = 60.0

    def __init__(self, heavy: float, light: float) -> None:
        self.name = f"our-pair {heavy:.2f}/{light:.2f}"
        self._pair = heavy, light

    def start(self, facts: Facts) -> Quotas | None:
        self._captains = Captains(facts)
        self._targets = by_container(facts, *self._pair)
        return None

    def fast(self, samples: Samples) -> Quotas | None:
        return self._captains.decide(samples, self._targets)

    def slow(self, observation: SlowObservation) -> None:
        return None
