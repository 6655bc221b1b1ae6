"""Requests that never end: what the tower makes of their absence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.cpu import tower
from flyball.cpu.tower import Reason, TowerState
from flyball.cpu.tower.standstill import THROTTLED, remembered
from flyball.cpu.tower.types import TARGET_MAX
from flyball.slo import Budget, Objective
from tests.unit.cpu.tower.plant import Plant

OBJECTIVE = Objective("gateway", 0.99, 0.2, 600)
BEFORE = TowerState(pressure=0.5, last_time=985.0, last_good_reading=985.0, rates={"gateway": 30.0})
"""Thirty requests a second, 900 in a reading of 30 s."""


def reading(total: float, slow: float = 0.0, objective: Objective = OBJECTIVE) -> tower.Reading:
    return tower.Reading(objective, Budget(10_000, 10, 100, 0, 1), total - slow, total, 30.0, 3.0)


def decide(*readings: tower.Reading, throttled: float, state: TowerState = BEFORE) -> tuple[TowerState, tower.Decision]:
    views = (tower.WorkloadView("Deployment/web", 0.2, 0.2, 0.5, 0.1), tower.WorkloadView("Deployment/cart", 0.02, 0.02, 0.1, throttled))
    return tower.decide(state, tower.Observation(1000.0, readings, views), tower.Settings())


@pytest.mark.parametrize("total", [0, 90, 400])
def test_requests_that_cease_to_end_beside_a_workload_out_of_quota_give_everything_back(total: float) -> None:
    state, decision = decide(reading(total), throttled=0.9)
    assert (decision.reason, decision.release, state.pressure) == (Reason.GUARD, True, 0.0)
    assert f"{total} requests ended in 30 s where 900 did before, and Deployment/cart is out of quota 90% of the time" in decision.message


@pytest.mark.parametrize(
    ("total", "throttled", "state"),
    [
        pytest.param(90, 0.5, BEFORE, id="fewer requests, no more throttling than asked for: customers left"),
        pytest.param(90, math.nan, BEFORE, id="fewer requests, throttling unknown"),
        pytest.param(880, 0.9, BEFORE, id="throttling, but requests end as before"),
        pytest.param(2, 0.9, replace(BEFORE, rates={"gateway": 0.2}), id="so few requests that chance alone may show even fewer"),
        pytest.param(90, 0.9, replace(BEFORE, rates={}), id="nothing is known of before"),
        pytest.param(0, 0.9, replace(BEFORE, rates={"checkout": 30.0}), id="another objective's requests are no measure"),
    ],
)
def test_what_is_no_standstill_is_left_alone(total: float, throttled: float, state: TowerState) -> None:
    after, decision = decide(reading(total), throttled=throttled, state=state)
    assert decision.reason is not Reason.GUARD
    assert after.pressure >= BEFORE.pressure


def test_one_objective_at_a_standstill_is_enough() -> None:
    other = replace(OBJECTIVE, name="checkout")
    state = replace(BEFORE, rates={"gateway": 30.0, "checkout": 10.0})
    _, decision = decide(reading(900), reading(10, objective=other), throttled=0.9, state=state)
    assert (decision.reason, decision.governing) == (Reason.GUARD, "checkout")


def test_the_rate_of_before_is_a_mean_of_five_minutes() -> None:
    assert remembered({}, [reading(900)], 15.0) == {"gateway": 30.0}
    after = remembered({"gateway": 30.0, "gone": 5.0}, [reading(0)], 300.0)
    assert after == {"gateway": pytest.approx(30.0 / math.e), "gone": 5.0}
    assert remembered({"gateway": 30.0}, [reading(0)], -60.0) == {"gateway": 30.0}
    assert remembered({"gateway": 30.0}, [replace(reading(0), good=math.nan)], 60.0) == {"gateway": 30.0}


def test_what_was_remembered_survives_a_restart_and_an_older_checkpoint_has_none() -> None:
    stored = BEFORE.to_json()
    assert TowerState.from_json(stored) == BEFORE
    del stored["rates"]
    assert TowerState.from_json(stored) == replace(BEFORE, rates={})


@pytest.mark.parametrize("rates", ["many", {"gateway": "many"}, {"gateway": math.inf}])
def test_a_checkpoint_with_rates_that_are_none_is_a_safe_start(rates: object) -> None:
    assert TowerState.from_json({**BEFORE.to_json(), "rates": rates}) == TowerState()


@given(st.integers(0, 2000), st.integers(0, 500), st.floats(0, 1), st.floats(0, 100))
def test_beyond_all_targets_throttled_more_requests_that_end_well_never_mean_lower_targets(
    total: int, more: int, throttled: float, rate: float
) -> None:
    state = replace(BEFORE, rates={"gateway": rate})
    fewer, _ = decide(reading(total), throttled=throttled, state=state)
    better, _ = decide(reading(total + more), throttled=throttled, state=state)
    assert better.pressure >= fewer.pressure


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_throttling_never_means_higher_targets(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert decide(reading(300), throttled=more)[0].pressure <= decide(reading(300), throttled=less)[0].pressure


def test_no_target_asks_for_as_much_throttling_as_a_standstill_shows() -> None:
    assert THROTTLED > TARGET_MAX


def test_a_plant_that_comes_to_a_standstill_runs_again_within_a_minute_and_a_half() -> None:
    plant = Plant(knee=0.4, stuck_above=0.06)
    standing = longest = 0
    for _ in range(4 * 30):
        plant.run(0.25)
        standing = standing + 1 if plant.stuck else 0
        longest = max(longest, standing)
    assert Reason.GUARD in plant.reasons
    assert 0 < 15 * longest <= 90
