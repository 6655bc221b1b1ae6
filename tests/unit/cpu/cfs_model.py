"""A small model of CFS bandwidth control for closed-loop tests: a pool refilled each period, saved runtime up to the burst, work that waits.

As the kernel does it (cpu-control 4.2): the pool is filled by the quota each period and capped at quota + burst; a period counts as throttled when
work is left and the pool is empty. One queue, no slices; demand in CPU seconds per period.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flyball.cpu.captain import Bounds, CaptainState, QuotaMove, Sample, burst_allowance, decide

PERIOD = 0.1
PERIODS_PER_TICK = 10


@dataclass
class Container:
    """Runs what it is asked for, as far as quota and burst allow."""

    quota: float  # cores
    burst: float = 0.0  # cores
    parallel: float = 8.0  # threads: the most CPU it can use at once, in cores
    pool: float = 0.0  # CPU seconds
    waiting: float = 0.0  # CPU seconds

    def period(self, demand: float) -> tuple[float, bool]:
        """One period in which `demand` CPU seconds of work arrive; CPU seconds used, and whether it was throttled."""
        self.pool = min(self.pool + self.quota * PERIOD, (self.quota + self.burst) * PERIOD)
        self.waiting += demand
        used = min(self.waiting, self.pool, self.parallel * PERIOD)
        self.pool -= used
        self.waiting -= used
        return used, self.waiting > 1e-12 and self.pool <= 1e-12


@dataclass
class Run:
    """What a closed loop did."""

    moves: list[QuotaMove]
    ratios: list[float]  # throttled share a second
    usages: list[float]  # cores a second
    waiting: list[float]  # CPU seconds of work left over at each second's end

    @property
    def quotas(self) -> list[float]:
        return [move.quota for move in self.moves]


def closed_loop(
    demand: Callable[[int], float],
    seconds: int,
    target: float,
    *,
    bounds: Bounds,
    burst: bool = False,
    pod_throttles: Callable[[int], int] = lambda second: 0,
) -> Run:
    """Captain and container together; `demand(period)` in CPU seconds."""
    bounds = replace(bounds, burst=burst)
    container = Container(quota=bounds.grant)
    state, run, written = CaptainState(), Run([], [], [], []), False
    for second in range(seconds):
        periods = [container.period(demand(second * PERIODS_PER_TICK + index)) for index in range(PERIODS_PER_TICK)]
        throttled = sum(was for _, was in periods)
        usage = sum(used for used, _ in periods)
        sample = Sample(1.0, throttled, pod_throttles(second), usage, container.quota, PERIOD, written)
        state, move = decide(state, sample, target, bounds)
        written = move.quota != container.quota
        container.quota = move.quota
        container.burst = burst_allowance(move.quota, bounds.grant) if burst else 0.0
        run.moves.append(move)
        run.ratios.append(throttled / PERIODS_PER_TICK)
        run.usages.append(usage)
        run.waiting.append(container.waiting)
    return run
