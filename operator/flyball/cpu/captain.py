"""Captain: holds one container's throttle ratio at its target by moving the CFS quota.

Sits on the node agent's one-second tick: `Sample` in, `QuotaMove` out. Pure; the agent reads and writes the cgroup.
Source: Autothrottle (NSDI'24), section 3.2 and its `worker-daemon.py`; departures are marked "Departs:" with the reason.

The rule, with T the target, r the throttled share of wall periods, Q the quota in force:

    margin  moves by r - T each second                       (integral: mean r comes to T)
    wanted  = q90(usage of the last 15 s) + margin * spread
    r above the growth threshold:   Q grows by up to 2x, or a cut that caused it is taken back with interest
    wanted above Q:                 Q := wanted
    wanted well below Q:            Q := wanted, at most 10 % less at once, and not soon after a growth
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

# Departs: 15 samples of 1 s and their 90 % quantile instead of the maximum of 50 samples of 100 ms. Timers of CFS groups have random
# offsets since Linux 6.3, so 100 ms samples straddle periods; and one odd second in fifteen no longer holds the quota up.
USAGE_SAMPLES = 15
USAGE_QUANTILE = 0.9
# A first cut needs this many seconds of history: a third of the window, so that one quiet second after a start decides nothing.
SAMPLES_BEFORE_CUT = 5

# Growth threshold: alpha of the paper, kept. Departs: never above (1 + T) / 2, since alpha * T >= 1 (T >= 1/3) could not grow at all.
ALPHA = 3.0
# Smallest growth step: below it a threshold that is just passed would be answered by a move within the noise of a sample (1 of 10
# periods).
GROWTH_STEP_MIN = 0.05

# Departs: cuts of at least 5 % (the paper: 10 %) and at most 10 % (50 %), each judged over three samples before the next. Going down from a limit of
# twice the peak by 30 % every two seconds made 4 % of a shop's requests slow for half a minute (seven services in a row each found their level by
# going below it); one step of 10 % too far is noticed at a tenth of the price, and halving still takes no more than half a minute.
CUT_DEAD_BAND = 0.05
CUT_LIMIT = 0.10
SAMPLES_BETWEEN_CUTS = 3
# Departs: a rollback is possible for 3 samples after a cut; with a burst allowance the effect of a cut shows only when the savings are
# spent.
SAMPLES_TO_ROLL_BACK = 3
# After a growth the window still holds usage that the old quota capped; with two newer samples the 90 % quantile of 15 sees past it. Longer
# pauses cost: 5 samples raise the mean quota by 5 to 13 % at targets of 0.1 and more at the same waiting time (closed loop with a CFS model).
SAMPLES_AFTER_GROWTH = 2
# Raises below 2 % are not worth the refill that each write causes (about 8 % more CPU in the second of the write at 1 write/s, measured).
RAISE_DEAD_BAND = 0.02

# Margin in units of the spread; 3 is the paper's start.
MARGIN_START = 3.0
MARGIN_MAX = 12.0
# The margin's lower bound falls from 3 at target 0 to -3 at target 0.1: a target of zero never lives off the margin, a high one may cut
# below q90.
MARGIN_SWING = 6.0
TARGET_OF_FULL_SWING = 0.1
# Departs: the margin forgets, at target 0 too, by 1/600 a second: what one throttled period in ten seconds taught (0.1) is unlearned in a
# minute. The paper's margin at target 0 only ever grows.
FORGET_PER_SECOND = 1.0 / 600.0
# Departs: the spread is at least 10 % of usage and 5 m; with the bare standard deviation a steady container's margin has no effect.
SPREAD_SHARE = 0.10
SPREAD_CORES = 0.005
# Never below mean usage plus 5 %: less than the mean cannot be worked off, whatever the target.
ABOVE_MEAN = 1.05

# Two periods: a shorter sample says nothing about a share of periods. A longer gap than this many seconds teaches the margin no more than
# so much.
PERIODS_MIN = 2.0
GAP_SECONDS = 5.0


class Reason(StrEnum):
    """Why the captain chose what it chose."""

    HOLD = "Hold"
    NO_SAMPLE = "NoSample"
    GROW = "Grow"
    ROLL_BACK = "RollBack"
    RAISE = "Raise"
    CUT = "Cut"
    BOUND = "Bound"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what the quota may move, in cores. Where they cross, the grant wins: the agent never exceeds it."""

    floor: float
    grant: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What the kernel counted since the previous sample. Differences, so that a missed tick costs resolution and nothing else."""

    elapsed: float  # seconds
    throttled: int  # CFS periods in which the container ran out of quota
    throttled_by_pod: int  # periods in which the pod's own quota stopped it
    usage: float  # CPU seconds consumed
    quota: float  # cores in force, as read back
    period: float = 0.1  # seconds
    written: bool = False  # a write within `elapsed` refilled the pool: that period's counter does not count


@dataclass(frozen=True, slots=True)
class CaptainState:
    """What one container's captain remembers between samples."""

    usages: tuple[float, ...] = ()  # cores, newest last
    margin: float = MARGIN_START
    before_cut: float = 0.0  # cores before the last cut; 0 when there is none to take back
    since_cut: int = SAMPLES_TO_ROLL_BACK + 1  # samples
    since_growth: int = SAMPLES_AFTER_GROWTH  # samples


@dataclass(frozen=True, slots=True)
class QuotaMove:
    """The quota to have in force from now on, in cores, and why."""

    quota: float
    reason: Reason
    ratio: float = math.nan  # throttled share of wall periods that it was decided on


def growth_threshold(target: float) -> float:
    """The share of throttled periods above which the quota grows at once; always below 1."""
    return min(ALPHA * target, (1.0 + target) / 2.0)


def throttle_ratio(throttled: int, sample: Sample) -> float:
    """Throttled share of wall periods, 0 to 1.

    Wall periods, because `nr_periods` counts active ones only: 8 ms of work a second under a quota of 5 ms reads 0.33 there, 0.09 here.
    """
    periods = sample.elapsed / sample.period - (1.0 if sample.written else 0.0)
    return min(1.0, throttled / max(1.0, periods))


def burst_allowance(quota: float, grant: float) -> float:
    """How much saved runtime a container may spend in one period, in cores: up to its old limit, at most the quota (the kernel's bound)."""
    return max(0.0, min(quota, grant - quota))


def decide(state: CaptainState, sample: Sample, target: float, bounds: Bounds) -> tuple[CaptainState, QuotaMove]:
    """Choose the next quota.

    `target` is the wanted share of throttled wall periods, 0 to 1; 0 means that none is tolerated. The move's quota lies within `bounds`
    (cores); never raises, whatever the history. A sample that says nothing (NaN, negative, too short) leaves the state as it is.
    """
    if not _valid(sample):
        return state, QuotaMove(_within(sample.quota if math.isfinite(sample.quota) else bounds.grant, bounds), Reason.NO_SAMPLE)
    target = min(1.0, max(0.0, target)) if math.isfinite(target) else 0.0
    quota = sample.quota
    ratio = throttle_ratio(sample.throttled, sample)
    threshold = growth_threshold(target)

    usages = (*state.usages, sample.usage / sample.elapsed)[-USAGE_SAMPLES:]
    margin = _margin(state.margin, ratio, target, sample, bounds)
    state = CaptainState(usages, margin, state.before_cut, state.since_cut + 1, state.since_growth + 1)
    wanted = wanted_quota(usages, margin)

    if ratio > threshold:
        wanted = max(wanted, quota * growth(ratio, threshold))
        reason = Reason.GROW
        if state.before_cut > quota and state.since_cut <= SAMPLES_TO_ROLL_BACK:
            back = state.before_cut + (state.before_cut - quota)
            if back >= wanted:
                wanted, reason = back, Reason.ROLL_BACK
        state = replace(state, before_cut=0.0, since_growth=0)
        return state, _move(wanted, quota, reason, ratio, bounds)

    if wanted > quota * (1.0 + RAISE_DEAD_BAND):
        return replace(state, before_cut=0.0), _move(wanted, quota, Reason.RAISE, ratio, bounds)

    if wanted < quota * (1.0 - CUT_DEAD_BAND) and _may_cut(state, sample, threshold):
        cut = max(wanted, quota * (1.0 - CUT_LIMIT))
        move = _move(cut, quota, Reason.CUT, ratio, bounds)
        if move.quota < quota:
            state = replace(state, before_cut=quota, since_cut=0)
        return state, move
    return state, _move(quota, quota, Reason.HOLD, ratio, bounds)


def wanted_quota(usages: tuple[float, ...], margin: float) -> float:
    """The quota in cores that recent usage calls for, with `margin` spreads on top."""
    count = len(usages)
    mean = sum(usages) / count
    ordered = sorted(usages)
    place = USAGE_QUANTILE * (count - 1)
    low = int(place)
    high = min(low + 1, count - 1)
    quantile = ordered[low] + (ordered[high] - ordered[low]) * (place - low)
    deviation = math.sqrt(max(0.0, sum([usage * usage for usage in usages]) / count - mean * mean))
    spread = max(deviation, SPREAD_SHARE * quantile, SPREAD_CORES)
    return max(mean * ABOVE_MEAN, quantile + margin * spread)


def growth(ratio: float, threshold: float) -> float:
    """Factor of a growth.

    Departs: the excess is relative to what lies above the threshold, so that a container that is throttled in every period doubles whatever
    its target; the paper's grows by 1.1 at target 0.3.
    """
    return 1.0 + max(GROWTH_STEP_MIN, (ratio - threshold) / (1.0 - threshold))


def _margin(margin: float, ratio: float, target: float, sample: Sample, bounds: Bounds) -> float:
    step = (ratio - max(target, FORGET_PER_SECOND)) * min(sample.elapsed, GAP_SECONDS)
    # Nothing is learned at a bound, or the margin would wind up on what the quota cannot follow.
    if (step > 0.0 and sample.quota >= bounds.grant) or (step < 0.0 and sample.quota <= bounds.floor):
        step = 0.0
    lowest = MARGIN_START - MARGIN_SWING * min(1.0, target / TARGET_OF_FULL_SWING)
    return min(MARGIN_MAX, max(lowest, margin + step))


def _may_cut(state: CaptainState, sample: Sample, threshold: float) -> bool:
    if len(state.usages) < SAMPLES_BEFORE_CUT or state.since_cut < SAMPLES_BETWEEN_CUTS or state.since_growth < SAMPLES_AFTER_GROWTH:
        return False
    # The pod's quota held usage down: what was used is not what was wanted. A larger container quota would not cure it, so it only holds.
    return throttle_ratio(sample.throttled_by_pod, sample) <= threshold


def _move(wanted: float, quota: float, reason: Reason, ratio: float, bounds: Bounds) -> QuotaMove:
    chosen = _within(wanted, bounds)
    if chosen != wanted and chosen == quota:
        reason = Reason.HOLD
    elif reason is Reason.HOLD and chosen != quota:
        reason = Reason.BOUND
    return QuotaMove(chosen, reason, ratio)


def _within(quota: float, bounds: Bounds) -> float:
    return min(bounds.grant, max(bounds.floor, quota))


def _valid(sample: Sample) -> bool:
    return (
        math.isfinite(sample.elapsed)
        and math.isfinite(sample.usage)
        and math.isfinite(sample.quota)
        and sample.period > 0.0
        and sample.elapsed >= PERIODS_MIN * sample.period
        and sample.throttled >= 0
        and sample.throttled_by_pod >= 0
        and sample.usage >= 0.0
        and sample.quota > 0.0
    )
