"""What a policy's slow level reads of the real cluster: Prometheus' answers as the simulator's `SlowObservation`.

As in `flyball.sim.scrape`: differences of scraped counters between the newest scrape and the one a look-back before it. One thing differs: latencies
are known as a histogram only, so that the 99 % quantile is interpolated within a bucket. Pure but for `Signals`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flyball.sim.policy import Floats, SlowObservation
from flyball.slo import Cell, Ledger, Objective, cell_start
from hack.demo import prometheus
from hack.demo.counters import Counter
from hack.demo.prometheus import Counts
from tests.benchmarks.live.graph import SERVICES

BUCKETS = 'http_request_duration_seconds_bucket{namespace="shop",service="gateway"}'
EARLIER_SECONDS = 15
"""Samples from this long before a block's start on: at its start each counter lies between two scrapes."""
CELL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Requests:
    """The gateway's histogram as counters."""

    bounds: tuple[float, ...]
    """Rising; the last is infinite."""
    below: tuple[tuple[Counter, ...], ...]
    """Per bound, one counter a series (route and code)."""
    good: tuple[Counter, ...]
    """Within the objective, and no error of the server."""
    newest: float
    """Unix seconds of the last scrape; negative infinity before the first."""


def requests(series: Sequence[Mapping[str, object]], threshold_seconds: float) -> Requests:
    """From the answer of a range query: series with `metric` (its labels) and `values`."""
    by_bound: dict[float, list[Counter]] = {}
    good = []
    newest = -math.inf
    for its in series:
        labels, values = its["metric"], its["values"]
        assert isinstance(labels, Mapping) and isinstance(values, Sequence)
        samples = [(float(at), float(value)) for at, value in values]
        counter, bound = Counter(samples), float(labels["le"])
        by_bound.setdefault(bound, []).append(counter)
        newest = max(newest, samples[-1][0])
        if math.isclose(bound, threshold_seconds) and not labels["code"].startswith("5"):
            good.append(counter)
    bounds = sorted(by_bound)
    return Requests(tuple(bounds), tuple(tuple(by_bound[bound]) for bound in bounds), tuple(good), newest)


def quantile(bounds: Sequence[float], below: Sequence[float], share: float) -> float:
    """As histogram_quantile does it: straight within a bucket, the last finite bound beyond it; NaN without requests."""
    if not below or below[-1] <= 0:
        return math.nan
    wanted = share * below[-1]
    place = next(index for index, count in enumerate(below) if count >= wanted)
    if math.isinf(bounds[place]):
        return bounds[place - 1] if place else math.nan
    start, before = (bounds[place - 1], below[place - 1]) if place else (0.0, 0.0)
    return start + (bounds[place] - start) * (wanted - before) / (below[place] - before)


def increase(counters: Sequence[Counter], start: float, end: float) -> float:
    return sum(counter.increase(start, end) for counter in counters)


def observe(seen: Requests, counts: Counts, objective: Objective, begun: float, now: float, lookback: float) -> SlowObservation:
    """The observation at `now` of a run that began at `begun` (Unix seconds), in seconds since then."""
    newest = min(seen.newest, now)
    start = max(newest - lookback, begun)
    good = total = rate = p99 = seconds = math.nan
    age = math.inf
    ledger = Ledger(objective)
    if newest > start and seen.bounds:
        below = [increase(its, start, newest) for its in seen.below]
        good, total, seconds, age = increase(seen.good, start, newest), below[-1], newest - start, now - newest
        rate, p99 = total / seconds, quantile(seen.bounds, below, 0.99)
        ledger = ledger.record(_cells(seen, begun, newest), now)
    usage, quota, grant = (_by_service(counts, kind, start, newest) for kind in (counts.used, counts.allocated, counts.granted))
    throttled, periods = (_by_service(counts, kind, start, newest) for kind in (counts.throttled, counts.periods))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(periods > 0, throttled / periods, np.nan)
    return SlowObservation(now - begun, good, total, rate, p99, seconds, age, ledger.budget(now), usage, quota, grant, ratio)


def _cells(seen: Requests, begun: float, newest: float) -> list[Cell]:
    """Good and total requests of each minute since the start."""
    cells = []
    minute = cell_start(begun, CELL_SECONDS)
    while minute < newest:
        start, end = max(begun, minute), min(newest, minute + CELL_SECONDS)
        cells.append(Cell(minute, increase(seen.good, start, end), increase(seen.below[-1], start, end)))
        minute += CELL_SECONDS
    return cells


def _by_service(counts: Counts, kind: Mapping[str, list[Counter]], start: float, end: float) -> Floats:
    if end <= start:
        return np.full(len(SERVICES), np.nan)
    return np.array([increase(kind[name], start, end) / (end - start) if name in kind else math.nan for name in SERVICES])


class Signals:
    """Asks Prometheus for one run of a policy."""

    def __init__(self, url: str, objective: Objective, lookback: float) -> None:
        self._url, self._objective, self._lookback = url, objective, lookback
        self._begun = time.time()

    def read(self) -> SlowObservation:
        """What Prometheus answers now. Raises DemoError when it does not."""
        now = time.time()
        start = self._begun - EARLIER_SECONDS
        series = prometheus.instant(self._url, f"{BUCKETS}[{round(now - start)}s]", now)
        counts = prometheus.read(self._url, start, now)
        return observe(requests(series, self._objective.threshold_seconds), counts, self._objective, self._begun, now, self._lookback)
