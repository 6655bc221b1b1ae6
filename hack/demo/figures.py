"""Arithmetic on what was measured. Pure: requests in, figures out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hack.demo.records import Request

MINUTE = 60.0


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank); NaN of none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Bin:
    """The requests that were sent within a stretch of time."""

    start: float
    seconds: float
    requests: int
    slow: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def bins(requests: Sequence[Request], start: float, end: float, seconds: float, objective_seconds: float) -> list[Bin]:
    """Requests by the time at which they were sent, in stretches from `start`; an incomplete last one is left out."""
    count = int((end - start) / seconds + 1e-9)
    held: list[list[Request]] = [[] for _ in range(count)]
    for request in requests:
        index = math.floor((request.start - start) / seconds)
        if 0 <= index < count:
            held[index].append(request)
    return [
        Bin(
            start=start + index * seconds,
            seconds=seconds,
            requests=len(those),
            slow=sum(request.slow(objective_seconds) for request in those),
            p50=quantile((request.seconds for request in those), 0.5),
            p99=quantile((request.seconds for request in those), 0.99),
        )
        for index, those in enumerate(held)
    ]


@dataclass(frozen=True, slots=True)
class Cores:
    """Mean cores of a phase, by the agents' counters; NaN where nothing was counted."""

    granted: float
    allocated: float
    used: float

    @property
    def saved_percent(self) -> float:
        return 100 * (1 - self.allocated / self.granted) if self.granted > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Figures:
    """One phase of the demo in numbers, from the requests' own records and the agents' counters."""

    minutes: float
    minutes_violated: int
    """Minutes whose own p99 was later than the objective."""
    slow_share: float
    p99_seconds: float
    requests: int
    errors: int
    cores: Cores

    def as_json(self) -> dict[str, object]:
        return {
            "minutes": _number(self.minutes, 2),
            "minutes_violated": self.minutes_violated,
            "slow_share": _number(self.slow_share, 5),
            "p99_seconds": _number(self.p99_seconds, 4),
            "cores_granted": _number(self.cores.granted, 3),
            "cores_allocated_mean": _number(self.cores.allocated, 3),
            "cores_used_mean": _number(self.cores.used, 3),
            "saved_percent": _number(self.cores.saved_percent, 1),
            "requests": self.requests,
            "errors": self.errors,
        }


def figures(requests: Sequence[Request], start: float, end: float, objective_seconds: float, cores: Cores) -> Figures:
    """The figures of the phase from `start` to `end` (Unix seconds): all requests sent in it, whenever they ended."""
    sent = [request for request in requests if start <= request.start < end]
    slow = sum(request.slow(objective_seconds) for request in sent)
    return Figures(
        minutes=(end - start) / MINUTE,
        minutes_violated=sum(minute.p99 > objective_seconds for minute in bins(sent, start, end, MINUTE, objective_seconds)),
        slow_share=slow / len(sent) if sent else math.nan,
        p99_seconds=quantile((request.seconds for request in sent), 0.99),
        requests=len(sent),
        errors=sum(not request.ok for request in sent),
        cores=cores,
    )


def summary(objective_seconds: float, enforce: Figures, observe: Figures, decisions: Sequence[object]) -> dict[str, object]:
    """build/demo/summary.json: the figures of Enforce, and those of Observe below `observe`."""
    return {"objective_seconds": objective_seconds, **enforce.as_json(), "decisions": list(decisions), "observe": observe.as_json()}


def _number(value: float, digits: int) -> float | None:
    """JSON knows no NaN: what was not measured is null."""
    return round(value, digits) if math.isfinite(value) else None
