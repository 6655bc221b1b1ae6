"""What a policy sees and may do: the seam between the simulator and every controller in it, ours and its peers.

A policy is one class in one file: `start`, `fast`, `slow`. The fast tick stands for a node agent (it sees the kernel's counters), the slow tick for
a controller behind Prometheus (it sees what was scraped, and late). Targets pass from slow to fast inside the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flyball.sim.spec import Application
from flyball.slo import Budget, Objective

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a policy knows at the start. Arrays are over containers; `service` indexes `application.services`."""

    application: Application
    objective: Objective
    service: Ints
    grant: Floats
    """Cores that the spec grants each container, in force at the start. A policy's quota is cut to it."""
    names: tuple[str, ...]
    """Of the containers: service/replica."""
    burst_allowed: bool
    """Whether this class of the comparison has the burst allowance; where not, a policy's burst is ignored."""
    seed: int


@dataclass(frozen=True, slots=True)
class Samples:
    """What the kernel counted since the previous fast tick, per container. `active` containers serve; others are scaled away or not yet there."""

    now: float
    """Seconds since the start."""
    elapsed: float
    usage: Floats
    """CPU seconds."""
    throttled: Ints
    """CFS periods in which the container ran out of quota."""
    throttled_by_pod: Ints
    periods: Ints
    """Active CFS periods, as the kernel counts `nr_periods`."""
    quota: Floats
    """Cores in force."""
    burst: Floats
    written: NDArray[np.bool_]
    """Whether a write fell into the sample: its refill lets one period's throttling go uncounted."""
    active: NDArray[np.bool_]
    waited: Floats | None = None
    """Seconds that tasks waited for a CPU, each for itself; None: not counted."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """What to have in force from now on, in cores. Written only where it differs; each write refills, as in the kernel."""

    quota: Floats
    burst: Floats | None = None
    """Burst allowance in cores (saved runtime that one period may add, times its length); None: none. At most the quota (the kernel's bound)."""
    weight: Floats | None = None
    """CPU weights, in cores of request; None: as they are. They count where nodes are short of cores."""


@dataclass(frozen=True, slots=True)
class Route:
    """What the window says of the requests of one objective. NaN: unknown."""

    objective: Objective
    good: float
    total: float
    p99_seconds: float
    seconds: float
    age_seconds: float
    budget: Budget


@dataclass(frozen=True, slots=True)
class SlowObservation:
    """What Prometheus would answer now: differences of scraped counters over a window that ended some time ago.

    Arrays are over services. NaN: unknown (nothing scraped yet, or a gap).
    """

    now: float
    good: float
    """Requests of the window that ended within their objective."""
    total: float
    requests_per_second: float
    p99_seconds: float
    """99 % quantile of the window's requests, from the latencies themselves: kinder to peers than a histogram's interpolation."""
    seconds: float
    """Length of the window."""
    age_seconds: float
    """How long ago the window ended; infinite before the first."""
    budget: Budget
    """The hour's error budget as the scraped counters show it; with several routes that of the one that burns fastest."""
    usage: Floats
    """Cores used."""
    quota: Floats
    """Mean cores of quota in force."""
    grant: Floats
    throttle_ratio: Floats
    """Throttled share of wall periods."""
    routes: tuple[Route, ...] = ()
    """One for each objective. Those who know but one read the sums above."""


class Policy(Protocol):
    """A controller. One instance drives one run; `start` is called once, then `fast` and `slow` at their times, `slow` first when both are due."""

    name: str
    tick_seconds: float
    """Time between fast ticks: 1.0, or 0.1 for a policy that samples each CFS period."""
    slow_seconds: float
    """Time between slow ticks, a whole number of seconds."""

    def start(self, facts: Facts) -> Quotas | None:
        """Take note of the plant; quotas for the first second, or None to leave the grants in force."""
        ...

    def fast(self, samples: Samples) -> Quotas | None:
        """New quotas, or None to leave all as they are."""
        ...

    def slow(self, observation: SlowObservation) -> None:
        """Take note of the latest readings."""
        ...


class Unlimited:
    """The policy that does nothing: quotas stay at the grants."""

    name = "grant"
    tick_seconds = 1.0
    slow_seconds = 60.0

    def start(self, facts: Facts) -> Quotas | None:
        return None

    def fast(self, samples: Samples) -> Quotas | None:
        return None

    def slow(self, observation: SlowObservation) -> None:
        return None
