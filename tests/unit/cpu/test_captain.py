"""The captain, one decision at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from flyball.cpu.captain import (
    ABOVE_MEAN,
    BURST_TARGET_MOST,
    CUT_LIMIT,
    MARGIN_MAX,
    SAMPLES_BEFORE_CUT,
    USAGE_SAMPLES,
    Bounds,
    CaptainState,
    Reason,
    Sample,
    beside_burst,
    burst_allowance,
    decide,
    growth_threshold,
    spreads,
    throttle_ratio,
    wanted_quota,
)
from flyball.cpu.crowd import CROWD_SAMPLES, crowded

BOUNDS = Bounds(floor=0.05, grant=2.0)


def sample(
    *, throttled: int = 0, by_pod: int = 0, usage: float = 0.3, quota: float = 1.0, elapsed: float = 1.0, written: bool = False,
    waited: float = math.nan, idle: float = math.nan,
) -> Sample:  # fmt: skip
    return Sample(elapsed, throttled, by_pod, usage, quota, 0.1, written, waited, idle)


def history(usage: float = 0.3, *, margin: float = 0.0) -> CaptainState:
    return CaptainState(usages=(usage,) * USAGE_SAMPLES, margin=margin)


def test_a_load_that_rises_is_followed_by_its_newest_seconds_where_the_target_asks_for_no_headroom() -> None:
    usages = (0.3,) * 26 + (0.4,) * 4
    assert wanted_quota(usages, 0.0, BOUNDS) == pytest.approx(0.4 * ABOVE_MEAN)


def test_what_is_used_is_followed_down_within_twenty_seconds() -> None:
    lull = (0.3,) * 20 + (0.2,) * 10
    assert wanted_quota(lull, 0.0, BOUNDS) == pytest.approx(0.25 * ABOVE_MEAN)
    assert wanted_quota(lull[10:] + (0.2,) * 10, 0.0, BOUNDS) == pytest.approx(0.2 * ABOVE_MEAN)
    assert wanted_quota(lull[5:] + (0.2,) * 5, 0.0, BOUNDS) == pytest.approx(0.225 * ABOVE_MEAN)


def test_beside_a_burst_allowance_headroom_goes_by_five_seconds_and_what_is_used_is_kept_for_twenty() -> None:
    burst, lull = replace(BOUNDS, burst=True), (0.3,) * 25 + (0.2,) * 5
    assert wanted_quota(lull, 0.0, burst) == pytest.approx(0.275 * ABOVE_MEAN)
    deviation = 0.1 * math.sqrt(5) / 6
    assert wanted_quota(lull, 10.0, burst) == pytest.approx(beside_burst(0.2, 10.0 * deviation, BOUNDS.grant))


def test_beside_a_burst_allowance_at_most_a_fifth_of_the_periods_may_want_more_than_was_saved() -> None:
    state, now = CaptainState(usages=(0.1, 0.5) * 15), sample(quota=0.65)
    burst = replace(BOUNDS, burst=True)
    assert decide(state, now, 0.3, burst)[1].quota == decide(state, now, BURST_TARGET_MOST, burst)[1].quota
    assert decide(state, now, 0.3, BOUNDS)[1].quota < decide(state, now, BURST_TARGET_MOST, BOUNDS)[1].quota


def test_a_container_that_never_throttles_is_cut_towards_what_it_uses() -> None:
    _, move = decide(history(), sample(), 0.0, BOUNDS)
    assert move.reason is Reason.CUT
    assert move.quota == pytest.approx(1.0 - CUT_LIMIT)


def test_a_cut_ends_above_recent_use_even_at_the_highest_target() -> None:
    state, quota = history(), 0.33
    for _ in range(60):
        state, move = decide(state, sample(quota=quota), 1.0, BOUNDS)
        quota = move.quota
    assert 0.3 - 1e-9 <= quota <= 0.33


def test_the_headroom_is_the_normal_quantile_of_the_target() -> None:
    """Against a table of the normal law: 2.3263 deviations leave 1 % above, of periods that deviate sqrt(10) times as much as seconds."""
    assert spreads(0.01) == pytest.approx(2.3263 * math.sqrt(10), abs=1e-3)
    assert spreads(0.5) == pytest.approx(0.0)
    assert spreads(0.01, period=0.25) == pytest.approx(2.3263 * 2.0, abs=1e-3)
    usages = (0.6, 0.4) * 15
    assert wanted_quota(usages, 2.0, BOUNDS) == pytest.approx(0.5 + 2 * 0.1)


def test_a_burst_allowance_takes_the_place_of_headroom() -> None:
    """By hand: .3 of headroom over a mean of .4 are bought by .05 of quota, for it stands beside .45 of burst (4 * .05 * .45 = .3 squared);
    near the grant there is less burst: .2 of headroom need .05 under a grant of .7, which leaves .2."""
    assert beside_burst(0.4, 0.3, 2.0) == pytest.approx(0.45)
    assert beside_burst(0.45, 0.2, 0.7) == pytest.approx(0.5)
    assert beside_burst(0.45, 0.25, 0.7) == pytest.approx(0.575)  # all that is spare
    assert beside_burst(0.45, 0.65, 0.7) == pytest.approx(0.625)  # and .4 more, of which an eighth


def test_near_its_grant_a_container_that_is_throttled_still_gets_more() -> None:
    """Use of 100 and 160 m by turns: what the grant can meet is 215 m, whatever throttling teaches."""
    state, quota, bounds = CaptainState(), 0.21, Bounds(0.01, 0.3, burst=True)
    for second in range(120):
        state, move = decide(state, sample(throttled=1, usage=(0.1, 0.16)[second % 2], quota=quota), 0.0, bounds)
        quota = move.quota
    assert 0.24 < quota < 0.3


def test_quotas_with_a_burst_allowance_keep_above_the_mean() -> None:
    assert wanted_quota((0.6, 0.4) * 15, 0.0, replace(BOUNDS, burst=True)) == pytest.approx(0.5 * ABOVE_MEAN)


def test_the_mean_is_that_of_five_seconds_and_the_deviation_that_of_thirty() -> None:
    usages = (0.5,) * 25 + (0.7,) * 5
    deviation = math.sqrt(5 / 6 * 1 / 6) * 0.2
    assert wanted_quota(usages, 1.0, BOUNDS) == pytest.approx(0.7 + deviation)


def test_nothing_is_cut_before_there_is_history() -> None:
    state, reasons = CaptainState(), []
    for _ in range(SAMPLES_BEFORE_CUT):
        state, move = decide(state, sample(), 0.1, BOUNDS)
        reasons.append(move.reason)
    assert reasons == [Reason.HOLD] * (SAMPLES_BEFORE_CUT - 1) + [Reason.CUT]


@pytest.mark.parametrize("target", [0.0, 0.1, 0.3, 0.6, 0.9])
def test_a_container_that_used_up_its_quota_twice_running_gets_nearly_twice_whatever_its_target(target: float) -> None:
    state, once = decide(history(0.5), sample(throttled=10, usage=0.5, quota=0.5), target, BOUNDS)
    _, move = decide(state, sample(throttled=10, usage=once.quota, quota=once.quota), target, BOUNDS)
    assert move.reason is Reason.GROW
    assert once.quota < 0.75
    assert move.quota >= 1.9 * once.quota


def test_at_target_zero_throttled_periods_are_answered_by_what_they_taught() -> None:
    state, calm = history(), wanted_quota((0.3,) * 30, spreads(0.0), BOUNDS)
    for _ in range(3):
        state, move = decide(state, sample(throttled=5, quota=calm), 0.0, BOUNDS)
    assert move.reason is Reason.RAISE
    assert move.quota > 1.03 * calm


def test_a_visit_larger_than_its_quota_is_no_reason_to_grow_when_nothing_waits_behind_it() -> None:
    once, queued = sample(throttled=6, usage=0.3, quota=0.45), sample(throttled=6, usage=0.45, quota=0.45)
    assert decide(history(), once, 0.05, BOUNDS)[1].reason is not Reason.GROW
    assert decide(history(), queued, 0.05, BOUNDS)[1].reason is Reason.GROW


def test_a_boost_is_over_within_seconds() -> None:
    state = history(0.5)
    for _ in range(2):
        state, move = decide(state, sample(throttled=10, usage=0.5, quota=0.5), 0.3, BOUNDS)
    assert move.quota > 0.9
    for _ in range(8):
        state, move = decide(state, sample(usage=0.5, quota=move.quota), 0.3, BOUNDS)
    assert move.quota < 0.55
    assert state.boost < 0.01


def test_a_target_tolerates_what_lies_below_three_times_itself() -> None:
    assert decide(history(), sample(throttled=2, quota=0.3), 0.1, BOUNDS)[1].reason is not Reason.GROW
    assert decide(history(), sample(throttled=4, quota=0.3), 0.1, BOUNDS)[1].reason is Reason.GROW


def test_no_target_lies_so_high_that_the_quota_cannot_grow() -> None:
    assert all(growth_threshold(target / 1000) < 1.0 for target in range(1000))
    assert all(growth_threshold(target / 1000, burst=True) < 1.0 for target in range(1000))


def test_beside_a_burst_allowance_the_quota_grows_on_less_throttling_and_for_small_targets_on_as_much() -> None:
    """A throttled period says there that what was saved is spent too."""
    assert all(growth_threshold(target / 1000, burst=True) == growth_threshold(target / 1000) for target in range(100))
    burst = replace(BOUNDS, burst=True)
    busy = CaptainState(usages=(0.3,) * 30, excess=1.0)
    assert decide(busy, sample(throttled=5, usage=0.3, quota=0.3), 0.2, burst)[0].boost > 0.0
    assert decide(busy, sample(throttled=5, usage=0.3, quota=0.3), 0.2, BOUNDS)[0].boost == 0.0


def test_the_pods_own_throttling_neither_raises_nor_cuts() -> None:
    _, move = decide(history(), sample(by_pod=10), 0.0, BOUNDS)
    assert (move.reason, move.quota) == (Reason.HOLD, 1.0)


def test_a_change_within_the_dead_band_is_not_worth_a_write() -> None:
    wanted = wanted_quota((0.3,) * 30, spreads(0.1), BOUNDS)
    for factor, reason in ((0.975, Reason.RAISE), (0.985, Reason.HOLD), (1.015, Reason.HOLD), (1.025, Reason.CUT)):
        assert decide(history(), sample(quota=wanted * factor), 0.1, BOUNDS)[1].reason is reason, factor


def test_wall_periods_are_the_denominator() -> None:
    assert throttle_ratio(1, sample()) == pytest.approx(0.1)
    assert throttle_ratio(1, sample(elapsed=2.0)) == pytest.approx(0.05)
    assert throttle_ratio(11, sample()) == 1.0


def test_the_period_of_a_write_does_not_count() -> None:
    assert throttle_ratio(3, sample(written=True)) == pytest.approx(3 / 9)


def test_the_quota_never_leaves_its_bounds() -> None:
    assert decide(history(), sample(throttled=10, usage=1.8, quota=1.8), 0.0, BOUNDS)[1].quota == 2.0
    assert decide(history(0.0), sample(usage=0.0, quota=0.06), 0.3, BOUNDS)[1].quota >= 0.05
    _, move = decide(history(), sample(quota=3.0), 0.0, BOUNDS)
    assert (move.quota, move.reason) == (2.0, Reason.BOUND) or move.quota <= 2.0
    assert decide(history(), sample(quota=0.2), 0.0, Bounds(floor=0.5, grant=0.1))[1].quota == 0.1


def test_at_the_grant_the_margin_does_not_wind_up() -> None:
    state = history()
    for _ in range(100):
        state, _ = decide(state, sample(throttled=10, usage=2.0, quota=2.0), 0.0, BOUNDS)
    assert state.margin == 0.0


def test_the_margin_learns_from_throttling_and_forgets() -> None:
    learned, _ = decide(history(), sample(throttled=5), 0.0, BOUNDS)
    assert learned.margin == pytest.approx(0.5, abs=0.01)
    state = learned
    for _ in range(300):
        state, _ = decide(state, sample(), 0.0, BOUNDS)
    assert state.margin == 0.0
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


def after(seconds: int, state: CaptainState, **what: float) -> CaptainState:
    for _ in range(seconds):
        state, _ = decide(state, sample(**what), 0.1, BOUNDS)  # type: ignore[arg-type]
    return state


class TestWhileOthersHaveTheCpus:
    """Usage falls without throttling, and says little about what was wanted."""

    def test_a_container_that_waits_longer_than_it_runs_is_not_cut(self) -> None:
        state = after(3, history(), usage=0.1, waited=0.9)
        _, move = decide(state, sample(usage=0.1, waited=0.9), 0.1, BOUNDS)
        assert (move.reason, move.quota) == (Reason.HOLD, 1.0)

    def test_it_may_still_be_raised(self) -> None:
        state = after(CROWD_SAMPLES, history(), usage=0.9, waited=2.0)
        _, move = decide(state, sample(usage=0.9, quota=0.5, waited=2.0), 0.1, BOUNDS)
        assert move.reason is Reason.RAISE

    def test_cuts_come_back_when_the_mean_of_usage_has_forgotten_it(self) -> None:
        crowd = after(5, history(), usage=0.1, waited=0.9)
        soon, later = (after(seconds, crowd, waited=0.0) for seconds in (CROWD_SAMPLES // 2, CROWD_SAMPLES))
        assert crowded(soon.waits, soon.usages)
        assert not crowded(later.waits, later.usages)

    def test_a_fifth_of_the_time_waited_is_what_a_shared_node_is_like(self) -> None:
        state = after(CROWD_SAMPLES, history(), usage=0.4, waited=0.1)
        assert decide(state, sample(usage=0.4, waited=0.1), 0.1, BOUNDS)[1].reason is Reason.CUT

    @pytest.mark.parametrize(
        "known", [{"waited": math.nan}, {"waited": 3.0, "idle": 0.3}, {"waited": 3.0, "throttled": 1}, {"waited": 3.0, "by_pod": 1}]
    )
    def test_waiting_that_is_unknown_or_for_a_quota_or_beside_idle_cpus_forbids_nothing(self, known: dict[str, float]) -> None:
        state = after(CROWD_SAMPLES, history(), **known)
        assert decide(state, sample(**known), 0.1, BOUNDS)[1].reason is Reason.CUT  # type: ignore[arg-type]
