"""The policy `budget` in a closed loop, and its branches one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.cpu import tower
from flyball.cpu.tower import Reason, TowerState
from flyball.cpu.tower.budget import NORMAL_FROM, at_least
from flyball.cpu.tower.types import TARGET_MAX
from flyball.slo import Budget, Objective
from tests.unit.cpu.tower.plant import Plant

OBJECTIVE = Objective("gateway", 0.99, 0.2, 600)
HEALTHY = Budget(10_000, 10, 100, 0, 1)
SETTINGS = tower.Settings()
VIEWS = (tower.WorkloadView("Deployment/big", 0.2, 0.3, 0.5, 0.0), tower.WorkloadView("Deployment/small", 0.02, 0.05, 0.1, 0.0))


def reading(slow: float, total: float = 1000, *, budget: Budget = HEALTHY, age: float = 3.0, seconds: float = 30.0) -> tower.Reading:
    return tower.Reading(OBJECTIVE, budget, total - slow, total, seconds, age)


def decide(
    state: TowerState, *readings: tower.Reading, time: float = 1000.0, settings: tower.Settings = SETTINGS
) -> tuple[TowerState, tower.Decision]:
    return tower.decide(state, tower.Observation(time, readings, VIEWS), settings)


def over(window: float, its: tower.Reading) -> tower.Reading:
    """The same reading of an objective over so many seconds."""
    return replace(its, objective=replace(OBJECTIVE, window_seconds=window))


def few_minutes(its: tower.Reading, above: float) -> tower.Reading:
    """The same of an objective that lets 5 % of its minutes lie above, of which so many did."""
    return replace(its, objective=replace(its.objective, minutes_above_share=0.05), budget=replace(its.budget, minutes_above=above))


def steady(pressure: float = 0.5) -> TowerState:
    return TowerState(pressure=pressure, last_time=985.0, last_good_reading=985.0)


def test_it_begins_where_nothing_is_throttled() -> None:
    _, decision = decide(TowerState(), reading(0, age=math.inf))
    assert set(decision.targets.values()) == {0.0}
    assert decision.reason is Reason.START


def test_budget_to_spare_raises_targets_and_says_so() -> None:
    state, decision = decide(steady(), reading(0))
    assert state.pressure > 0.5
    assert decision.reason is Reason.SPEND
    assert "0 of 1000 requests slow" in decision.message
    assert decision.alternatives[0].choice == "stay"


def test_burning_too_fast_lowers_targets_and_is_remembered() -> None:
    state, decision = decide(steady(), reading(20))
    assert state.pressure < 0.5
    assert state.ceiling < 0.5
    assert decision.reason is Reason.SAVE
    held, _ = decide(replace(state, last_time=1000.0), reading(0), time=1015.0)
    assert held.pressure == state.pressure  # until the readings are free of what was too much
    risen, decision = decide(replace(held, pressure=state.ceiling, last_time=1030.0), reading(0), time=1045.0)
    assert 0 < risen.pressure - state.ceiling < SETTINGS.rise_per_minute / 4 * 0.5
    assert "slowly" in decision.message


def test_what_burns_with_hardly_any_throttling_is_not_blamed_on_the_targets() -> None:
    state, _ = decide(steady(pressure=0.02), reading(20))
    assert state.ceiling == SETTINGS.ceiling_lowest


def test_the_further_above_the_aim_the_larger_the_cut() -> None:
    mild, _ = decide(steady(), reading(13))
    strong, _ = decide(steady(), reading(24))
    assert strong.pressure < mild.pressure < 0.5


@pytest.mark.parametrize(("window", "aim"), [(60, 0.5), (600, 0.5), (939.06, 0.6), (3600, 0.9), (86_400, 0.9)])
def test_an_objective_over_an_hour_goes_on_at_the_pace_its_budget_allows_and_one_over_minutes_keeps_each(window: float, aim: float) -> None:
    """939 s are a quarter of the way from ten minutes to an hour by the logarithm, since six to the power 1/4 is 1.565."""
    its = over(window, reading(0, budget=replace(HEALTHY, pace=0.9)))
    assert f"aim of {aim:.2f}" in decide(steady(), its)[1].message


def test_what_is_too_much_for_each_minute_leaves_an_hour_room() -> None:
    slow = reading(70, 10_000)  # burn .7
    hour = over(3600, slow)
    assert decide(steady(), slow)[1].reason is Reason.SAVE
    assert decide(steady(), hour)[1].reason is Reason.SPEND
    assert decide(steady(), few_minutes(hour, 3))[1].reason is Reason.SAVE


@pytest.mark.parametrize(("above", "aim"), [(0, 0.6), (1.05, 0.45), (2.1, 0.3), (30, 0.3)])
def test_the_fewer_minutes_lay_above_of_those_that_may_the_nearer_to_the_objective_it_goes(above: float, aim: float) -> None:
    """5 % of an hour are three minutes, 2.1 of them are planned with."""
    assert f"aim of {aim:.2f}" in decide(steady(), few_minutes(over(3600, reading(0)), above))[1].message


def test_nor_further_than_the_hour_can_spend_and_a_surge_is_one_of_minutes() -> None:
    """Burn 4: beyond the guard of minutes, below that of hours."""
    spent = few_minutes(over(3600, reading(0, 10_000, budget=replace(HEALTHY, pace=0.1))), 0)
    assert "aim of 0.10" in decide(steady(), spent)[1].message
    burning = over(3600, reading(40))
    assert decide(steady(), burning)[1].reason is Reason.SAVE
    assert decide(steady(), few_minutes(burning, 0))[1].reason is Reason.GUARD


def test_an_hour_answers_too_much_a_little_at_a_time_and_does_not_wait() -> None:
    burning = reading(170, 10_000)  # burn 1.7
    minutes, _ = decide(steady(), burning)
    assert minutes.pressure == pytest.approx(0.5 * (0.5 / 1.7) ** 0.5)
    hour, _ = decide(steady(), over(3600, burning))
    assert hour.pressure == pytest.approx(0.5 * (1 / 1.7) ** (0.1 / 4))  # a quarter of a minute
    assert hour.ceiling == hour.pressure
    further, _ = decide(hour, over(3600, burning), time=1015.0)
    assert further.pressure == pytest.approx(0.5 * (1 / 1.7) ** (0.1 / 2))
    risen, decision = decide(further, over(3600, reading(0, 10_000)), time=1030.0)
    assert (risen.pressure > further.pressure, decision.reason) == (True, Reason.SPEND)


def test_far_too_much_is_answered_at_once_over_an_hour_too_and_then_waited_for() -> None:
    state, _ = decide(steady(), over(3600, reading(250, 10_000)))
    assert state.pressure == pytest.approx(0.5 * 0.4**0.2)
    assert state.ceiling == pytest.approx(0.45)
    held, decision = decide(state, over(3600, reading(250, 10_000)), time=1010.0)
    assert (held.pressure, decision.reason) == (state.pressure, Reason.HOLD)
    assert decide(state, over(3600, reading(0, 10_000)), time=1025.0)[1].reason is Reason.HOLD


def test_it_takes_a_larger_surge_to_give_everything_back_where_an_hour_counts() -> None:
    """A minute at burn 4 is a fifteenth of what an hour may spend, and most of what ten minutes may."""
    surge = reading(400, 10_000)
    assert decide(steady(), surge)[1].reason is Reason.GUARD
    assert decide(steady(), over(3600, surge))[1].reason is Reason.SAVE
    assert decide(steady(), over(3600, reading(610, 10_000)))[1].reason is Reason.GUARD


def test_an_hour_keeps_no_reserve_but_that_of_its_pace() -> None:
    left = Budget(10_000, 80, 100, 0, 1, pace=0.94)  # a fifth
    assert "aim of 0.33" in decide(steady(), reading(0, budget=left))[1].message
    assert "aim of 0.94" in decide(steady(), over(3600, reading(0, budget=left)))[1].message


def test_a_pace_of_nothing_stops_what_an_hour_spends() -> None:
    stopped = over(3600, reading(5, budget=replace(HEALTHY, pace=0.0)))
    state, decision = decide(steady(), stopped)
    assert (state.pressure, decision.reason) == (pytest.approx(0.5 * (1 - SETTINGS.cut_at_most)), Reason.SAVE)
    held, _ = decide(steady(), replace(stopped, good=stopped.total))
    assert held.pressure == 0.5


def test_a_surge_brings_targets_to_zero_at_once_and_holds() -> None:
    state, decision = decide(steady(), reading(60))
    assert decision.reason is Reason.GUARD
    assert set(decision.targets.values()) == {0.0}
    assert decision.release
    held, decision = decide(state, reading(0), time=1030.0)
    assert (held.pressure, decision.release) == (0.0, True)
    _, decision = decide(held, reading(0), time=1061.0)
    assert not decision.release
    risen, _ = decide(replace(held, last_time=1060.0), reading(0), time=1075.0)
    assert risen.pressure > 0.0


def test_after_a_surge_pressure_waits_until_a_long_look_back_is_free_of_it() -> None:
    state, _ = decide(steady(), reading(600, 10_000, seconds=120))
    held, decision = decide(replace(state, last_time=1075.0), reading(0, 10_000, seconds=120), time=1090.0)
    assert (held.pressure, decision.reason) == (0.0, Reason.HOLD)
    risen, _ = decide(replace(held, last_time=1115.0), reading(0, 10_000, seconds=120), time=1130.0)
    assert risen.pressure > 0.0


def test_the_longer_the_look_back_the_smaller_the_steps() -> None:
    prompt, _ = decide(steady(), reading(0))
    late, _ = decide(steady(), reading(0, seconds=120))
    assert late.pressure - 0.5 == pytest.approx((prompt.pressure - 0.5) / 4)


def test_a_clock_that_was_set_back_holds_nothing_for_hours() -> None:
    ahead = replace(steady(), hold_until=1e6, last_good_reading=1e6, last_time=1e6)
    state, _ = decide(ahead, reading(0))
    risen, decision = decide(replace(state, last_time=1075.0), reading(0), time=1090.0)
    assert (risen.pressure > 0.5, decision.reason) == (True, Reason.SPEND)
    silent, _ = decide(ahead, reading(0, age=math.inf))
    lost, decision = decide(silent, reading(0, age=math.inf), time=1000.0 + 2 * SETTINGS.stale_seconds + 15)
    assert (lost.pressure, decision.reason) == (0.0, Reason.SIGNALS_LOST)


def test_a_clock_that_was_set_back_does_not_hold_up_the_next_cut() -> None:
    cut, decision = decide(replace(steady(), last_time=8185.0, last_good_reading=8185.0), reading(12), time=8200.0)
    assert decision.reason is Reason.SAVE
    state, decision = decide(cut, reading(12), time=1000.0)  # two hours back
    assert decision.reason is Reason.HOLD  # the cut may still be on its way into the readings
    state, decision = decide(state, reading(12), time=1000.0 + 2 * SETTINGS.guard_hold_seconds)
    assert (decision.reason, state.pressure < cut.pressure) == (Reason.SAVE, True)


def test_few_requests_decide_nothing() -> None:
    for slow in (0, 1):
        state, decision = decide(steady(), reading(slow, total=40))
        assert state.pressure == 0.5
        assert decision.reason is Reason.HOLD


def test_where_too_few_requests_come_to_tell_nothing_is_begun_and_everything_is_at_its_grant() -> None:
    state, decision = decide(TowerState(last_time=985.0, last_good_reading=985.0), reading(0, total=99))
    assert (state.pressure, decision.reason, decision.release) == (0.0, Reason.INSUFFICIENT_TRAFFIC, True)
    assert "99 requests in 30 s are too few" in decision.message and "(100 are enough)" in decision.message
    assert not decide(state, reading(0, total=100), time=1015.0)[1].release


def test_what_was_begun_rests_where_requests_become_few_and_goes_on_from_there() -> None:
    state, decision = decide(steady(), reading(0, total=24))
    assert (state.pressure, decision.reason, decision.release) == (0.5, Reason.INSUFFICIENT_TRAFFIC, True)
    state, decision = decide(state, reading(0, total=25), time=1015.0)
    assert (state.pressure, decision.release) == (0.5, False)


def test_a_route_with_few_requests_does_not_stop_what_another_can_tell() -> None:
    few = replace(reading(0, total=5), objective=replace(OBJECTIVE, name="rare"))
    assert not decide(steady(), reading(4), few)[1].release
    assert decide(steady(), few)[1].release


def test_no_requests_at_all_decide_nothing() -> None:
    state, _ = decide(steady(), reading(0, total=0))
    assert state.pressure == 0.5


def test_an_overdrawn_budget_allows_no_throttling() -> None:
    _, decision = decide(steady(), reading(0, budget=Budget(10_000, 150, 100, 2, 1)))
    assert decision.reason is Reason.OVERDRAWN
    assert set(decision.targets.values()) == {0.0}


def test_the_less_is_left_the_lower_the_aim() -> None:
    plenty, _ = decide(steady(), reading(4, budget=Budget(10_000, 20, 100, 0, 1)))
    little, _ = decide(steady(), reading(4, budget=Budget(10_000, 95, 100, 0, 1)))
    assert little.pressure < plenty.pressure


def test_lost_signals_are_held_on_to_and_then_mean_no_throttling() -> None:
    state = steady()
    held, decision = decide(state, reading(0, age=math.inf), time=1000.0 + SETTINGS.stale_seconds)
    assert (held.pressure, decision.reason) == (0.5, Reason.HOLD)
    lost, decision = decide(held, reading(0, age=math.inf), time=1000.0 + 2 * SETTINGS.stale_seconds)
    assert (lost.pressure, decision.reason) == (0.0, Reason.SIGNALS_LOST)


def test_at_full_pressure_the_largest_stay_below_what_a_rising_load_needs_and_the_others_come_closer() -> None:
    _, decision = decide(steady(1.0), reading(4))
    assert decision.targets == {"128m": pytest.approx(0.30), "16m": pytest.approx(0.30)}
    _, decision = decide(steady(0.75), reading(4))  # .5 * .75 squared and .7 * its eighth power: .351
    assert decision.targets == {"128m": pytest.approx(0.30), "16m": pytest.approx(0.351 * 2 ** (-3 * 0.4), abs=1e-3)}
    _, decision = decide(steady(0.5), reading(4))
    assert decision.targets["128m"] == pytest.approx(0.1277, abs=1e-4)


def test_of_several_objectives_the_most_careful_wins() -> None:
    other = replace(reading(60), objective=replace(OBJECTIVE, name="checkout"))
    _, decision = decide(steady(), reading(0), other)
    assert (decision.reason, decision.governing) == (Reason.GUARD, "checkout")


def test_a_late_tick_makes_no_leap() -> None:
    late, _ = decide(steady(), reading(0), time=985.0 + 3600)
    assert late.pressure - 0.5 <= SETTINGS.rise_per_minute + 1e-9


@given(
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(allow_nan=True), st.floats(allow_nan=True), st.floats(allow_nan=True), st.floats(-2, 1)), max_size=4),
    st.floats(900, 1e6),
)
def test_whatever_is_read_targets_stay_within_their_bounds(pressure: float, given_readings: list[tuple[float, ...]], time: float) -> None:
    readings = [
        tower.Reading(OBJECTIVE, Budget(1000, 10 * (1 - left), 10, 0, 1), good, total, 30.0, age) for good, total, age, left in given_readings
    ]
    state, decision = decide(steady(pressure), *readings, time=time)
    assert 0.0 <= state.pressure <= 1.0
    assert all(0.0 <= target <= TARGET_MAX for target in decision.targets.values())


@given(st.floats(0, 1), st.integers(0, 200), st.integers(1, 200))
def test_more_slow_requests_never_mean_higher_targets(pressure: float, slow: int, more: int) -> None:
    fewer, _ = decide(steady(pressure), reading(slow))
    worse, _ = decide(steady(pressure), reading(slow + more))
    assert worse.pressure <= fewer.pressure


@pytest.mark.parametrize(("count", "mean", "probability"), [(0, 3, 1.0), (1, 0.2, 0.18127), (5, 2, 0.05265), (8, 3.75, 0.03762), (1, 0, 0.0)])
def test_poisson_tails(count: float, mean: float, probability: float) -> None:
    """Against tables of the Poisson distribution."""
    assert at_least(count, mean) == pytest.approx(probability, abs=2e-4)


def test_the_normal_law_takes_over_without_a_jump() -> None:
    for count in (360, 400, 430):
        assert at_least(count, NORMAL_FROM) == pytest.approx(at_least(count, NORMAL_FROM + 1e-6), abs=0.01)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("knee", "lookback"), [(0.02, 30), (0.08, 30), (0.25, 30), (0.02, 60), (0.08, 120), (0.02, 240)])
def test_an_hour_keeps_the_budget_and_most_minutes_below_the_objective(seed: int, knee: float, lookback: float) -> None:
    plant = Plant(seed=seed, knee=knee, lookback=lookback).run(60)
    assert plant.ledger.budget(plant.now).left > 0
    assert plant.minutes_above() <= 4  # one in fifteen


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("knee", [0.02, 0.08, 0.25])
def test_an_hour_that_says_how_many_minutes_may_lie_above_keeps_to_it(seed: int, knee: float) -> None:
    few, many = (Plant(seed=seed, knee=knee, objective=Objective("gateway", 0.99, 0.2, 3600.0, share)).run(185) for share in (0.05, 1.0))
    assert few.minutes_above() <= 9  # 5 % of 185
    assert many.minutes_above() > 2 * few.minutes_above()
    assert few.target > 0.2 * knee  # and is of use


def test_it_is_useful_within_minutes() -> None:
    plant = Plant(knee=0.08).run(4)
    assert plant.target >= 0.01
    assert plant.run(6).target >= 0.03


def test_a_sudden_worsening_is_over_within_a_minute() -> None:
    plant = Plant(knee=0.15).run(15)
    assert plant.target > 0.03
    plant.knee = 0.004  # the same targets now hurt far more
    plant.run(0.75)
    assert plant.slow_share() < 0.01


def test_few_requests_neither_spend_nor_oscillate() -> None:
    plant = Plant(rate=0.5).run(60)
    assert plant.ledger.budget(plant.now).left > 0
    assert Reason.GUARD not in plant.reasons


def test_a_restart_from_the_checkpoint_is_no_restart() -> None:
    whole, split = Plant(seed=3).run(20), Plant(seed=3).run(10)
    split.restart()
    assert split.run(10).state == whole.state


def test_silence_gives_back_and_resumes() -> None:
    plant = Plant().run(15)
    plant.silent = True
    plant.run(4)
    assert plant.target == 0.0
    plant.silent = False
    assert plant.run(6).target > 0.0
