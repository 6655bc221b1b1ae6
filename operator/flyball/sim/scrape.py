"""The signal path: what Prometheus knows of the plant, and how late.

Counters are scraped every 15 s at a random phase per pod; what a controller reads is the difference over a look-back of a minute, between scrapes
that are old by the time it sees them. Requests carry one phase (the entry's pod), containers one each.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flyball.sim.policy import Floats, Ints, SlowObservation
from flyball.slo import Cell, Ledger, Objective, cell_start

EPOCH = 1_800_000_000.0
"""The clock of the budget's cells at the start of a run: a whole minute of Unix time, since the product takes time 0 for "never"."""


class Scrapes:
    """Counters by second, kept for as long as a window can look back."""

    def __init__(
        self,
        objective: Objective,
        service: Ints,
        services: int,
        grant: Floats,
        seed: int,
        *,
        scrape_seconds: float,
        lookback_seconds: float,
        lag_seconds: float,
    ) -> None:
        if lag_seconds < 0:
            raise ValueError(f"signals cannot come from the future: lag_seconds is {lag_seconds}")
        rng = np.random.default_rng(np.random.SeedSequence([seed, 5]))
        self._interval, self._lookback, self._hidden = int(scrape_seconds), int(lookback_seconds), int(lag_seconds)
        self._phase = rng.integers(0, self._interval, len(service))
        self._request_phase = int(rng.integers(0, self._interval))
        self._rows = self._lookback + self._hidden + 2 * self._interval + int(objective.window_seconds > 0) * 61
        self._cpu = np.zeros((self._rows, 4, len(service)))
        self._requests = np.zeros((self._rows, 2), np.int64)
        self._service, self._services, self._grant = service, services, grant
        self._ledger = Ledger(objective)
        self._recorded = 0

    def record(self, second: int, usage: Floats, quota_seconds: Floats, throttled: Floats, active_seconds: Floats, good: int, total: int) -> None:
        """Cumulative counters at the end of a second; `second` counts from 1, row 0 is the start."""
        row = second % self._rows
        for place, values in enumerate((usage, quota_seconds, throttled, active_seconds)):
            self._cpu[row, place] = values
        self._requests[row] = good, total

    def observe(self, now: int, log: NDArray[np.float32]) -> SlowObservation:
        """What a query at `now` answers. `log` holds all latencies in order of their ends."""
        seen = now - self._hidden
        newest = self._newest(seen, np.array([self._request_phase]))[0]
        begin = self._begin(newest, self._request_phase)
        good = total = rate = p99 = math.nan
        age, seconds = math.inf, math.nan
        if newest > begin:
            (good_0, total_0), (good_1, total_1) = self._requests[begin % self._rows], self._requests[newest % self._rows]
            good, total, seconds, age = float(good_1 - good_0), float(total_1 - total_0), float(newest - begin), float(now - newest)
            rate = total / seconds
            if total_1 > total_0:
                count = int(total_1 - total_0)
                place = max(0, math.ceil(0.99 * count) - 1)
                p99 = float(np.partition(log[total_0:total_1], place)[place])
            self._record_cells(newest, now)
        usage, quota, throttled, grant = self._windows(seen)
        budget = self._ledger.budget(EPOCH + now)
        return SlowObservation(float(now), good, total, rate, p99, seconds, age, budget, usage, quota, grant, throttled)

    def _newest(self, seen: int, phases: Ints) -> Ints:
        """Time of the last scrape at or before `seen`; negative where there was none."""
        return seen - (seen - phases) % self._interval

    def _begin(self, newest: int, phase: int) -> int:
        return max(int(newest) - self._lookback, phase)

    def _windows(self, seen: int) -> tuple[Floats, Floats, Floats, Floats]:
        newest = self._newest(seen, self._phase)
        begin = np.maximum(newest - self._lookback, self._phase)
        known = newest > begin
        containers = np.arange(len(self._phase))
        rise = self._cpu[newest % self._rows, :, containers] - self._cpu[begin % self._rows, :, containers]
        seconds = np.where(known, newest - begin, 1)[:, None]
        mean = np.where(known[:, None], rise / seconds, np.nan)
        usage, quota, throttled, active = (self._by_service(mean[:, place]) for place in range(4))
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where(active > 0, throttled / (active * 10.0), np.nan)
        return usage, quota, ratio, self._by_service(mean[:, 3] * self._grant)

    def _by_service(self, values: Floats) -> Floats:
        """Sum over a service's containers; those that are not known yet aside, NaN where none is."""
        known = ~np.isnan(values)
        total = np.bincount(self._service[known], weights=values[known], minlength=self._services)
        return np.where(np.bincount(self._service[known], minlength=self._services) > 0, total, np.nan)

    def _record_cells(self, newest: int, now: int) -> None:
        """Minutes that have ended by the newest scrape, and what is known of the one that runs."""
        cells = []
        while self._recorded < newest:
            end = min(newest, (self._recorded // 60 + 1) * 60)
            start = self._recorded // 60 * 60
            (good_0, total_0), (good_1, total_1) = self._requests[start % self._rows], self._requests[end % self._rows]
            cells.append(Cell(cell_start(EPOCH + start, 60.0), float(good_1 - good_0), float(total_1 - total_0)))
            self._recorded = end
        if cells:
            self._ledger = self._ledger.record(cells, EPOCH + now)
