"""Autothrottle as its paper describes it: the bandit each minute, the paper's Captain below it, with the twelve-hour warm-up or without.

Warm-up (reference/cpu-control.md 1.2): twelve one-hour runs on another trace, six of pure exploration (the least tried arm, kept for two minutes,
the second of which is noted), six with the model and half of the decisions explored; then runs with no exploration. A caller makes twelve
`Autothrottle` with `Phase.EXPLORE` and `Phase.LEARN` that share one list `seen`, and after that `Phase.REPORT`. Without warm-up:
`Phase.FROM_ZERO`, a tenth explored.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from flyball.sim.policies import bandit
from flyball.sim.policies.fixed_targets import PaperPair, by_container
from flyball.sim.policy import Facts, Quotas, SlowObservation

DROP_MINUTES = 3
"""The load ramp of the paper's runs: its samples are dropped."""


class Phase(Enum):
    """Share of decisions that are explored, from the paper; None: the least tried arm each time."""

    EXPLORE = None
    LEARN = 0.5
    REPORT = 0.0
    FROM_ZERO = 0.1


class Autothrottle(PaperPair):
    """Both levels. `seen` is shared by the runs of a warm-up and grows. `bucket`: width of a rate group in requests/s, in the paper 20 (Train-Ticket,
    Social-Network) and 200 (Hotel-Reservation)."""

    def __init__(self, seen: list[bandit.Seen], bucket: float, phase: Phase = Phase.REPORT) -> None:
        super().__init__(0.0, 0.0)
        self.name = {Phase.REPORT: "autothrottle", Phase.FROM_ZERO: "autothrottle-no-warm-up"}.get(phase, f"autothrottle-{phase.name.lower()}")
        self._seen, self._bucket, self._phase = seen, bucket, phase
        self._minute = 0
        self._arm: int | None = None
        self._rate = math.nan
        self._tries = np.bincount([its.arm for its in seen], minlength=bandit.ARMS)

    def start(self, facts: Facts) -> Quotas | None:
        self._rng = np.random.default_rng(np.random.SeedSequence([facts.seed, 0xA7]))
        return super().start(facts)

    def slow(self, observation: SlowObservation) -> None:
        """A minute has ended. Latency and allocation are those of that minute, which the arm chosen at its beginning is held to account for."""
        self._minute += 1
        known = math.isfinite(observation.p99_seconds) and math.isfinite(observation.requests_per_second)
        if self._minute <= DROP_MINUTES or not known:
            return
        if self._phase is Phase.EXPLORE:
            self._explore(observation)
            return
        self._note(observation)
        explore = self._phase.value or 0.0
        objective = self._facts.objective.threshold_seconds
        self._rate = observation.requests_per_second
        self._take(bandit.choose(self._seen, objective, self._rate, self._bucket, explore, self._rng))

    def _explore(self, observation: SlowObservation) -> None:
        if self._arm is not None and math.isnan(self._rate):  # its first minute: the context of the second
            self._rate = observation.requests_per_second
            return
        self._note(observation)
        least = np.flatnonzero(self._tries == self._tries.min())
        self._take(int(self._rng.choice(least)))
        self._tries[self._arm] += 1
        self._rate = math.nan

    def _note(self, observation: SlowObservation) -> None:
        if self._arm is not None and math.isfinite(self._rate):
            self._seen.append(bandit.Seen(self._rate, self._arm, observation.p99_seconds, float(np.nansum(observation.quota))))

    def _take(self, arm: int) -> None:
        self._arm = arm
        self.targets = by_container(self._facts, *bandit.pair(arm))
