"""Groups by CPU use, targets by group, the fixed policy, checkpoints."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.cpu import tower
from flyball.cpu.tower import TowerState
from flyball.cpu.tower.grouping import SHARE_EXPONENT, UNKNOWN, assign, shares


def test_each_doubling_of_use_is_a_group() -> None:
    usage = {"nginx": 4.0, "storage": 3.0, "a": 0.1, "b": 0.12, "c": 0.3, "d": 0.0001, "vast": 1e9}
    groups = {"nginx": "2048m", "storage": "2048m", "a": "64m", "b": "64m", "c": "256m", "d": "1m", "vast": "1048576m"}
    assert assign(usage, {}) == groups


def test_membership_does_not_flap_at_the_border() -> None:
    for start, kept in ((0.250, "128m"), (0.262, "256m")):
        before = assign({"a": start}, {})
        assert before == {"a": kept}
        for use in (0.22, 0.256, 0.30, 0.25, 0.29):
            assert assign({"a": use}, before) == before
    assert assign({"a": 0.31}, {"a": "128m"}) == {"a": "256m"}
    assert assign({"a": 0.21}, {"a": "256m"}) == {"a": "128m"}


def test_a_workload_of_unknown_use_keeps_its_group_or_waits_without_a_target() -> None:
    usage = {"big": 1.0, "small": 0.1, "new": math.nan, "known": math.nan}
    groups = assign(usage, {"known": "512m"})
    assert (groups["new"], groups["known"]) == (UNKNOWN, "512m")
    assert shares(groups)[UNKNOWN] == 0.0


def test_targets_grow_less_than_use() -> None:
    usage = {"big": 0.4, "small": 0.1}
    its = shares(assign(usage, {}))
    assert its == {"256m": 1.0, "64m": pytest.approx(0.25**SHARE_EXPONENT)}


@given(st.dictionaries(st.text(max_size=3), st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf])), max_size=12))
def test_every_workload_has_a_group_and_every_group_a_share(usage: dict[str, float]) -> None:
    groups = assign(usage, {})
    assert set(groups) == set(usage)
    assert all(0.0 <= share <= 1.0 for share in shares(groups).values())


def observation(*views: tower.WorkloadView) -> tower.Observation:
    return tower.Observation(100.0, (), views)


def test_the_fixed_policy_holds_its_target_for_all() -> None:
    views = (tower.WorkloadView("a", 1.0), tower.WorkloadView("b", 0.1))
    _, decision = tower.decide(TowerState(), observation(*views), tower.Settings(policy="fixed", fixed_target=0.05))
    assert set(decision.targets.values()) == {0.05}
    assert decision.permille(decision.groups["a"]) == 50


def test_a_policy_that_does_not_exist_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="budget, bandit, fixed"):
        tower.decide(TowerState(), observation(), tower.Settings(policy="guess"))


def test_a_checkpoint_comes_back_as_it_was() -> None:
    state = TowerState(0.4, {"Deployment/a": "512m"}, 0.6, 120.0, 115.0, 118.0, 100.0, 90.0)
    assert TowerState.from_json(json.loads(json.dumps(state.to_json()))) == state


@pytest.mark.parametrize(
    "stored",
    [None, "text", {}, {"version": 99, "pressure": 1}, {"version": 1, "pressure": "much"}, {**TowerState().to_json(), "pressure": math.nan}],
)
def test_a_checkpoint_that_cannot_be_read_is_a_safe_start(stored: object) -> None:
    assert TowerState.from_json(stored) == TowerState()
