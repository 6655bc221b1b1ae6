"""Static limits, and Koordinator's CPUBurst on top of them."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.sim.policies.cpu_burst import CpuBurst, decide
from flyball.sim.policies.static import Static
from tests.unit.sim_policies.builders import application, facts, samples

ONE = np.ones(1)


def test_static_limits_are_a_share_of_the_grant_and_stay() -> None:
    policy = Static(0.25)
    quotas = policy.start(facts(application(0.01, 0.02)))
    assert quotas is not None
    assert quotas.quota.tolist() == [1.0, 1.0]
    assert quotas.burst is None
    assert policy.fast(samples([3.0, 3.0], throttled=10)) is None


@pytest.mark.parametrize("policy", [Static, CpuBurst])
@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_that_is_none_is_refused(policy: type[Static] | type[CpuBurst], share: float) -> None:
    with pytest.raises(ValueError, match="share of the grant"):
        policy(share)


@pytest.mark.parametrize(
    ("quota", "throttled", "node", "wanted"),
    [
        (1.0, True, 0.3, 1.2),
        (1.0, False, 0.3, 1.0),
        (2.0, False, 0.3, 2.0),
        (1.5, True, 0.47, 1.5),
        (1.5, True, 0.5, 1.2),
        (1.1, False, 0.6, 1.0),
        (2.9, True, 0.3, 3.0),
    ],
    ids=["throttled grows", "else it stays", "above the limit it stays too", "a warm node lets none grow", "a full node takes a fifth",
         "never below the limit", "at most three times the limit"],
)  # fmt: skip
def test_the_rule(quota: float, throttled: bool, node: float, wanted: float) -> None:
    assert decide(quota * ONE, ONE, np.array([throttled]), node) == pytest.approx([wanted])


def test_the_grant_bounds_what_a_quota_grows_to() -> None:
    policy = CpuBurst(0.5)
    policy.start(facts(application(0.01)))
    for _ in range(10):
        quotas = policy.fast(samples([2.0], throttled=5))
    assert quotas is not None
    assert quotas.quota.tolist() == [4.0]


def test_a_full_node_shrinks_what_had_grown() -> None:
    policy = CpuBurst(0.25)
    policy.start(facts(application(0.01)))  # one node of 16 cores
    grown = policy.fast(samples([1.0], throttled=5))
    shrunk = policy.fast(samples([9.0], throttled=5))
    assert grown is not None
    assert shrunk is not None
    assert (grown.quota[0], shrunk.quota[0]) == (pytest.approx(1.2), pytest.approx(1.0))
