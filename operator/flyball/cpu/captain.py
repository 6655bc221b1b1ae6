"""Captain: holds one container's throttle ratio near its target by moving the CFS quota.

Sits on the node agent's one-second tick: `Sample` in, `QuotaMove` out. Pure; the agent reads and writes the cgroup.
Source: Autothrottle (NSDI'24), section 3.2 and its `worker-daemon.py`; departures are marked "Departs:" with the reason, and what each
brought stands in docs/designs/0008-cpu-control.md.

The rule, with T the target (at most .2 beside a burst allowance), r the throttled share of wall periods in the last second, Q the quota in force:

    spreads = normal quantile of 1 - T, in deviations of a period (sqrt(10) of a second's) + what recent throttling taught
    mean    = that of the usage of 5 s, or of 20 s where that is more; beside a burst allowance of 5 s alone
    wanted  = mean + spreads * deviation(usage of 30 s), less of the latter where a burst allowance stands behind it
    r far above T:                  wanted counts from this second's usage, times 1 + a boost that halves each second
    wanted off the quota by 2 %:    Q := wanted; downwards by a limited step, and not before there is some history
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from statistics import NormalDist

from flyball.cpu.crowd import crowded, remember
from flyball.cpu.usage import deviation, mean

# Departs: the quota is fed forward from mean and deviation of usage; the paper's cuts to the maximum of 50 samples plus margin times deviation,
# and moves the margin by r - T. A maximum is kept up by one odd second, and the integral is slow beside loads that change each minute.
MEAN_SAMPLES = 5
# It falls no faster than the mean of so many: where load comes in bursts, a lull of some seconds took the quota down that the next burst found.
# Up fast and down slowly, Train-Ticket's noisy trace takes 18.22 cores instead of 20.21 (10 s both ways), Social-Network's traces 0 to 1 % fewer
# (75 minutes, seed 1); 5 s both ways 18.10, with a sixth more writes.
FALL_SAMPLES = 20
# Beside a burst allowance it does: what a lull saved is there for the next burst, and the larger of two means lies above the mean by chance alone
# where a dozen requests a second are served. The demo's shop in the simulator, four seeds: 54.6 % saved so, 51.9 % as above. A mean of 10 s there
# takes 1 % more cores on Train-Ticket's and 3 % more on Social-Network's noisy trace, and no less elsewhere.
# Longer than for the mean: a deviation needs more samples (that of 30 is known to 13 %). Deviations of 15 to 60 samples differ by less than 1 % in
# cores on the diurnal trace.
USAGE_SAMPLES = 30
# A first cut needs this many seconds of history, so that one quiet second after a start decides nothing.
SAMPLES_BEFORE_CUT = 5
# At target 0 as if one period in 1,000 might be throttled, 9.8 deviations: with none at all the normal law knows no quota.
TARGET_LEAST = 0.001
# Above it the quota would lie below the mean: more work comes than can be done.
TARGET_MOST = 0.5
# Beside a burst allowance throttled periods mean that it is spent as well: what comes then waits. With limits of .3 and .2 and the growth threshold
# of all Train-Ticket's noisy trace stood still at two of two and one of two seeds (all workers waited for each other); with .3 and a threshold of
# .35 at one of two. With .2 and .3 it does not at three of three; six cells take 1.5 % fewer cores than with a limit of .1 and the threshold of all.
BURST_TARGET_MOST = 0.2
BURST_THRESHOLD_MOST = 0.3
# Nor is the mean itself enough, or what waits is never worked off: at targets of 0.6 and no such floor Train-Ticket's pools of workers filled up and
# stayed full.
ABOVE_MEAN = 1.05
# Nor is it where load rises: it did by two thirds within 11 s on the noisy trace, and a mean of use that the quota holds down is far below what is
# wanted then. Train-Ticket stood still there at two of three seeds. The floor goes by the mean of so many seconds where that is more.
RISING_SAMPLES = 4

# Growth threshold: alpha of the paper, kept for small targets. Departs: never above 0.7, or (1 + T) / 2 where that is more, since alpha * T
# of the paper is never reached from T = 1/3 on.
ALPHA = 3.0
THRESHOLD_MOST = 0.7
# Departs: what throttling beyond the threshold adds to the wanted quota, by the square of the excess: every period throttled in two seconds running
# doubles it, just beyond the threshold is next to nothing. Only where the quota was used up: a single visit that needs more than a period's quota is
# throttled too, but nothing waits behind it a second later. Answering each second by half cost 3 to 10 % more cores, growing the quota in force in
# proportion 8 to 20 %, and as it is .5 to 1 %, all at .8 % slow requests.
BOOST = 1.0
BOOST_KEPT = 0.5
USED_UP_FROM = 0.9

# Departs: moves of at least 2 % (the paper: cuts of 10 %, up at any). Each write refills the pool, which gives the container up to 8 % more CPU
# in that second (measured at 1 write/s); without a dead band 4 % fewer cores would be shown, and that CPU would be used without being counted.
RAISE_DEAD_BAND = 0.02
CUT_DEAD_BAND = 0.02
# Departs: cuts of at most 20 % a second (the paper: 50 %). Going down from twice the peak by 30 % every two seconds made 4 % of a shop's requests
# slow for half a minute: containers in a row each found their level by going below it.
CUT_LIMIT = 0.20

# What throttling beyond the threshold teaches is kept as further spreads and unlearned by 1/600 a second at target 0 (what one throttled period in
# ten seconds taught is forgotten in a minute) and faster at higher targets, where chance throttles beyond the threshold too.
MARGIN_MAX = 9.0
FORGET_PER_SECOND = 1.0 / 600.0
FORGET_BY_TARGET = 0.1
# The deviation is at least 4 % of usage and 3 m, or a steady container at target 0 would have nothing to spare.
SPREAD_SHARE = 0.04
SPREAD_CORES = 0.003
# Quota for headroom that quota and burst up to the grant cannot meet. With none, what is learned of throttling near the grant changed nothing: a
# service of the demo was out of quota in 7 % of periods at target 0. With 1/2, small containers, throttled by their limit itself, go back to it.
# The demo's shop in the simulator on a CPU as fast as its figures say, and on one that takes 30 % longer, eight seeds: none 55.6 and 44.9 % saved at
# .39 and .52 % slow; 1/8 55.3 and 42.2 at .39 and .39; 1/4 54.0 and 40.9 at .38 and .40; 1/2 53.4 and 38.9 at .38 and .41.
BEYOND_GRANT = 0.125
_NORMAL = NormalDist()

# Two periods: a shorter sample says nothing about a share of periods. A longer gap than this many seconds teaches the margin no more than
# so much.
PERIODS_MIN = 2.0
GAP_SECONDS = 5.0


class Reason(StrEnum):
    """Why the captain chose what it chose."""

    HOLD = "Hold"
    NO_SAMPLE = "NoSample"
    GROW = "Grow"
    RAISE = "Raise"
    CUT = "Cut"
    BOUND = "Bound"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what the quota may move, in cores. Where they cross, the grant wins: the agent never exceeds it."""

    floor: float
    grant: float
    burst: bool = False
    """Whether runtime that was saved may be spent beyond the quota, as `burst_allowance` says."""


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
    waited: float = math.nan  # seconds that runnable tasks waited for a CPU, each for itself; NaN: unknown
    idle: float = math.nan  # share of the node's CPU time that nobody used; NaN: unknown


@dataclass(frozen=True, slots=True)
class CaptainState:
    """What one container's captain remembers between samples."""

    usages: tuple[float, ...] = ()  # cores, newest last
    margin: float = 0.0  # spreads beyond those of the target
    boost: float = 0.0  # share of the wanted quota that is added for now
    excess: float = 0.0  # of the last sample, 0 to 1: how far throttled beyond the threshold with the quota used up
    waits: tuple[float, ...] = ()  # seconds a second that tasks waited for a CPU, newest last; empty while nothing waited


@dataclass(frozen=True, slots=True)
class QuotaMove:
    """The quota to have in force from now on, in cores, and why."""

    quota: float
    reason: Reason
    ratio: float = math.nan  # throttled share of wall periods that it was decided on


def growth_threshold(target: float, *, burst: bool = False) -> float:
    """The share of throttled periods above which more than the target's quota is given; always below 1. `burst`: beside a burst allowance."""
    if burst:
        return min(ALPHA * target, max(BURST_THRESHOLD_MOST, target))
    return min(ALPHA * target, max(THRESHOLD_MOST, (1.0 + target) / 2.0))


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
    most = BURST_TARGET_MOST if bounds.burst else TARGET_MOST
    target = min(most, max(0.0, target)) if math.isfinite(target) else 0.0
    quota = sample.quota
    ratio = throttle_ratio(sample.throttled, sample)
    threshold = growth_threshold(target, burst=bounds.burst)
    excess = max(0.0, (ratio - threshold) / (1.0 - threshold))

    # A throttled period has used its quota, whatever another counter says: what looks idle and is throttled all the time is not idle.
    counted = sample.usage / sample.elapsed
    usage = max(counted, ratio * quota)
    excess *= min(1.0, max(0.0, (usage / quota - USED_UP_FROM) / (1.0 - USED_UP_FROM)))
    before = state
    state = CaptainState(
        (*state.usages, usage)[-USAGE_SAMPLES:],
        _margin(state.margin, ratio - threshold, target, sample, bounds),
        BOOST_KEPT * state.boost + BOOST * min(excess, state.excess) ** 2,
        excess,
        remember(state.waits, sample.waited, sample.elapsed, sample.idle, throttled=sample.throttled + sample.throttled_by_pod > 0),
    )
    # What a throttled container used is less than what it would have.
    least = usage if excess > 0.0 else 0.0
    above = spreads(target, sample.period) + state.margin
    wanted = wanted_quota(state.usages, above, bounds, least)
    if usage > counted:
        # Raised, it may deviate less from what was before: no reason for a lower quota.
        wanted = max(wanted, wanted_quota((*state.usages[:-1], counted), above, bounds, least))
    wanted *= 1.0 + state.boost

    if wanted > quota * (1.0 + RAISE_DEAD_BAND):
        return state, _move(wanted, quota, Reason.GROW if excess > 0.0 else Reason.RAISE, ratio, bounds)
    if wanted < quota * (1.0 - CUT_DEAD_BAND) and _may_cut(state, sample, threshold) and not crowded(before.waits, before.usages):
        return state, _move(max(wanted, quota * (1.0 - CUT_LIMIT)), quota, Reason.CUT, ratio, bounds)
    return state, _move(quota, quota, Reason.HOLD, ratio, bounds)


@lru_cache(maxsize=1024)
def spreads(target: float, period: float = 0.1) -> float:
    """How many deviations of a second's usage above the mean the quota lies, when a share `target` of the periods is to want more.

    Work comes independently from period to period, so that a period's usage, as a rate, deviates sqrt(10) times as much as a second's.
    """
    return math.sqrt(1.0 / period) * -_NORMAL.inv_cdf(min(TARGET_MOST, max(TARGET_LEAST, target)))


def wanted_quota(usages: tuple[float, ...], above: float, bounds: Bounds, least: float = 0.0) -> float:
    """The quota in cores that recent usage calls for, `above` deviations over its mean; `least` is what the mean is at least."""
    recent, falling = mean(usages[-MEAN_SAMPLES:]), mean(usages[-FALL_SAMPLES:])
    rising = max(recent, falling, mean(usages[-RISING_SAMPLES:]))
    level = max(recent if bounds.burst else max(recent, falling), least)
    headroom = above * max(deviation(usages), SPREAD_SHARE * level, SPREAD_CORES)
    floor = ABOVE_MEAN * max(level, rising)
    return max(floor, beside_burst(level, headroom, bounds.grant) if bounds.burst else level + headroom)


def beside_burst(mean: float, headroom: float, grant: float) -> float:
    """The quota Q in cores under which, with its burst allowance B, periods run short as often as under mean + headroom without one.

    k periods want k * mean, give or take sqrt(k) * deviation, and get k * Q + B. They run short most often at k = B / (Q - mean), there as if a
    single one had 2 * sqrt(B * (Q - mean)) of headroom; B is Q itself, or what the grant leaves. Headroom beyond the grant cannot be met like that.
    """
    quota = (mean + math.hypot(mean, headroom)) / 2.0
    if quota <= grant / 2.0:
        return quota
    spare = grant - mean
    if headroom >= spare:
        return mean + spare / 2.0 + BEYOND_GRANT * (headroom - spare)
    return (grant + mean - math.sqrt(spare * spare - headroom * headroom)) / 2.0


def _margin(margin: float, over: float, target: float, sample: Sample, bounds: Bounds) -> float:
    seconds = min(sample.elapsed, GAP_SECONDS)
    # Nothing is learned at the grant, or the margin would wind up on what the quota cannot follow.
    learned = max(0.0, over) * seconds if sample.quota < bounds.grant else 0.0
    return min(MARGIN_MAX, max(0.0, margin + learned - (FORGET_PER_SECOND + FORGET_BY_TARGET * target) * seconds))


def _may_cut(state: CaptainState, sample: Sample, threshold: float) -> bool:
    # The pod's quota held usage down: what was used is not what was wanted. A larger container quota would not cure it, so it only holds.
    return len(state.usages) >= SAMPLES_BEFORE_CUT and throttle_ratio(sample.throttled_by_pod, sample) <= threshold


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
