"""The slow level of the Autothrottle paper: a contextual bandit over pairs of throttle targets, one decision a minute.

From reference/cpu-control.md 1.2: the context is the request rate of the minute just ended; an arm is a pair from a ladder of nine targets; costs are
the allocation scaled to 0..1 where the objective was met, 2..3 by the latency where not; samples are grouped by arm and rate, the median stands for a
group. The paper learns costs with Vowpal Wabbit (one hidden layer of three units). Here a kernel regression stands for it: an arm's cost at a rate is
the mean of the groups' medians, weighted by closeness in rate (a bucket) and on the ladder (half a step). It is the kinder reading: it knows that
neighbouring arms cost alike, which a network over 81 unrelated arms has to find out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flyball.sim.policy import Floats

LADDER = (0.0, 0.02, 0.04, 0.06, 0.10, 0.15, 0.20, 0.25, 0.30)
ARMS = len(LADDER) ** 2
RATE_WIDTH = 1.0
"""Width of the kernel in rate buckets."""
LADDER_WIDTH = 0.5
"""Width of the kernel in steps of the ladder: a neighbour counts e^-2 of the arm itself."""
PRIOR_WEIGHT = 1e-3
"""What an arm that nothing is known of weighs: it decides only where no group is near."""
PRIOR_COST = 1.0
"""As dear as the largest allocation that met the objective."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One minute: the rate before it, the arm that was in force, and what came of it."""

    rate: float
    arm: int
    p99_seconds: float
    cores: float


def pair(arm: int) -> tuple[float, float]:
    """Targets of the heavy and the light group."""
    return LADDER[arm // len(LADDER)], LADDER[arm % len(LADDER)]


def neighbours(arm: int) -> list[int]:
    """Arms one step of the ladder away in one of the two targets: two to four."""
    row, column = divmod(arm, len(LADDER))
    steps = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return [r * len(LADDER) + c for r, c in steps if 0 <= r < len(LADDER) and 0 <= c < len(LADDER)]


def costs(seen: Sequence[Seen], objective_seconds: float) -> Floats:
    """Cost of each minute: 0 to 1 by allocation when the objective was met, 2 to 3 by latency when not; the middle where all are alike."""
    p99 = np.array([its.p99_seconds for its in seen])
    cores = np.array([its.cores for its in seen])
    met = p99 <= objective_seconds
    result = np.empty(len(seen))
    for mask, values, base in ((met, cores, 0.0), (~met, p99, 2.0)):
        if mask.any():
            low, high = float(values[mask].min()), float(values[mask].max())
            result[mask] = base + ((values[mask] - low) / (high - low) if high > low else 0.5)
    return result


def estimates(seen: Sequence[Seen], objective_seconds: float, rate: float, bucket: float) -> Floats:
    """What each arm is expected to cost at a rate."""
    groups: dict[tuple[int, int], list[float]] = {}
    for its, cost in zip(seen, costs(seen, objective_seconds).tolist(), strict=True):
        groups.setdefault((its.arm, round(its.rate / bucket)), []).append(cost)
    if not groups:
        return np.full(ARMS, PRIOR_COST)
    arm = np.array([key[0] for key in groups])
    place = np.array([key[1] for key in groups], np.float64)
    median = np.array([float(np.median(values)) for values in groups.values()])
    near_rate = np.exp(-0.5 * ((place - rate / bucket) / RATE_WIDTH) ** 2)
    rows, columns = np.divmod(np.arange(ARMS), len(LADDER))
    apart = (rows[:, None] - arm // len(LADDER)) ** 2 + (columns[:, None] - arm % len(LADDER)) ** 2
    weight = near_rate * np.exp(-0.5 * apart / LADDER_WIDTH**2)
    mean: Floats = (weight @ median + PRIOR_WEIGHT * PRIOR_COST) / (weight.sum(axis=1) + PRIOR_WEIGHT)
    return mean


def choose(seen: Sequence[Seen], objective_seconds: float, rate: float, bucket: float, explore: float, rng: np.random.Generator) -> int:
    """The cheapest arm; with probability `explore` one of its neighbours instead."""
    best = int(np.argmin(estimates(seen, objective_seconds, rate, bucket)))
    if rng.uniform() < explore:
        return int(rng.choice(neighbours(best)))
    return best
