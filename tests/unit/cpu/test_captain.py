"""The captain, one decision at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from flyball.cpu.captain import (
    CUT_LIMIT,
    MARGIN_MAX,
    MARGIN_START,
    SAMPLES_BEFORE_CUT,
    Bounds,
    CaptainState,
    Reason,
    Sample,
    burst_allowance,
    decide,
    growth_threshold,
    throttle_ratio,
)

BOUNDS = Bounds(floor=0.05, grant=2.0)


def sample(*, throttled: int = 0, by_pod: int = 0, usage: float = 0.3, quota: float = 1.0, elapsed: float = 1.0, written: bool = False) -> Sample:
    return Sample(elapsed, throttled, by_pod, usage, quota, 0.1, written)


def history(usage: float = 0.3, *, margin: float = MARGIN_START) -> CaptainState:
    return CaptainState(usages=(usage,) * 14, margin=margin)


def test_a_container_that_never_throttles_is_cut_towards_what_it_uses() -> None:
    _, move = decide(history(), sample(), 0.0, BOUNDS)
    assert move.reason is Reason.CUT
    assert move.quota == pytest.approx(1.0 - CUT_LIMIT)


def test_a_cut_ends_above_recent_use_even_at_a_high_target() -> None:
    state, quota = history(margin=-10.0), 0.33
    for _ in range(60):
        state, move = decide(state, sample(quota=quota), 0.3, BOUNDS)
        quota = move.quota
    assert 0.3 < quota <= 0.33


def test_nothing_is_cut_before_there_is_history() -> None:
    state, reasons = CaptainState(), []
    for _ in range(SAMPLES_BEFORE_CUT):
        state, move = decide(state, sample(), 0.1, BOUNDS)
        reasons.append(move.reason)
    assert reasons == [Reason.HOLD] * (SAMPLES_BEFORE_CUT - 1) + [Reason.CUT]


def test_a_container_that_throttles_in_every_period_doubles_whatever_its_target() -> None:
    for target in (0.0, 0.1, 0.3, 0.9):
        _, move = decide(history(0.5), sample(throttled=10, usage=0.5, quota=0.5), target, BOUNDS)
        assert move.reason is Reason.GROW
        assert move.quota == pytest.approx(1.0), target


def test_at_target_zero_one_throttled_period_is_answered() -> None:
    _, move = decide(history(), sample(throttled=1, quota=0.4), 0.0, BOUNDS)
    assert move.quota >= 0.44


def test_a_target_tolerates_what_lies_below_three_times_itself() -> None:
    assert decide(history(), sample(throttled=2, quota=0.4), 0.1, BOUNDS)[1].reason is Reason.HOLD
    assert decide(history(), sample(throttled=4, quota=0.4), 0.1, BOUNDS)[1].reason is Reason.GROW


def test_no_target_lies_so_high_that_the_quota_cannot_grow() -> None:
    assert all(growth_threshold(target / 1000) < 1.0 for target in range(1000))


def test_a_cut_that_hurt_is_taken_back_with_interest() -> None:
    state, cut = decide(history(), sample(), 0.0, BOUNDS)
    state, move = decide(state, sample(throttled=1, usage=0.6, quota=cut.quota, written=True), 0.0, BOUNDS)
    assert move.reason is Reason.ROLL_BACK
    assert move.quota == pytest.approx(1.0 + (1.0 - cut.quota))


def test_a_cut_that_hurt_later_is_no_longer_to_blame() -> None:
    state, cut = decide(history(), sample(quota=0.55), 0.04, BOUNDS)
    for _ in range(3):
        state, _ = decide(state, sample(quota=cut.quota), 0.04, BOUNDS)
    _, move = decide(state, sample(throttled=3, quota=cut.quota), 0.04, BOUNDS)
    assert move.reason is Reason.GROW


def test_after_a_growth_nothing_is_cut_until_the_capped_samples_matter_less() -> None:
    state, move = decide(history(), sample(throttled=10, quota=0.5), 0.0, Bounds(0.05, 4.0))
    reasons = []
    for _ in range(6):
        state, move = decide(state, sample(usage=0.1, quota=move.quota), 0.0, Bounds(0.05, 4.0))
        reasons.append(move.reason)
    assert reasons[:2] == [Reason.HOLD, Reason.CUT]


def test_a_cut_is_judged_over_three_samples_before_the_next() -> None:
    state, quota, reasons = history(0.1), 1.0, []
    for _ in range(5):
        state, move = decide(state, sample(usage=0.1, quota=quota), 0.0, BOUNDS)
        quota = move.quota
        reasons.append(move.reason)
    assert reasons == [Reason.CUT, Reason.HOLD, Reason.HOLD, Reason.CUT, Reason.HOLD]


def test_the_pods_own_throttling_neither_raises_nor_cuts() -> None:
    _, move = decide(history(), sample(by_pod=10), 0.0, BOUNDS)
    assert (move.reason, move.quota) == (Reason.HOLD, 1.0)


def test_a_change_within_the_dead_band_is_not_worth_a_write() -> None:
    # 0.3 of steady use and three spreads of a tenth of it make 0.39.
    assert decide(history(), sample(quota=0.39 / 0.96), 0.0, BOUNDS)[1].reason is Reason.HOLD
    assert decide(history(), sample(quota=0.39 / 0.94), 0.0, BOUNDS)[1].reason is Reason.CUT
    assert decide(history(), sample(quota=0.39 / 1.01), 0.0, BOUNDS)[1].reason is Reason.HOLD
    assert decide(history(), sample(quota=0.39 / 1.03), 0.0, BOUNDS)[1].reason is Reason.RAISE


def test_wall_periods_are_the_denominator() -> None:
    assert throttle_ratio(1, sample()) == pytest.approx(0.1)
    assert throttle_ratio(1, sample(elapsed=2.0)) == pytest.approx(0.05)
    assert throttle_ratio(11, sample()) == 1.0


def test_the_period_of_a_write_does_not_count() -> None:
    assert throttle_ratio(3, sample(written=True)) == pytest.approx(3 / 9)


def test_the_quota_never_leaves_its_bounds() -> None:
    assert decide(history(), sample(throttled=10, quota=1.8), 0.0, BOUNDS)[1].quota == 2.0
    assert decide(history(0.0), sample(usage=0.0, quota=0.06), 0.3, BOUNDS)[1].quota >= 0.05
    _, move = decide(history(), sample(quota=3.0), 0.0, BOUNDS)
    assert (move.quota, move.reason) == (2.0, Reason.BOUND) or move.quota <= 2.0
    assert decide(history(), sample(quota=0.2), 0.0, Bounds(floor=0.5, grant=0.1))[1].quota == 0.1


def test_at_the_grant_the_margin_does_not_wind_up() -> None:
    state = history()
    for _ in range(100):
        state, _ = decide(state, sample(throttled=10, usage=2.0, quota=2.0), 0.0, BOUNDS)
    assert state.margin == MARGIN_START


def test_the_margin_learns_from_throttling_and_forgets() -> None:
    learned, _ = decide(history(), sample(throttled=5), 0.0, BOUNDS)
    assert learned.margin > MARGIN_START
    state = learned
    for _ in range(600):
        state, _ = decide(state, sample(), 0.0, BOUNDS)
    assert state.margin == MARGIN_START
    for _ in range(100):
        learned, _ = decide(learned, sample(throttled=10), 0.0, BOUNDS)
    assert learned.margin == MARGIN_MAX


@pytest.mark.parametrize(
    "bad",
    [
        sample(elapsed=math.nan),
        sample(elapsed=-1.0),
        sample(elapsed=0.0),
        sample(elapsed=0.15),
        sample(usage=math.nan),
        sample(usage=-0.1),
        sample(throttled=-1),
        sample(by_pod=-1),
        sample(quota=math.nan),
        sample(quota=0.0),
        replace(sample(), period=0.0),
    ],
)
def test_a_sample_that_says_nothing_changes_nothing(bad: Sample) -> None:
    state = history()
    after, move = decide(state, bad, 0.1, BOUNDS)
    assert after is state
    assert move.reason is Reason.NO_SAMPLE
    assert BOUNDS.floor <= move.quota <= BOUNDS.grant


def test_an_unreadable_target_counts_as_zero() -> None:
    assert decide(history(), sample(throttled=1), math.nan, BOUNDS) == decide(history(), sample(throttled=1), 0.0, BOUNDS)


def test_the_burst_reaches_up_to_the_old_limit_and_no_further_than_the_quota() -> None:
    assert burst_allowance(0.75, 1.0) == pytest.approx(0.25)
    assert burst_allowance(0.25, 1.0) == pytest.approx(0.25)
    assert burst_allowance(1.0, 1.0) == 0.0
    assert burst_allowance(1.2, 1.0) == 0.0
