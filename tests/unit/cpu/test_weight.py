"""The weight of a container without a limit: one decision at a time, beside a neighbour that takes what is left, and whatever happens."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.cpu.weight import CUT_LIMIT, MEAN_SAMPLES, RISING_SAMPLES, SAMPLES_BEFORE_CUT, Bounds, Reason, Sample, WeightMove, WeightState, decide

BOUNDS = Bounds(floor=0.05, request=1.0)


def sample(*, usage: float = 0.2, waited: float = 0.0, weight: float = 1.0, elapsed: float = 1.0) -> Sample:
    return Sample(elapsed, usage, waited, weight)


def history(usage: float = 0.2, waited: float = 0.0) -> WeightState:
    return WeightState((usage,) * 30, (waited,) * MEAN_SAMPLES)


def shared(demand: float, neighbour: float, target: float, seconds: int, bounds: Bounds = BOUNDS) -> list[WeightMove]:
    """One CPU that a container which wants `demand` shares with a neighbour that wants all, by weight. Where it gets less than it wants one task
    is ready all the time."""
    state, weight, moves = WeightState(), bounds.request, []
    for _ in range(seconds):
        got = min(demand, weight / (weight + neighbour))
        state, move = decide(state, sample(usage=got, waited=1.0 - got if got < demand else 0.0, weight=weight), target, bounds)
        weight = move.weight
        moves.append(move)
    return moves


def test_on_a_node_with_room_it_goes_down_to_what_is_used_and_no_further() -> None:
    moves = shared(0.2, 0.0, 0.1, 120)
    assert moves[-1].weight == pytest.approx(0.2, rel=0.03)


def test_it_goes_down_by_small_steps_and_not_before_there_is_history() -> None:
    weights = [move.weight for move in shared(0.2, 0.0, 0.1, 10)]
    assert weights[: SAMPLES_BEFORE_CUT - 1] == [1.0] * (SAMPLES_BEFORE_CUT - 1)
    assert weights[SAMPLES_BEFORE_CUT] == pytest.approx((1.0 - CUT_LIMIT) ** 2)


def test_a_neighbour_that_comes_is_answered_at_once_by_the_weight_at_which_waiting_is_as_wanted() -> None:
    _, move = decide(history(0.2), sample(usage=0.2, waited=0.8, weight=0.2), 0.1, BOUNDS)
    share = 0.8 / (RISING_SAMPLES * 0.2 + 0.8)
    assert move.reason is Reason.WAITING
    assert move.weight == pytest.approx(0.2 * 0.9 / (1.0 - share))


def test_under_lasting_contention_the_share_of_waiting_settles_near_its_target() -> None:
    moves = shared(0.9, 1.0, 0.3, 300, Bounds(0.05, 4.0))
    assert sum(move.share for move in moves[100:]) / 200 == pytest.approx(0.3, abs=0.1)


def test_it_never_asks_for_more_than_the_spec_requests() -> None:
    assert max(move.weight for move in shared(0.9, 50.0, 0.1, 60)) == 1.0


@pytest.mark.parametrize(
    ("change", "target", "reason"),
    [({"waited": math.nan}, 0.3, Reason.UNKNOWN), ({"elapsed": 0.0}, 0.3, Reason.UNKNOWN), ({}, 0.0, Reason.AT_TARGET_ZERO)],
)
def test_what_is_not_known_and_a_target_of_zero_give_back_all(change: dict[str, float], target: float, reason: Reason) -> None:
    _, move = decide(history(), sample(**({"weight": 0.3} | change)), target, BOUNDS)  # type: ignore[arg-type]
    assert (move.weight, move.reason) == (1.0, reason)


def test_after_a_gap_the_history_begins_anew() -> None:
    state, _ = decide(history(), sample(waited=math.nan), 0.3, BOUNDS)
    assert state == WeightState()


def test_a_use_that_rises_lifts_the_weight_before_anything_waits() -> None:
    _, move = decide(history(0.2), sample(usage=0.9, weight=0.21), 0.3, BOUNDS)
    assert move.reason is Reason.USE
    assert move.weight > 0.27


def test_small_changes_are_not_written() -> None:
    _, move = decide(history(0.2), sample(usage=0.2, waited=0.0, weight=0.2), 0.3, BOUNDS)
    assert (move.weight, move.reason) == (0.2, Reason.HOLD)


samples = st.builds(Sample, st.floats(0.2, 30.0), st.floats(0.0, 50.0), st.one_of(st.just(math.nan), st.floats(0.0, 50.0)), st.floats(0.01, 64.0))
anything = st.floats(allow_nan=True, allow_infinity=True)
bounds = st.builds(lambda floor, extra: Bounds(floor, floor + extra), st.floats(0.01, 8.0), st.floats(0.0, 64.0))


def after(seen: list[Sample], target: float, limits: Bounds) -> WeightState:
    state = WeightState()
    for one in seen:
        state, _ = decide(state, one, target, limits)
    return state


@given(st.lists(st.builds(Sample, anything, anything, anything, anything), max_size=20), anything, bounds)
def test_survives_anything_within_its_bounds(seen: list[Sample], target: float, limits: Bounds) -> None:
    state = WeightState()
    for one in seen:
        state, move = decide(state, one, target, limits)
        assert limits.floor <= move.weight <= limits.request


@given(st.lists(samples, max_size=20), samples, st.floats(0.0, 1.0), st.floats(0.0, 1.0), bounds)
def test_a_lower_target_never_gives_a_lower_weight(seen: list[Sample], one: Sample, target: float, other: float, limits: Bounds) -> None:
    low, high = sorted((target, other))
    state = after(seen, low, limits)
    # The dead band leaves what is in force within a fiftieth.
    assert decide(state, one, low, limits)[1].weight >= decide(state, one, high, limits)[1].weight * 0.98 - 1e-9


@given(st.lists(samples, max_size=20), samples, st.floats(0.01, 1.0), st.floats(0.0, 50.0), bounds)
def test_more_waiting_never_gives_a_lower_weight(seen: list[Sample], one: Sample, target: float, more: float, limits: Bounds) -> None:
    state = after(seen, target, limits)
    worse = replace(one, waited=one.waited + more)
    assert decide(state, worse, target, limits)[1].weight >= decide(state, one, target, limits)[1].weight * 0.98 - 1e-9
