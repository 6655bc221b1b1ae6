"""The accounts of a run: cores by minute and second, and the latency of each minute's requests."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flyball.sim.arrivals import Arrivals
from flyball.sim.plant import Plant
from flyball.sim.policy import Floats
from flyball.sim.requests import Requests
from flyball.sim.result import Minutes, Seconds
from flyball.sim.spec import Application
from flyball.sim.tables import PERIOD

MINUTE = 60
REVERSAL_SHARE = 0.01


class Account:
    """Sums up as the run goes. The totals are cumulative, as a node agent would export them."""

    def __init__(self, application: Application, plant: Plant, arrivals: Arrivals, *, keep_seconds: bool) -> None:
        count, seconds = len(plant.grant), arrivals.seconds
        self._application, self._arrivals = application, arrivals
        self._service, self._services = plant.service, len(application.services)
        self._node_cores = np.array([node.cores for node in application.nodes], np.float64)
        place = {node.name: number for number, node in enumerate(application.nodes)}
        self._node = np.array([place[name] for name in plant.node_names])
        self.usage: Floats = np.zeros(count)
        self.quota_seconds: Floats = np.zeros(count)
        self.throttled: Floats = np.zeros(count)
        self.active_seconds: Floats = np.zeros(count)
        self._minute_start = np.zeros((3, self._services))
        self._by_minute: list[Floats] = []
        self._throttled_share: list[float] = []
        self._wall_start = (0.0, 0.0)
        self._second = 0
        self._elapsed = 0.0
        self._node_use: list[float] = []
        self._node_p99: list[float] = []
        self._total_quota: list[float] = []
        self._reversals: list[int] = []
        rows = seconds if keep_seconds else 0
        self._kept: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]] = (
            np.zeros((rows, count), np.float32),
            np.zeros((rows, count), np.float32),
            np.zeros((rows, count), np.uint8),
            np.zeros((rows, count), np.uint8),
        )
        self._at_second = np.zeros((4, count))

    def tick(self, plant: Plant, elapsed: float) -> None:
        """After the engine has run for `elapsed` under the quotas now in force."""
        active = plant.active
        self.quota_seconds += np.where(active, plant.quota, 0.0) * elapsed
        self.active_seconds += active * elapsed
        self._elapsed += elapsed
        if self._elapsed < 1.0 - 1e-9:
            return
        self._elapsed = 0.0
        self.usage = plant.usage
        self.throttled = np.minimum((plant.throttled + plant.throttled_by_pod).astype(np.float64), self.active_seconds / PERIOD)
        now = np.stack([self.usage, self.quota_seconds, self.throttled, plant.periods.astype(np.float64)])
        rise = now - self._at_second
        self._at_second = now
        if len(self._kept[0]):
            for place, values in enumerate(rise):
                self._kept[place][self._second] = values
        self._node_use.append(float(np.max(np.bincount(self._node, weights=rise[0], minlength=len(self._node_cores)) / self._node_cores)))
        self._total_quota.append(float(np.sum(rise[1])))
        self._second += 1
        if self._second % MINUTE == 0:
            self._close_minute()

    def _close_minute(self) -> None:
        totals = np.stack([np.bincount(self._service, weights=values, minlength=self._services) for values in (self.usage, self.quota_seconds)])
        self._by_minute.append((totals - self._minute_start[:2]) / MINUTE)
        self._minute_start[:2] = totals
        throttled, wall = float(self.throttled.sum()), float(self.active_seconds.sum()) / PERIOD
        self._throttled_share.append((throttled - self._wall_start[0]) / max(1e-9, wall - self._wall_start[1]))
        self._wall_start = (throttled, wall)
        self._node_p99.append(float(np.quantile(self._node_use, 0.99)))
        self._node_use.clear()
        self._reversals.append(reversals(self._total_quota, REVERSAL_SHARE))
        del self._total_quota[:-1]

    def minutes(self, requests: Requests, arrived: int, last_chunk: Floats) -> Minutes:
        """The rows of all whole minutes, of the first `arrived` requests."""
        count = len(self._by_minute)
        ends = np.cumsum(self._arrivals.counts)
        rows = []
        for minute in range(count):
            first = int(ends[minute * MINUTE - 1]) if minute else 0
            end = int(ends[(minute + 1) * MINUTE - 1])
            values, limit = requests.latency[first:end], requests.limit(first, end)
            unfinished = np.isnan(values)
            slow = int(np.count_nonzero(values > limit))
            if unfinished.any():
                # A chunk of arrivals is a minute: those of the last are at hand, the unfinished of earlier minutes are older than any objective.
                age = np.full(len(values), math.inf)
                if end == arrived and len(last_chunk) == len(values):
                    age = self._arrivals.seconds - last_chunk
                slow += int(np.count_nonzero(unfinished & (age > limit)))
                values = np.where(unfinished, np.where(age > limit, math.inf, age), values)
            ordered = np.sort(values)
            rows.append((len(values), slow, _quantile(ordered, 0.5), _quantile(ordered, 0.99), _quantile(ordered, 1.0)))
        total, slow_counts, p50, p99, worst = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 5
        cores = np.array(self._by_minute).reshape(count, 2, self._services).sum(axis=2)
        return Minutes(
            total.astype(np.int64), slow_counts.astype(np.int64), p50, p99, worst, cores[:, 1], cores[:, 0], np.array(self._throttled_share),
            np.array(self._node_p99), np.array(self._reversals, np.int64),
        )  # fmt: skip

    def seconds(self) -> Seconds:
        return Seconds(*self._kept)

    def by_service(self, from_minute: int, *, used: bool) -> Floats:
        """Mean cores by service, from a minute on."""
        rows = np.array(self._by_minute[from_minute:])
        return rows[:, 0 if used else 1].mean(axis=0) if len(rows) else np.zeros(self._services)


def _quantile(ordered: NDArray[np.float32], share: float) -> float:
    """The smallest value that a share of all does not exceed."""
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)]) if len(ordered) else math.nan


def reversals(values: list[float], share: float) -> int:
    """Changes of direction of a series, legs shorter than `share` of the value not counted."""
    count = direction = 0
    turn = values[0]
    for value in values[1:]:
        move = value - turn
        if direction * move > 0 or (direction == 0 and abs(move) < share * turn):
            turn = value if direction else turn
        elif abs(move) >= share * turn:
            count += direction != 0
            direction = 1 if move > 0 else -1
            turn = value
    return count
