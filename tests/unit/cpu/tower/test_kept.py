"""A share of each grant is kept where targets of zero burn too much still, and given up before targets rise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.cpu.tower import Decision, Reason, TowerState
from tests.unit.cpu.tower.plant import Plant
from tests.unit.cpu.tower.test_budget_policy import HEALTHY, decide, over, reading

SPENT = replace(HEALTHY, slow=150)


def state(pressure: float = 0.0, kept: float = 0.0) -> TowerState:
    return TowerState(pressure=pressure, kept=kept, last_time=985.0, last_good_reading=985.0)


def test_burning_too_fast_at_a_target_of_zero_keeps_more_of_the_grants_and_says_so() -> None:
    after, decision = decide(state(), reading(20))
    assert decision.reason is Reason.SAVE
    assert 0.0 < after.kept < 0.5
    assert decision.kept == after.kept
    assert f"At least {after.kept:.0%} of each grant is kept." in decision.message


def test_where_targets_may_be_to_blame_they_fall_and_nothing_is_kept() -> None:
    after, decision = decide(state(pressure=0.5), reading(20))
    assert (after.kept, decision.kept) == (0.0, 0.0)
    assert 0.0 < after.pressure < 0.5
    assert "grant is kept" not in decision.message


def test_while_the_budget_is_overdrawn_everything_is_back_in_two_minutes() -> None:
    its = state()
    for tick in range(8):
        its, decision = decide(its, reading(3, budget=SPENT), time=1000.0 + 15.0 * tick)
        assert decision.reason is Reason.OVERDRAWN
    assert its.kept == 1.0


def test_a_surge_at_targets_of_zero_is_remembered_once_and_one_at_higher_targets_is_not() -> None:
    after, first = decide(state(), reading(200))
    assert (first.release, after.kept) == (True, 0.25)
    again, second = decide(after, reading(200), time=1015.0)
    assert (second.reason, again.kept) == (Reason.GUARD, 0.25)
    higher, _ = decide(state(pressure=0.5), reading(200))
    assert higher.kept == 0.0


def test_targets_rise_when_nothing_is_kept_any_more_and_not_before() -> None:
    its = state(pressure=0.1, kept=0.5)
    seen: list[Decision] = []
    for tick in range(12):
        its, decision = decide(its, reading(0), time=1000.0 + 15.0 * tick)
        seen.append(decision)
        assert its.kept == 0.0 or its.pressure == 0.1
    assert its.kept == 0.0
    assert its.pressure > 0.1
    assert "less of the grants is kept, targets stay" in seen[0].message
    assert "targets rise" in seen[-1].message


def test_with_too_few_requests_to_tell_no_less_is_kept() -> None:
    after, decision = decide(state(kept=0.5), reading(0, 20))
    assert decision.reason is Reason.INSUFFICIENT_TRAFFIC
    assert after.kept == 0.5


def test_what_is_kept_survives_a_restart_and_one_before_it_was_there_is_read() -> None:
    its = state(pressure=0.1, kept=0.375)
    assert TowerState.from_json(its.to_json()) == its
    assert TowerState.from_json({key: value for key, value in its.to_json().items() if key != "kept"}) == replace(its, kept=0.0)
    assert TowerState.from_json({**its.to_json(), "kept": float("nan")}) == TowerState()
    assert TowerState.from_json({**its.to_json(), "kept": 7.0}).kept == 1.0


@given(kept=st.floats(0, 1), pressure=st.floats(0, 1), slow=st.integers(0, 1000), total=st.integers(1, 1000), window=st.sampled_from([600.0, 3600.0]))
def test_it_stays_a_share_and_never_falls_while_too_much_burns(kept: float, pressure: float, slow: int, total: int, window: float) -> None:
    after, decision = decide(state(pressure, kept), over(window, reading(min(slow, total), total)))
    assert 0.0 <= after.kept <= 1.0
    assert 0 <= decision.kept_permille <= 1000
    if decision.reason is not Reason.SPEND:
        assert after.kept >= kept


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_service_that_is_slow_at_targets_of_zero_is_held_within_its_objective(seed: int) -> None:
    """2.5 % slow at a target of zero, in proportion less with what is kept: 60 % of the grants bring it to the allowed 1 %."""
    plant = Plant(seed=seed, rate=60.0, lookback=60.0, at_zero=0.025).run(15)
    settled = len(plant.seconds)
    plant.run(60)
    total, slow = (sum(entry[column] for entry in plant.seconds[settled:]) for column in (1, 2))
    assert slow / total < plant.objective.allowed_share
    assert plant.target == 0.0
    assert plant.decision is not None and 0.5 < plant.state.kept <= 1.0


def test_one_that_is_well_at_targets_of_zero_keeps_nothing() -> None:
    plant = Plant(seed=4, rate=60.0, lookback=60.0).run(30)
    assert plant.state.kept == 0.0
    assert plant.target > 0.01
