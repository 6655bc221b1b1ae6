"""K8s-CPU and K8s-CPU-Fast: the threshold scalers that the Autothrottle paper compares with, as policies.

Every period the limit that would put usage at the target is noted, and the largest note of the last while is set: 15 s and 300 s (K8s-CPU), 1 s and
20 s (Fast). Source: reference/cpu-control.md 1.3, from the paper's artifact; the target is tuned per application and trace there, and here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flyball.sim.policies.parts import Meter, quotas
from flyball.sim.policy import Facts, Floats, Quotas, Samples, SlowObservation


@dataclass(frozen=True, slots=True)
class Rule:
    """Seconds between decisions, and seconds for which a note counts."""

    name: str
    period_seconds: int
    window_seconds: int

    @property
    def notes(self) -> int:
        return self.window_seconds // self.period_seconds


TARGET_MOST = 1.5
"""Above 1 the quota lies below the largest use of the window: with a burst allowance that can pay."""
SLOW = Rule("k8s-cpu", 15, 300)
FAST = Rule("k8s-cpu-fast", 1, 20)


def decide(notes: Floats, usage: Floats, target: float, rule: Rule) -> tuple[Floats, Floats]:
    """One decision: `notes` are rows of cores, oldest first; `usage` is mean cores of the period. Returns the notes to keep and the quotas."""
    kept = np.vstack([notes, usage / target])[-rule.notes :]
    return kept, kept.max(axis=0)


class Threshold:
    """Either rule with one target for all containers: the share of its quota that a container is to use."""

    tick_seconds = 1.0
    slow_seconds = 60.0

    def __init__(self, target: float, rule: Rule = FAST) -> None:
        if not 0.0 < target <= TARGET_MOST:
            raise ValueError(f"a target is a share of the quota, above 0 and at most {TARGET_MOST:g}; this is {target}")
        self.name = f"{rule.name} {target:.2f}"
        self._target, self._rule = target, rule

    def start(self, facts: Facts) -> Quotas | None:
        self._facts = facts
        self._notes = np.zeros((0, len(facts.grant)))
        self._meter = Meter(self._rule.period_seconds)
        return None

    def fast(self, samples: Samples) -> Quotas | None:
        usage = self._meter.add(samples)
        if usage is None:
            return None
        self._notes, cores = decide(self._notes, usage, self._target, self._rule)
        return quotas(np.where(samples.active, cores, self._facts.grant), self._facts)

    def slow(self, observation: SlowObservation) -> None:
        return None
