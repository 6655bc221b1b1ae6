"""The policy `bandit` in a closed loop, and what it makes of what it has seen."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.cpu import tower
from flyball.cpu.tower import Reason, TowerState
from flyball.cpu.tower.arms import CELLS_MOST, HALF_LIFE_SECONDS, Arms
from flyball.cpu.tower.bandit import LADDER, STEP_GROWTH, bounds, place
from flyball.slo import Budget, Objective
from tests.unit.cpu.tower.plant import Plant

BANDIT = tower.Settings(policy="bandit")
HOUR = Objective("gateway", 0.99, 0.2, 3600.0)


def plant(seed: int, **its: float) -> Plant:
    return Plant(seed=seed, objective=HOUR, settings=BANDIT, rate=30.0, **its)


@pytest.mark.parametrize("knee", [0.03, 0.2])
def test_from_zero_knowledge_it_finds_what_the_hour_can_bear_and_goes_no_further(knee: float) -> None:
    slow, targets = [], []
    for seed in range(2):
        its = plant(seed, knee=knee).run(60)
        last = its.seconds[-2400:]
        slow.append(sum(count for _, _, count in last) / sum(count for _, count, _ in last))
        targets.append(its.target)
    assert max(slow) <= 0.01
    assert sum(targets) / len(targets) >= 0.35 * knee


def test_what_has_been_learned_of_a_load_is_used_when_it_comes_back() -> None:
    its = plant(1, knee=0.1).run(60)
    known = its.target
    its.rate = 5.0
    its.run(20)
    its.rate = 30.0
    its.run(4)
    assert its.target >= 0.6 * known > 0


def test_at_a_load_never_seen_nothing_is_throttled() -> None:
    its = plant(1, knee=0.1).run(60)
    learned = its.state.arms
    assert bounds(learned, 30.0)[1] < 0.85
    assert min(bounds(learned, 3000.0)) > 0.85


def test_a_surge_gives_everything_back_and_is_held_against_the_pressure() -> None:
    its = plant(1, knee=0.1).run(60)
    before, known = bounds(its.state.arms, its.rate)[place(its.state.pressure)], its.state.pressure
    its.knee = 0.004
    its.run(2)
    assert Reason.GUARD in its.reasons[-8:]
    assert its.target == 0.0
    its.run(10)
    assert bounds(its.state.arms, its.rate)[place(known)] > 0.85 > before
    assert its.target < 0.02


def test_a_release_that_bears_more_is_found_out_in_an_hour() -> None:
    its = plant(2, knee=0.03).run(60)
    before = its.target
    its.knee = 0.2
    assert its.run(90).target > 1.5 * before


def test_a_restart_forgets_nothing() -> None:
    whole, split = plant(3), plant(3)
    whole.run(40)
    split.run(25)
    split.restart()
    split.run(15)
    assert split.decision is not None and whole.decision is not None
    assert split.target == pytest.approx(whole.target, rel=0.3)
    assert place(split.state.pressure) == pytest.approx(place(whole.state.pressure), abs=2)


@pytest.mark.parametrize("broken", [{"since": "x", "seen": []}, {"seen": 3}, {"since": 0, "seen": [[1, 2, "nan", 1]]}, 5])
def test_a_checkpoint_that_is_none_begins_afresh(broken: object) -> None:
    stored = TowerState(pressure=0.5).to_json()
    assert TowerState.from_json(json.loads(json.dumps({**stored, "arms": broken}))) == TowerState()


tallies = st.lists(st.tuples(st.integers(0, len(LADDER) - 1), st.floats(1, 500), st.floats(0, 200), st.floats(0.1, 500)), max_size=12)


def arms_of(rows: list[tuple[int, float, float, float]]) -> Arms:
    arms = Arms()
    for step, load, slow, allowed in rows:
        arms = arms.noted(step, load, slow, allowed)
    return arms


@given(tallies, st.floats(1, 500))
def test_a_higher_pressure_never_looks_safer_nor_a_step_worse_than_by_the_law(rows: list[tuple[int, float, float, float]], load: float) -> None:
    most = bounds(arms_of(rows), load)
    for low, high in itertools.pairwise(most):
        assert low <= high or (math.isinf(low) and math.isinf(high))
        assert high <= low * STEP_GROWTH * (1 + 1e-9) or math.isinf(low)


@given(tallies, st.integers(0, len(LADDER) - 1), st.floats(1, 100))
def test_slow_requests_that_are_noted_make_nothing_look_safer(rows: list[tuple[int, float, float, float]], step: int, slow: float) -> None:
    arms = arms_of([*rows, (step, 50.0, 1.0, 10.0)])
    worse = arms.noted(step, 50.0, slow, 0.0)
    assert all(after >= before - 1e-9 for before, after in zip(bounds(arms, 50.0), bounds(worse, 50.0), strict=True))


def test_what_was_seen_counts_half_after_the_half_life_and_is_dropped_at_last() -> None:
    arms = arms_of([(3, 20.0, 2.0, 8.0)])
    half = arms.forgotten(HALF_LIFE_SECONDS).near(3, 20.0)
    assert half.slow == pytest.approx(arms.near(3, 20.0).slow / 2)
    assert not arms.forgotten(30 * HALF_LIFE_SECONDS).seen


def test_what_is_remembered_stays_small() -> None:
    arms = Arms()
    for load in range(1, 3000, 3):
        arms = arms.noted(load % len(LADDER), float(load), 1.0, 10.0)
    arms = arms.forgotten(1.0)
    assert len(arms.seen) <= CELLS_MOST
    assert len(json.dumps(arms.to_json())) < 10_000
    assert Arms.from_json(json.loads(json.dumps(arms.to_json()))).near(4, 100.0).allowed == pytest.approx(arms.near(4, 100.0).allowed, abs=0.01)


def test_the_ladder_begins_with_nothing_and_ends_with_all() -> None:
    assert (LADDER[0], LADDER[-1]) == (0.0, 1.0)
    assert [place(pressure) for pressure in LADDER] == list(range(len(LADDER)))


def test_requests_of_none_keep_the_pressure() -> None:
    state = replace(TowerState(pressure=LADDER[5], last_time=985.0, last_good_reading=985.0), arms=Arms(since=1.0))
    its = plant(1)
    its.state, its.rate = state, 0.0
    its._decide()
    assert its.state.pressure == LADDER[5]


def test_what_another_policy_had_in_force_is_learned_of_once_readings_show_nothing_else() -> None:
    its = plant(1, knee=0.3)
    its.state = TowerState(pressure=0.5, last_time=its.now, last_good_reading=its.now)
    looks = 0
    while not its.state.arms.seen:
        its.run(0.25)
        looks += 1
    assert looks > 3, "the first readings hold what was before"
    assert {step for _, step in its.state.arms.seen} == {place(0.5)}


@given(
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(allow_nan=True), st.floats(allow_nan=True), st.floats(0, 300), st.floats(0, 1e9)), max_size=3),
    st.floats(0, 2e9),
)
def test_whatever_is_read_targets_stay_within_their_bounds(pressure: float, rows: list[tuple[float, ...]], time: float) -> None:
    budget = Budget(1000, 5, 10, 0, 1)
    readings = tuple(tower.Reading(HOUR, budget, good, total, seconds, age) for good, total, seconds, age in rows)
    state = TowerState(pressure=pressure, last_time=1e9, last_good_reading=1e9, arms=arms_of([(3, 20.0, 1.0, 9.0)]))
    state, decision = tower.decide(state, tower.Observation(time, readings, ()), BANDIT)
    assert 0.0 <= state.pressure <= 1.0
    assert all(0.0 <= target <= 0.4 for target in decision.targets.values())
