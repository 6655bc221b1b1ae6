"""Weight: the fast level for a container without a CPU limit; holds the share of time that its tasks wait for a CPU at a target.

Where the captain moves a quota, this moves what the scheduler's weight and the container's request stand for, in cores of request: between a floor
and the request in the pod's spec. Once a second `Sample` in, `WeightMove` out. Pure; the simulator drives it (`flyball.sim.policies.limit_free`).
Ours: docs/designs/0010-limit-free.md says why, and what it brought.

The rule, with T the target, s the share of waiting (time waited over time waited and run), W the weight in force:

    s of 4 s above T:    W := W x (1 - T) / (1 - s), which on a full node, where CPU goes by weight, is the weight at which s is T; at once
    s of 10 s below T:   the same, downwards by at most 5 % a second
    never below the mean of use in 10 s and one deviation of 30 s; target 0, or waiting that is not known: the spec's request
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from flyball.cpu.usage import deviation, mean

# A mean that follows a minute's changes, a deviation from enough samples (that of 30 is known to 13 %), a rise that is seen within seconds.
MEAN_SAMPLES = 10
USAGE_SAMPLES = 30
RISING_SAMPLES = 4
# As the captain has it: one quiet second after a start decides nothing.
SAMPLES_BEFORE_CUT = 5
# On a node with room nothing waits, whatever the weight, so that only the floor ends a cut: slower than the captain's 20 %, because a weight that
# turns out too low shows only when the node fills up.
CUT_LIMIT = 0.05
# Above half the time waited a container gets less than half of what it wants; the largest target that the captain takes as well.
TARGET_MOST = 0.5
# What recent use keeps on a full node: its mean and one deviation, which a normal load exceeds one second in six.
SPREADS = 1.0
# Each change of weight makes the kernel reweigh the group on every CPU, and each of a request is a write to the API server: as the captain's.
DEAD_BAND = 0.02
# A share of waiting this near to 1 would ask for more than any request grants.
SHARE_MOST = 0.95


class Reason(StrEnum):
    """Why this weight was chosen."""

    HOLD = "Hold"
    UNKNOWN = "Unknown"
    AT_TARGET_ZERO = "AtTargetZero"
    WAITING = "Waiting"
    CUT = "Cut"
    USE = "Use"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what the weight may move, in cores. Where they cross, the request wins: no more than the spec grants."""

    floor: float
    request: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What was counted since the previous sample."""

    elapsed: float  # seconds
    usage: float  # CPU seconds consumed
    waited: float  # seconds that runnable tasks waited for a CPU, each for itself; NaN: unknown
    weight: float  # in force, in cores


@dataclass(frozen=True, slots=True)
class WeightState:
    """What is remembered of one container between samples, newest last."""

    usages: tuple[float, ...] = ()  # cores
    waits: tuple[float, ...] = ()  # seconds a second


@dataclass(frozen=True, slots=True)
class WeightMove:
    """The weight to have in force from now on, in cores, and why."""

    weight: float
    reason: Reason
    share: float = math.nan  # of waiting, that it was decided on


def decide(state: WeightState, sample: Sample, target: float, bounds: Bounds) -> tuple[WeightState, WeightMove]:
    """Choose the next weight.

    `target` is the wanted share of waiting, 0 to 1; 0: nothing is taken. The move's weight lies within `bounds` (cores); never raises. What cannot be
    known gives back: a sample that says nothing begins a new history.
    """
    if not _valid(sample):
        return WeightState(), WeightMove(bounds.request, Reason.UNKNOWN)
    target = min(TARGET_MOST, max(0.0, target)) if math.isfinite(target) else 0.0
    state = WeightState(
        (*state.usages, sample.usage / sample.elapsed)[-USAGE_SAMPLES:], (*state.waits, sample.waited / sample.elapsed)[-MEAN_SAMPLES:]
    )
    rising, share = waiting_share(state, RISING_SAMPLES), waiting_share(state, MEAN_SAMPLES)
    if target == 0.0:
        return state, WeightMove(bounds.request, Reason.AT_TARGET_ZERO, share)
    wanted, reason = sample.weight, Reason.HOLD
    if rising > target:
        wanted, reason = sample.weight * (1.0 - target) / (1.0 - min(SHARE_MOST, rising)), Reason.WAITING
    elif share < target and len(state.usages) >= SAMPLES_BEFORE_CUT:
        wanted, reason = sample.weight * max(1.0 - CUT_LIMIT, (1.0 - target) / (1.0 - share)), Reason.CUT
    least = max(bounds.floor, recent_use(state.usages))
    if wanted < least:
        wanted, reason = least, Reason.USE
    chosen = min(bounds.request, wanted)
    if abs(chosen - sample.weight) < DEAD_BAND * sample.weight and least <= sample.weight <= bounds.request:
        return state, WeightMove(sample.weight, Reason.HOLD, share)
    return state, WeightMove(chosen, reason, share)


def waiting_share(state: WeightState, samples: int) -> float:
    """Time waited over time waited and run, of the newest samples; 0 of an idle container."""
    waited, ran = sum(state.waits[-samples:]), sum(state.usages[-samples:])
    return waited / (waited + ran) if waited > 0.0 else 0.0


def recent_use(usages: tuple[float, ...]) -> float:
    """The cores that a container is to keep on a node that fills up."""
    return mean(usages[-MEAN_SAMPLES:]) + SPREADS * deviation(usages)


def _valid(sample: Sample) -> bool:
    values = (sample.elapsed, sample.usage, sample.waited, sample.weight)
    return all(map(math.isfinite, values)) and sample.elapsed > 0.0 and sample.usage >= 0.0 and sample.waited >= 0.0 and sample.weight > 0.0
