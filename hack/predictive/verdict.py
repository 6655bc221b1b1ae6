"""What came when: for each further replica, when the load needed it, when it was asked for, when it was Ready, and what following the demand of
now would have done. Pure: looks and pattern in, figures and a table out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hack.predictive.pattern import Pattern


@dataclass(frozen=True, slots=True)
class Look:
    """How things stood at a time."""

    time: float
    asked: int
    """Replicas in the Deployment's spec."""
    ready: int
    reactive: int | None = None
    """What the demand of now needs, as the object's status has it."""
    proactive: int | None = None
    served: float | None = None
    forecast: str = ""
    """Reason of the condition ForecastUsable."""
    why: str = ""
    """Reason of the condition Scaling."""
    ready_after: int | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One further replica. Times are seconds since the load began to rise; NaN: it did not happen."""

    number: int
    needed: float
    asked: float
    ready: float
    reactive_ready: float
    """When it would have been Ready had it been asked for only when the demand of now needed it: as long in starting as it really was."""


def arrivals(looks: Sequence[Look], pattern: Pattern, capacity: float) -> list[Arrival]:
    """The replicas that the rise needs beyond those of before."""
    before = math.ceil(pattern.low / capacity - 1e-9)
    after = math.ceil(pattern.high / capacity - 1e-9)
    return [_arrival(looks, pattern, capacity, number) for number in range(before + 1, after + 1)]


def _arrival(looks: Sequence[Look], pattern: Pattern, capacity: float, number: int) -> Arrival:
    asked = _first(looks, pattern, lambda look: look.asked >= number)
    ready = _first(looks, pattern, lambda look: look.ready >= number)
    reactive = _first(looks, pattern, lambda look: (look.reactive or 0) >= number)
    return Arrival(number, pattern.reached((number - 1) * capacity) - pattern.rise, asked, ready, reactive + (ready - asked))


def _first(looks: Sequence[Look], pattern: Pattern, holds: Callable[[Look], bool]) -> float:
    return next((look.time - pattern.rise for look in looks if holds(look)), math.nan)


def short_seconds(looks: Sequence[Look], pattern: Pattern, capacity: float) -> float:
    """Time in which ready replicas carried less than the load."""
    return sum(after.time - look.time for look, after in itertools.pairwise(looks) if look.ready * capacity < pattern.at(look.time))


def late_seconds(found: Sequence[Arrival]) -> float:
    """Time in which at least one replica would not have been Ready yet, by the demand of now; replicas never asked for are left out."""
    end, total = -math.inf, 0.0
    for its in sorted(found, key=lambda arrival: arrival.needed):
        if its.reactive_ready > max(its.needed, end):
            total += its.reactive_ready - max(its.needed, end)
            end = its.reactive_ready
    return total


def turns(values: Sequence[float], least: float) -> int:
    """How often a series turns back by `least` or more; smaller moves are no turn."""
    count, direction, extreme = 0, 0, values[0] if values else 0.0
    for value in values:
        if abs(value - extreme) >= least and (value > extreme) is not (direction > 0):
            count, direction, extreme = count + (direction != 0), 1 if value > extreme else -1, value
        elif (value - extreme) * direction > 0:
            extreme = value
    return count


def table(found: Sequence[Arrival]) -> str:
    """The arrivals for people; times count from the beginning of the rise."""
    header = ("REPLICA", "NEEDED AT", "ASKED FOR", "READY", "", "BY THE DEMAND OF NOW", "")
    rows = [header]
    for its in found:
        ahead, late = its.needed - its.ready, its.needed - its.reactive_ready
        rows.append((str(its.number), clock(its.needed), clock(its.asked), clock(its.ready), margin(ahead), clock(its.reactive_ready), margin(late)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def clock(seconds: float) -> str:
    """Minutes and seconds with a sign; - where it did not happen."""
    if not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(abs(round(seconds)), 60)
    return f"{'-' if seconds < 0 else '+'}{minutes}:{rest:02d}"


def margin(seconds: float) -> str:
    """How long before or after it was needed."""
    if not math.isfinite(seconds):
        return ""
    return f"{abs(seconds):.0f} s {'before' if seconds >= 0 else 'LATE'}"
