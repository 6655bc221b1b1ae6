"""What a run leaves behind, and how it is scored. Requests belong to the minute in which they arrived."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.sim.policy import Floats, Ints

MINUTES_PER_HOUR = 60


@dataclass(frozen=True, slots=True)
class Minutes:
    """One row a minute; the last is left out when it was not simulated in full. Arrays of equal length."""

    total: Ints
    """Requests that arrived."""
    slow: Ints
    """Of these: later than their objective, or unfinished and already older when the run ended."""
    p50: Floats
    p99: Floats
    """Seconds; infinite where the quantile falls on a request that never ended, NaN without requests. A request that was under way when the run ended
    counts with its age as long as that is within its objective."""
    worst: Floats
    quota: Floats
    """Mean cores of quota in force, over all containers that serve."""
    used: Floats
    """Mean cores used."""
    throttled_share: Floats
    """Throttled share of the wall periods of all containers."""
    node_p99: Floats
    """99 % quantile over the minute's seconds of the busiest node's CPU use, as a share of its cores."""
    reversals: Ints
    """Changes of direction of the total quota of which both legs are at least 1 % of it."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Per second (rows) and container (columns). Empty unless `Settings.keep_seconds`."""

    usage: NDArray[np.float32]
    """CPU seconds."""
    quota: NDArray[np.float32]
    """Mean cores in force."""
    throttled: NDArray[np.uint8]
    periods: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Result:
    """One run. `score_from` minutes of warm-up at the beginning are in the rows and not in the figures below."""

    application: str
    policy: str
    seed: int
    objective_seconds: float
    target: float
    minutes: Minutes
    seconds: Seconds
    latency: NDArray[np.float32]
    """Seconds per request in order of arrival, NaN when it did not end. Empty unless `Settings.keep_latency`."""
    kinds: NDArray[np.uint8]
    """Type of each request, as an index of the application's types; empty with the latencies."""
    arrival: NDArray[np.float64]
    names: tuple[str, ...]
    """Of the containers."""
    service_quota: Floats
    """Mean cores of quota in force by service, after the warm-up."""
    service_used: Floats
    visits: int
    """Service visits that were served."""
    engine_cpu_seconds: float
    """CPU time in the engine, without the policy and the accounts around it."""
    fast_cpu_seconds: float
    slow_cpu_seconds: float
    fast_ticks: int
    slow_ticks: int
    score_from: int = 0
    retries: int = 0
    """Requests that clients sent a second time."""

    @property
    def cores(self) -> float:
        """Mean cores of quota after the warm-up."""
        return float(np.mean(self.minutes.quota[self.score_from :]))

    @property
    def cores_used(self) -> float:
        return float(np.mean(self.minutes.used[self.score_from :]))

    @property
    def slow_share(self) -> float:
        """Slow requests of all, after the warm-up."""
        total = int(self.minutes.total[self.score_from :].sum())
        return int(self.minutes.slow[self.score_from :].sum()) / total if total else 0.0

    def worst_hour(self) -> float:
        """Largest slow share of any minute-aligned sliding hour; of the whole run where that is shorter than an hour."""
        total, slow = self.minutes.total[self.score_from :], self.minutes.slow[self.score_from :]
        width = min(MINUTES_PER_HOUR, len(total))
        if width == 0:
            return 0.0
        windows = np.ones(width)
        totals, slows = np.convolve(total, windows, "valid"), np.convolve(slow, windows, "valid")
        return float(np.max(np.where(totals > 0, slows / np.maximum(totals, 1), 0.0)))

    def minutes_over(self) -> int:
        """Minutes whose own slow share is above what the target allows: their quantile lies above the objective."""
        total, slow = self.minutes.total[self.score_from :], self.minutes.slow[self.score_from :]
        return int(np.sum(slow > (1.0 - self.target) * total))

    def worst_minute_ratio(self) -> float:
        """Largest p99 of a minute over the objective; minutes without requests aside."""
        p99 = self.minutes.p99[self.score_from :]
        known = p99[~np.isnan(p99)]
        return float(known.max() / self.objective_seconds) if len(known) else 0.0

    def meets_hours(self) -> bool:
        """Objective H: the slow share is within the target in every sliding hour."""
        return self.worst_hour() <= 1.0 - self.target + 1e-12

    def meets_minutes(self, allowed_share: float = 0.05) -> bool:
        """Objective M: H, and at most 5 % of minutes over."""
        return self.meets_hours() and self.minutes_over() <= allowed_share * max(1, len(self.minutes.total) - self.score_from)
