"""Groups by CPU use, targets by group, the fixed policy, checkpoints."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.cpu import tower
from flyball.cpu.tower import TowerState
from flyball.cpu.tower.grouping import HIGH, LOW, assign, shares


def test_the_few_large_ones_are_told_from_the_many_small_ones() -> None:
    usage = {"nginx": 4.0, "storage": 3.0, "a": 0.1, "b": 0.2, "c": 0.15, "d": 0.05}
    groups = assign(usage, {})
    assert {name for name, group in groups.items() if group == HIGH} == {"nginx", "storage"}


def test_membership_does_not_flap_at_the_border() -> None:
    before = assign({"big": 1.0, "middle": 0.4, "small": 0.1}, {})
    for middle in (0.30, 0.36, 0.33, 0.42):
        assert assign({"big": 1.0, "middle": middle, "small": 0.1}, before)["middle"] == before["middle"]


def test_a_workload_of_unknown_use_keeps_its_group_or_starts_small() -> None:
    usage = {"big": 1.0, "small": 0.1, "new": math.nan, "known": math.nan}
    groups = assign(usage, {"known": HIGH})
    assert (groups["new"], groups["known"]) == (LOW, HIGH)


@pytest.mark.parametrize("usage", [{}, {"only": 0.3}, {"a": 0.2, "b": 0.2}])
def test_nothing_to_part_is_one_group(usage: dict[str, float]) -> None:
    assert len(set(assign(usage, {}).values())) <= 1


def test_targets_grow_with_the_square_root_of_use() -> None:
    usage = {"big": 0.4, "small": 0.1}
    its = shares(usage, {"big": HIGH, "small": LOW})
    assert its == {HIGH: 1.0, LOW: pytest.approx(0.5)}


@given(st.dictionaries(st.text(max_size=3), st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf])), max_size=12))
def test_every_workload_has_a_group_and_every_group_a_share(usage: dict[str, float]) -> None:
    groups = assign(usage, {})
    assert set(groups) == set(usage)
    assert all(0.0 <= share <= 1.0 for share in shares(usage, groups).values())


def observation(*views: tower.WorkloadView) -> tower.Observation:
    return tower.Observation(100.0, (), views)


def test_the_fixed_policy_holds_its_target_for_all() -> None:
    views = (tower.WorkloadView("a", 1.0), tower.WorkloadView("b", 0.1))
    _, decision = tower.decide(TowerState(), observation(*views), tower.Settings(policy="fixed", fixed_target=0.05))
    assert set(decision.targets.values()) == {0.05}
    assert decision.permille(decision.groups["a"]) == 50


def test_a_policy_that_does_not_exist_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="budget, fixed"):
        tower.decide(TowerState(), observation(), tower.Settings(policy="guess"))


def test_a_checkpoint_comes_back_as_it_was() -> None:
    state = TowerState(0.4, {"Deployment/a": HIGH}, 0.6, 120.0, 115.0, 118.0, 100.0, 90.0)
    assert TowerState.from_json(json.loads(json.dumps(state.to_json()))) == state


@pytest.mark.parametrize(
    "stored",
    [None, "text", {}, {"version": 99, "pressure": 1}, {"version": 1, "pressure": "much"}, {**TowerState().to_json(), "pressure": math.nan}],
)
def test_a_checkpoint_that_cannot_be_read_is_a_safe_start(stored: object) -> None:
    assert TowerState.from_json(stored) == TowerState()
