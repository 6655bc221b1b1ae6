"""The signal path: what Prometheus knows of the plant, and how late.

Counters are scraped every 15 s at a random phase per pod; what a controller reads is the difference over a look-back of a minute, between scrapes
that are old by the time it sees them. Requests carry one phase (the entry's pod), containers one each.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flyball.sim.policy import Floats, Ints, Route, SlowObservation
from flyball.sim.requests import Requests
from flyball.sim.spec import Application
from flyball.slo import Budget, Cell, Ledger, Objective, cell_start, governing

EPOCH = 1_800_000_000.0
"""The clock of the budget's cells at the start of a run: a whole minute of Unix time, since the product takes time 0 for "never"."""


WINDOW_SECONDS = 3600.0


def routes(application: Application) -> tuple[tuple[Objective, ...], Ints]:
    """The objectives of an application, and which of them each request type is held to."""
    limits = list(dict.fromkeys(application.objectives()))
    names = ["requests" if len(limits) == 1 else f"within {limit:g} s" for limit in limits]
    objectives = tuple(Objective(name, application.target, limit, WINDOW_SECONDS) for name, limit in zip(names, limits, strict=True))
    return objectives, np.array([limits.index(limit) for limit in application.objectives()])


class Scrapes:
    """Counters by second, kept for as long as a window can look back. `route`: objective of each request type."""

    def __init__(
        self,
        objectives: tuple[Objective, ...],
        route: Ints,
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
        self._rows = self._lookback + self._hidden + 2 * self._interval + int(objectives[0].window_seconds > 0) * 61
        self._cpu = np.zeros((self._rows, 4, len(service)))
        self._requests = np.zeros((self._rows, 2, len(objectives)), np.int64)
        self._totals = np.zeros((2, len(objectives)), np.int64)
        self._objectives, self._route, self._counted = objectives, route, 0
        self._service, self._services, self._grant = service, services, grant
        self._ledgers = [Ledger(objective) for objective in objectives]
        self._recorded = 0

    def record(
        self, second: int, usage: Floats, quota_seconds: Floats, throttled: Floats, active_seconds: Floats, requests: Requests, finished: int
    ) -> None:
        """Cumulative counters at the end of a second; `second` counts from 1, row 0 is the start. `finished`: requests that have ended."""
        row = second % self._rows
        for place, values in enumerate((usage, quota_seconds, throttled, active_seconds)):
            self._cpu[row, place] = values
        route, slow = self._route[requests.types(self._counted, finished)], requests.slow(self._counted, finished)
        self._totals += [np.bincount(its, minlength=len(self._objectives)) for its in (route[~slow], route)]
        self._counted = finished
        self._requests[row] = self._totals

    def observe(self, now: int, requests: Requests) -> SlowObservation:
        """What a query at `now` answers."""
        seen = now - self._hidden
        newest = self._newest(seen, np.array([self._request_phase]))[0]
        begin = self._begin(newest, self._request_phase)
        known = newest > begin
        if known:
            self._record_cells(newest, now)
        budgets = {its.objective.name: its.budget(EPOCH + now) for its in self._ledgers}
        if known:
            before, after = self._requests[begin % self._rows], self._requests[newest % self._rows]
            age, seconds = float(now - newest), float(newest - begin)
            good, total = (after - before).astype(np.float64)
            first, end = int(before[1].sum()), int(after[1].sum())
            ended, route = requests.ended[first:end], self._route[requests.types(first, end)]
            p99 = [_p99(ended if len(self._objectives) == 1 else ended[route == place]) for place in range(len(self._objectives))]
            every = float(good.sum()), float(total.sum()), float(total.sum()) / seconds, p99[0] if len(p99) == 1 else _p99(ended)
        else:
            age, seconds = math.inf, math.nan
            good = total = np.full(len(self._objectives), math.nan)
            p99, every = [math.nan] * len(self._objectives), (math.nan,) * 4
        routes = tuple(
            Route(objective, float(good[place]), float(total[place]), p99[place], seconds, age, budgets[objective.name])
            for place, objective in enumerate(self._objectives)
        )
        usage, quota, throttled, grant = self._windows(seen)
        return SlowObservation(float(now), *every, seconds, age, _fastest(budgets), usage, quota, grant, throttled, routes)

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
        cells: list[list[Cell]] = [[] for _ in self._objectives]
        while self._recorded < newest:
            end = min(newest, (self._recorded // 60 + 1) * 60)
            start = self._recorded // 60 * 60
            good, total = self._requests[end % self._rows] - self._requests[start % self._rows]
            for place, its in enumerate(cells):
                its.append(Cell(cell_start(EPOCH + start, 60.0), float(good[place]), float(total[place])))
            self._recorded = end
        if cells[0]:
            self._ledgers = [ledger.record(its, EPOCH + now) for ledger, its in zip(self._ledgers, cells, strict=True)]


def _p99(latencies: NDArray[np.float32]) -> float:
    """The smallest that 99 % do not exceed; NaN of none."""
    if not len(latencies):
        return math.nan
    place = max(0, math.ceil(0.99 * len(latencies)) - 1)
    return float(np.partition(latencies, place)[place])


def _fastest(budgets: dict[str, Budget]) -> Budget:
    name = governing(budgets)
    assert name is not None
    return budgets[name]
