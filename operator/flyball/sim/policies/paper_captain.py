"""The paper's Captain, for many containers at once: what Autothrottle's two levels and the fixed target pairs run on.

Written from reference/cpu-control.md 1.1. Each 100 ms the throttled periods and the CPU use of that time enter two rings (10 and 50 long). If the
last decision was a cut and the throttled share since exceeds alpha times the target, the cut is taken back with interest. Each second the margin
moves by throttled share minus target; above alpha times the target the quota grows by the excess, else it falls to the largest use of the ring
plus margin times its standard deviation, where that is at least 10 % less, to half at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.sim.policy import Floats

TICK_SECONDS = 0.1
PERIODS = 10
"""N of the paper: wall periods, and ticks, between decisions."""
USAGES = 50
"""M: samples of CPU use."""
ALPHA = 3.0
BETA_MAX = 0.9
BETA_MIN = 0.5
MARGIN = 3.0
QUOTA_MIN = 0.01
WRITE_MIN = 1e-5
"""Smaller changes are not written."""


@dataclass(frozen=True, slots=True)
class State:
    """Of all containers; cores. Rings are (length, containers), oldest first."""

    quota: Floats
    before: Floats
    """Quota before the last decision."""
    margin: Floats
    cut: NDArray[np.bool_]
    """Whether the last decision was a cut that has not been taken back."""
    throttled: Floats
    usage: Floats
    tick: int


def begin(quota: Floats) -> State:
    count = len(quota)
    return State(quota, quota, np.full(count, MARGIN), np.zeros(count, np.bool_), np.zeros((PERIODS, count)), np.zeros((USAGES, count)), 0)


def step(state: State, throttled: Floats, usage: Floats, target: Floats) -> State:
    """One tick: `throttled` periods and mean cores used in the last 100 ms, and the target of each container (share of wall periods)."""
    ring = np.vstack([state.throttled[1:], throttled])
    usages = np.vstack([state.usage[1:], usage])
    quota, before, margin, cut = state.quota, state.before, state.margin, state.cut
    ratio = ring.sum(axis=0) / PERIODS

    back = cut & (ratio > ALPHA * target)
    if back.any():
        quota = np.where(back, 2.0 * before - quota, quota)
        margin = np.where(back, margin + ratio - target, margin)
        cut = cut & ~back
        ring[:, back] = 0.0
        ratio = np.where(back, 0.0, ratio)

    tick = state.tick + 1
    if tick % PERIODS == 0:
        before = quota
        margin = np.maximum(0.0, margin + ratio - target)
        above = ratio > ALPHA * target
        wanted = usages.max(axis=0) + margin * usages.std(axis=0, ddof=1)
        cut = ~above & (wanted <= BETA_MAX * quota)
        quota = np.where(above, quota * (1.0 + ratio - ALPHA * target), np.where(cut, np.maximum(BETA_MIN * quota, wanted), quota))
        ring = np.zeros_like(ring)
    return State(np.maximum(QUOTA_MIN, quota), before, margin, cut, ring, usages, tick)
