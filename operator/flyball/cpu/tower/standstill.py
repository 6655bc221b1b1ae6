"""Standstill: the sudden loss of requests beside throttled workloads is taken for requests that never end. Pure.

A request counts when it ends. Where all workers of a service wait for a throttled one nothing ends, the histogram shows few requests or none, and
none of them slow: to the budget that looks like a calm minute. The policy `budget` asks here before it believes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from flyball.cpu.tower.types import Reading, WorkloadView

RATE_SECONDS = 300.0
"""Requests a second are averaged over this: long beside a look-back, in which the loss must show, short beside the slopes of a day."""

LOST_SHARE = 0.5
"""Fewer than this share of the requests of before is a loss. By day and night a load takes hours to halve, and what is throttled follows it down."""

THROTTLED = 0.6
"""A workload out of quota in more than this share of periods is held up: no target asks for so much (TARGET_MAX)."""


def remembered(rates: Mapping[str, float], readings: Iterable[Reading], elapsed: float) -> dict[str, float]:
    """Requests a second by objective, `elapsed` seconds after they were last brought up to date. What is not read now stays as it was."""
    share = 1.0 - math.exp(-max(0.0, elapsed) / RATE_SECONDS)
    after = dict(rates)
    for reading in readings:
        if reading.usable and reading.seconds > 0:
            rate, name = reading.total / reading.seconds, reading.objective.name
            after[name] = rates[name] + share * (rate - rates[name]) if name in rates else rate
    return after


def due(rates: Mapping[str, float], reading: Reading) -> float:
    """Requests that should have ended in a reading, after those of before; 0 where nothing is known."""
    return rates.get(reading.objective.name, 0.0) * max(0.0, reading.seconds)


def held_up(workloads: Iterable[WorkloadView]) -> WorkloadView | None:
    """The workload that is throttled most, if that is more than any target asks for."""
    most = max(workloads, key=lambda view: view.throttle_ratio if math.isfinite(view.throttle_ratio) else 0.0, default=None)
    return most if most is not None and most.throttle_ratio > THROTTLED else None
