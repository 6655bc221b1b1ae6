"""Metrics of one LatencySLO: budgets, targets, what is saved. A series says what is so now; what is not known has none, or is NaN."""

from __future__ import annotations

import contextlib
import math

from flyball.controllers.latencyslo.signals import Seen
from flyball.cpu.tower import Decision, Reading
from flyball.runtime.metrics import Metrics

Key = tuple[str, str]


class Exporter:
    """Sets the series, and takes away those of what is no more."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._exported: dict[Key, tuple[frozenset[str], frozenset[str]]] = {}
        """Objectives and groups that have series."""

    def export(self, key: Key, seen: Seen, decision: Decision, saved_percent: int | None) -> None:
        """What a look has found."""
        metrics = self._metrics
        for reading in seen.readings:
            self._objective((*key, reading.objective.name), reading)
        exported = frozenset(reading.objective.name for reading in seen.readings), frozenset(decision.targets)
        if exported != self._exported.get(key):
            metrics.keep(*key, objectives=exported[0], groups=exported[1])
            self._exported[key] = exported
        for group, target in decision.targets.items():
            metrics.target.labels(*key, group).set(target)
        metrics.decisions.labels(*key, decision.reason.value).inc()
        if saved_percent is None:
            with contextlib.suppress(KeyError):  # there may have been none
                metrics.saved.remove(*key)
        else:
            metrics.saved.labels(*key).set(saved_percent / 100)

    def rest(self, key: Key) -> None:
        """Nothing is read of the object and nothing decided: an old value would look like one of now. What it decided is counted still."""
        self._exported.pop(key, None)
        self._metrics.rest(*key)

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._exported.pop(key, None)
        self._metrics.drop(*key)

    def _objective(self, labels: tuple[str, str, str], reading: Reading) -> None:
        metrics, budget = self._metrics, reading.budget
        metrics.budget_left.labels(*labels).set(budget.left)
        metrics.slow_ratio.labels(*labels).set(budget.slow_share)
        metrics.minutes_above.labels(*labels).set(budget.minutes_above)
        metrics.requests.labels(*labels).set(budget.requests)
        metrics.burn_rate.labels(*labels).set(burn_rate(reading))


def burn_rate(reading: Reading) -> float:
    """Slow share of the latest reading over the allowed share: 0 without requests, NaN where it is not known."""
    if not reading.usable:
        return math.nan
    return reading.slow / reading.total / reading.objective.allowed_share if reading.total > 0 else 0.0
