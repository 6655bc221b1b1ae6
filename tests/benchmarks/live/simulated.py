"""Runs of the fitted application: the Observe phase for the fit, tuning and warm-up for the peers, and the prediction of each block.

The engine is at its finer level (slices, the pod's own quota, containers competing for the machine's cores); signals are scraped as the demo's
Prometheus scrapes them. What else runs on the machine (load generator, Kubernetes, Prometheus) is in the fit's delay alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from flyball.sim.arrivals import Arrivals, Given
from flyball.sim.policy import Facts, Floats, Policy, Quotas, Samples, SlowObservation
from flyball.sim.run import Run, Settings
from flyball.sim.scrape import Scrapes
from flyball.sim.spec import Application
from flyball.slo import Objective
from hack.demo.figures import quantile
from hack.demo.local import SCRAPE_SECONDS

PEER_LOOKBACK, PRODUCT_LOOKBACK = 60, 30
"""Seconds: a minute as in the paper; the demo's operator looks back 30 s."""
SEEDS = (1, 2, 3)
MINUTE = 60


class Within:
    """A policy that is told of the live objective: an application's own is over an hour."""

    def __init__(self, policy: Policy, objective: Objective) -> None:
        self._policy, self._objective = policy, objective
        self.name, self.tick_seconds, self.slow_seconds = policy.name, policy.tick_seconds, policy.slow_seconds

    def start(self, facts: Facts) -> Quotas | None:
        return self._policy.start(replace(facts, objective=self._objective))

    def fast(self, samples: Samples) -> Quotas | None:
        return self._policy.fast(samples)

    def slow(self, observation: SlowObservation) -> None:
        self._policy.slow(observation)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: requests in order of arrival, cores by second."""

    arrival: Floats
    latency: Floats
    """Seconds; infinite where a request did not end."""
    quota: Floats
    used: Floats

    def p99(self, start: float, end: float) -> float:
        """Of the requests sent in the stretch."""
        held = (self.arrival >= start) & (self.arrival < end)
        return quantile(self.latency[held].tolist(), 0.99)

    def p50(self, start: float, end: float) -> float:
        held = (self.arrival >= start) & (self.arrival < end)
        return quantile(self.latency[held].tolist(), 0.5)

    def slow_share(self, start: float, end: float, objective_seconds: float) -> float:
        held = (self.arrival >= start) & (self.arrival < end)
        return float(np.mean(self.latency[held] > objective_seconds)) if held.any() else 0.0

    def cores(self, start: int, end: int) -> float:
        """Mean cores allocated."""
        return float(self.quota[start:end].mean())

    def worst_window(self, start: int, seconds: int, objective_seconds: float) -> float:
        """Largest slow share of any window of `seconds` that begins on a minute from `start` on; of the rest of the run where that is shorter."""
        end = len(self.quota)
        if end - start <= seconds:
            return self.slow_share(start, end, objective_seconds)
        return max(self.slow_share(begin, begin + seconds, objective_seconds) for begin in range(start, end - seconds + 1, MINUTE))


def run(application: Application, objective: Objective, policy: Policy, seed: int, arrivals: Arrivals, *, burst: bool, lookback: int) -> Outcome:
    """Run it to its end. Raises Overloaded when requests pile up without end."""
    settings = Settings(
        level="sliced",
        contention=True,
        pod_quota=True,
        burst=burst,
        lag_seconds=0.0,
        lookback_seconds=lookback,
        scrape_seconds=SCRAPE_SECONDS,
        keep_seconds=True,
        keep_latency=True,
    )
    made = Run(application, arrivals, Within(policy, objective), seed, settings)
    made.objective = objective
    plant = made.plant
    made.scrapes = Scrapes(
        (objective,), np.zeros(len(application.request_types), np.int64), plant.service, len(application.services), plant.grant, seed,
        scrape_seconds=SCRAPE_SECONDS, lookback_seconds=lookback, lag_seconds=0.0,
    )  # fmt: skip
    for second in range(arrivals.seconds):
        made.second(second)
    result = made.result()
    latency = np.where(np.isnan(result.latency), np.inf, result.latency)
    return Outcome(result.arrival, latency, result.seconds.quota.sum(axis=1), result.seconds.usage.sum(axis=1))


def given(sent: Sequence[float], seconds: int) -> Given:
    """Recorded arrivals, in seconds since the load's start; what lies outside the run is left out."""
    times = np.sort(np.array([time for time in sent if 0 <= time < seconds], np.float64))
    return Given(times, seconds)
