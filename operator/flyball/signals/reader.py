"""Reads one objective: the bucket that serves its threshold, its cells, its latest reading.

Sits between the operator's tick and the tower: PromQL in, a `Reading` out. `increase()` does the counting on the server: it adds up across counter
resets (a restarted application counts from zero), and extrapolates to the edges of its window by the samples inside, good and total alike.
What it cannot see is the first value of a series that is born with requests on it, for example the first error of its kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from flyball.cpu.tower import Reading
from flyball.signals.answers import NoValue, Series, SignalError, single
from flyball.signals.indicators import LONG_SECONDS, SUBQUERY_SECONDS, Histogram, Query, both, bounds, fallbacks, freshness, resolve
from flyball.signals.prometheus import Prometheus
from flyball.slo import Cell, Ledger, Objective, cell_start

REDISCOVER_SECONDS = 600.0
"""Bucket bounds change only with a new version of the application."""

PAST_VERSIONS = 24
"""Moments of the window at which the bounds of then are looked up, before its cells are read back."""

LATE_CELLS = 2
"""Finished cells that are read again each time: the scrape that completes them may come a moment after their end."""

SCRAPES = 4
"""Scrapes that the latest reading covers at least: increase() needs two, and one may be lost or late."""

LONGEST_LOOKBACK_SECONDS = 240.0
"""Four scrapes a minute apart. Beyond, a reading tells of a past that nobody can mend."""

OPEN_CELL_SECONDS = 30.0
"""An open cell is read once it is this old; before, few scrapes lie in it."""


@dataclass(frozen=True, slots=True)
class Latest:
    """Good and total requests of the look-back that ends at the newest sample."""

    good: float
    total: float
    seconds: float
    time: float


class ObjectiveReader:
    """Reads one objective. Keeps the ledger of its cells, the bucket bounds and the scrape interval; holds nothing else.

    `lookback_seconds` is what the latest reading covers, or four scrapes where that is more.
    """

    def __init__(self, prometheus: Prometheus, objective: Objective, source: Histogram | Callable[[], Query], lookback_seconds: float) -> None:
        self._prometheus = prometheus
        self._source = source
        self._lookback = lookback_seconds
        self._query: Query | None = None
        self._resolved_at = -math.inf
        self._bounds: dict[str, float] = {}
        """`le` label by which some series count -> when they last did (Unix seconds)."""
        self._scrape_seconds = SUBQUERY_SECONDS
        self._read_to = -math.inf
        self.ledger = Ledger(objective)

    @property
    def query(self) -> Query | None:
        """The counters in use, once they are known."""
        return self._query

    @property
    def lookback_seconds(self) -> float:
        """Seconds that the latest reading covers."""
        return max(self._lookback, min(LONGEST_LOOKBACK_SECONDS, float(math.ceil(SCRAPES * self._scrape_seconds))))

    async def read(self, now: float) -> Reading:
        """The objective at `now`. Raises SignalError with the reason when it cannot be known; what was known stays in the ledger."""
        query = await self._resolve(now)
        latest = await self._latest(query, now)
        await self._read_cells(query, now)
        objective, budget = self.ledger.objective, self.ledger.budget(now)
        return Reading(objective, budget, latest.good, latest.total, latest.seconds, max(0.0, now - latest.time))

    def unknown(self, now: float) -> Reading:
        """A reading that says that nothing new is known."""
        return Reading(self.ledger.objective, self.ledger.budget(now), math.nan, math.nan, self._lookback, math.inf)

    async def _resolve(self, now: float) -> Query:
        if self._query is None or now - self._resolved_at > REDISCOVER_SECONDS:
            if isinstance(self._source, Histogram):
                self._query = await self._resolved(self._source, now)
            else:
                self._query = self._source()
            self._resolved_at = now
        return self._query

    async def _resolved(self, histogram: Histogram, now: float) -> Query:
        """The counters by which all series count that there are, or were in the window."""
        objective = self.ledger.objective
        latest = await self._prometheus.instant(bounds(histogram), now)
        past: list[Series] = []
        if self._query is None:
            step = objective.window_seconds / PAST_VERSIONS
            past = await self._prometheus.range(bounds(histogram), now - objective.window_seconds, now - step, step)
        for time, counts in _counts([*past, *latest]).items():
            for le in fallbacks(histogram, objective.threshold_seconds, counts):
                self._bounds[le] = max(time, self._bounds.get(le, -math.inf))
        self._bounds = {le: time for le, time in self._bounds.items() if now - time <= objective.window_seconds}
        les = [label for one in latest if (label := one.labels.get("le"))]
        return resolve(histogram, objective.threshold_seconds, les, self._bounds)

    async def _freshness(self, query: Query, now: float) -> float:
        """Time of the newest sample; learns the scrape interval on the way."""
        series = await self._prometheus.instant(freshness(query, self._lookback), now)
        found = {name: single([one for one in series if one.labels.get("of") == name], f"the {name}") for name in ("newest", "recent", "long")}
        newest = found["newest"]
        if newest is None:
            raise SignalError(NoValue.NO_SERIES, "The series of the indicator are gone or were never there.")
        # The shorter of the two tells of an application that has only just started; one sample tells of no interval.
        spans = ((self._lookback, found["recent"]), (LONG_SECONDS, found["long"]))
        self._scrape_seconds = min((seconds / count[1] for seconds, count in spans if count and count[1] >= 2), default=SUBQUERY_SECONDS)
        return newest[1]

    async def _latest(self, query: Query, now: float) -> Latest:
        newest = await self._freshness(query, now)
        lookback = self.lookback_seconds
        good, total = _split(await self._prometheus.instant(both(query, lookback), now))
        if total is None:
            raise SignalError(NoValue.STALE, f"Fewer than two samples lie in the last {lookback:g} s.")
        return Latest(_count(good), total[-1][1], lookback, newest)

    async def _read_cells(self, query: Query, now: float) -> None:
        """Finished cells since the last success (all of the window at first), and the open one."""
        length = self.ledger.cell_seconds
        last = cell_start(now, length)
        first = max(self.ledger.oldest(now), min(self._read_to, last) - LATE_CELLS * length)
        # A range query evaluated at cell ends: each value tells of the cell before it.
        cells = _cells(await self._prometheus.range(self._counted(query, length), first + length, last, length), length, self._scrape_seconds)
        if (age := now - last) >= OPEN_CELL_SECONDS:
            open_cell = await self._prometheus.instant(self._counted(query, age), now)
            cells += [Cell(last, cell.good, cell.total) for cell in _cells(open_cell, age, self._scrape_seconds)]
        self.ledger = self.ledger.record(cells, now)
        self._read_to = last

    def _counted(self, query: Query, length: float) -> str:
        """Requests of a cell and of the scrape before it: what lies between two cells' samples would belong to neither otherwise."""
        return both(query, length + self._scrape_seconds)


def _counts(series: list[Series]) -> dict[float, dict[str, float]]:
    """Time -> how many series had each `le` label then."""
    found: dict[float, dict[str, float]] = {}
    for one in series:
        for time, count in one.points:
            if le := one.labels.get("le"):
                found.setdefault(time, {})[le] = count
    return found


def _split(series: list[Series]) -> tuple[tuple[tuple[float, float], ...] | None, tuple[tuple[float, float], ...] | None]:
    """Points of good and of total requests; None where there is no series. Raises SignalError when an expression gave several."""
    found: dict[str, tuple[tuple[float, float], ...]] = {}
    for one in series:
        name = one.labels.get("of", "")
        if name in found:
            message = f"The expression of {name} requests gives several series; aggregate it, for example with sum()."
            raise SignalError(NoValue.SEVERAL_SERIES, message)
        found[name] = one.points
    for points in found.values():
        if any(not math.isfinite(value) for _, value in points):
            raise SignalError(NoValue.NOT_A_NUMBER, "The number of requests is NaN or infinite.")
    return found.get("good"), found.get("total")


def _cells(series: list[Series], length: float, scrape_seconds: float) -> list[Cell]:
    good, total = _split(series)
    fast = dict(good or ())
    share = length / (length + scrape_seconds)
    cells = []
    for time, count in total or ():
        # Total without good: none of them was fast. Good above total is extrapolation at the edges, so it is capped.
        requests = share * max(0.0, count)
        cells.append(Cell(time - length, min(share * max(0.0, fast.get(time, 0.0)), requests), requests))
    return cells


def _count(points: tuple[tuple[float, float], ...] | None) -> float:
    return max(0.0, points[-1][1]) if points else 0.0
