"""Reads one objective: the bucket that serves its threshold, its cells, its latest reading."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from flyball.cpu.tower import Reading
from flyball.signals.answers import NoValue, Series, SignalError, single
from flyball.signals.indicators import Histogram, Query, both, bounds, resolve
from flyball.signals.prometheus import Prometheus
from flyball.slo import Cell, Ledger, Objective, cell_start

REDISCOVER_SECONDS = 600.0
"""Bucket bounds change only with a new version of the application."""

LATE_CELLS = 2
"""Finished cells that are read again each time: the scrape that completes them may come a moment after their end."""

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
    """Reads one objective. Keeps the ledger of its cells and the bucket bounds; holds nothing else."""

    def __init__(self, prometheus: Prometheus, objective: Objective, source: Histogram | Callable[[], Query], lookback_seconds: float) -> None:
        self._prometheus = prometheus
        self._source = source
        self._lookback = lookback_seconds
        self._query: Query | None = None
        self._resolved_at = -math.inf
        self.ledger = Ledger(objective)

    @property
    def query(self) -> Query | None:
        """The counters in use, once they are known."""
        return self._query

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
                series = await self._prometheus.instant(bounds(self._source), now)
                les = [labels for one in series if (labels := one.labels.get("le"))]
                self._query = resolve(self._source, self.ledger.objective.threshold_seconds, les)
            else:
                self._query = self._source()
            self._resolved_at = now
        return self._query

    async def _latest(self, query: Query, now: float) -> Latest:
        newest = single(await self._prometheus.instant(query.newest, now), "the time of the newest sample")
        if newest is None:
            raise SignalError(NoValue.NO_SERIES, "The series of the indicator are gone or were never there.")
        good, total = _split(await self._prometheus.instant(both(query, self._lookback), now))
        if total is None:
            raise SignalError(NoValue.STALE, f"Fewer than two samples lie in the last {self._lookback:g} s.")
        return Latest(_count(good), total[-1][1], self._lookback, newest[1])

    async def _read_cells(self, query: Query, now: float) -> None:
        length = self.ledger.cell_seconds
        last = cell_start(now, length)
        missing = self.ledger.missing(now)
        first = min([*missing, last - LATE_CELLS * length])
        # A range query evaluated at cell ends: each value is the increase over the cell before it.
        series = await self._prometheus.range(both(query, length), first + length, last, length)
        cells = _cells(series, length)
        if (age := now - last) >= OPEN_CELL_SECONDS:
            cells += [Cell(last, cell.good, cell.total) for cell in _cells(await self._prometheus.instant(both(query, age), now), age)]
        self.ledger = self.ledger.record(cells, now)


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


def _cells(series: list[Series], length: float) -> list[Cell]:
    good, total = _split(series)
    fast = dict(good or ())
    # Total without good: none of them was fast. Good above total is extrapolation at the edges: both are rounded alike, so it is capped.
    return [Cell(time - length, min(max(0.0, fast.get(time, 0.0)), count), count) for time, count in total or () if count >= 0]


def _count(points: tuple[tuple[float, float], ...] | None) -> float:
    return max(0.0, points[-1][1]) if points else 0.0
