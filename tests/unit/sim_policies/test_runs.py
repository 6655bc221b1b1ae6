"""Runs of the comparison: given up when an hour is lost and not before, and the yardsticks of a disturbance."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.sim.arrivals import Arrivals
from flyball.sim.example import shop
from flyball.sim.policies import Static
from flyball.sim.policy import Policy, Unlimited
from flyball.sim.run import Run, Settings
from tests.benchmarks.cpu import runs
from tests.benchmarks.cpu.disturbances import ONSET, recovery

SECONDS = 420


def run(policy: Policy, *, give_up: bool = True) -> object:
    """Seven minutes of the shop, of which two are scored."""
    arrivals = Arrivals(np.full(SECONDS, 40.0), 1)
    made = Run(shop(), arrivals, policy, 1, Settings(warmup_seconds=300.0))
    return runs._run(made, arrivals, give_up=give_up)


def test_a_run_that_keeps_its_objective_is_run_to_the_end() -> None:
    assert run(Unlimited()) is not None


def test_a_run_whose_hour_is_lost_is_given_up_unless_somebody_wants_to_know_by_how_much() -> None:
    assert run(Static(0.03)) is None
    assert run(Static(0.03), give_up=False) is not None


class TroubleAtTheStart(Unlimited):
    """Far too little for the first three minutes, which are not scored."""

    def start(self, facts):  # type: ignore[no-untyped-def]
        self._grant = facts.grant
        return Static(0.03).start(facts)

    def fast(self, samples):  # type: ignore[no-untyped-def]
        return None if samples.now < 120 else Static(1.0).start(_Facts(self._grant))


class _Facts:
    burst_allowed = False

    def __init__(self, grant) -> None:  # type: ignore[no-untyped-def]
        self.grant = grant


def test_what_happens_before_the_settling_is_over_loses_nothing() -> None:
    assert run(TroubleAtTheStart()) is not None


class Fake:
    """As much of a result as recovery reads: a request a second, slow for a while after the onset."""

    objective_seconds = 0.1

    def __init__(self, slow_seconds: int) -> None:
        self.arrival = np.arange(ONSET + 600, dtype=np.float64)
        self.latency = np.where((self.arrival >= ONSET) & (self.arrival < ONSET + slow_seconds), 0.2, 0.05).astype(np.float32)


@pytest.mark.parametrize(("slow", "seconds"), [(0, 0.0), (35, 40.0), (100, 100.0)])
def test_recovery_is_the_beginning_of_three_good_windows(slow: int, seconds: float) -> None:
    assert recovery(Fake(slow)) == seconds  # type: ignore[arg-type]


def test_unfinished_requests_are_slow() -> None:
    fake = Fake(0)
    fake.latency[ONSET : ONSET + 5] = np.nan
    assert recovery(fake) == 10.0  # type: ignore[arg-type]
