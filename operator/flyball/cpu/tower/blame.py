"""Blame: which slow requests the quotas may have caused. Those that they cannot have caused are not charged where pressure is chosen. Pure.

A budget counts every slow request, as users do. Steered by that count alone, a database that is slow for twenty minutes is paid for with cores for as
long as those minutes lie in the window: everything is given back, and it cures nothing. The tower therefore keeps a ledger of what was in force
beside the budget's:

- **free** time, in which everything was at its grant: what is slow then has another cause. It begins only when the backlog of what was held back
  before is worked off: after as long as the surge had lasted until everything was given back, and a minute at least.
- a **cause elsewhere**: requests that are slow at the grants too, after that. As large a share of the requests since the last calm reading is
  excused as well, and no more: what was slow beyond it remains the quotas' doing.

Once a cause elsewhere is known, pressure goes back to where it was: when requests are as they should be again, or else after STAY_SECONDS. In the
latter case the share is taken off the readings for as long as it lasts, pressure does not rise on what they then say, and after TRUST_SECONDS the
cause has to show itself at the grants once more. A loss of requests (`standstill`) excuses nothing: they may wait for what was held back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flyball.slo import Budget, Cell, Objective, summary

DRAIN_SECONDS, DRAIN_MOST = 60.0, 120.0
"""A grant is about twice what is used at most, so that what piled up in a time drains in no longer; the least is a look-back of the usual length."""

STAY_SECONDS = 300.0
"""At the grants before pressure goes back beside requests that are still slow: what no quota caused may leave a backlog too, and a cause that ends
soon leaves no doubt."""

TRUST_SECONDS = 900.0
"""How long a share of slow requests is taken for a cause elsewhere: a quarter of an hour, of which the proof takes a third at most. Ours."""

OVER_SHARE = 0.5
"""Fewer than this share of the slow requests that a cause brought is no longer that cause."""

SPANS_MOST = 20
"""Kept of each kind; the oldest go first, and what they excused is charged again. Bounds the checkpoint to about 2 kB an objective."""


@dataclass(frozen=True, slots=True)
class Span:
    """Time (Unix seconds) in which this share of the requests may be slow without being charged."""

    start: float
    end: float
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Blame:
    """The ledger of what was in force, and what follows from it."""

    calm: Mapping[str, float] = field(default_factory=dict)
    """Objective -> Unix time up to which its requests were as they should be."""
    free: tuple[Span, ...] = ()
    """Nothing was held back, and what had been was worked off."""
    excused: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    """Objective -> when a cause elsewhere was at work beside quotas."""
    released: float = 0.0
    """Since when everything is at its grant; 0: it is not."""
    resume: float = 0.0
    """Pressure before that."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Objective -> requests a second before that."""
    proven: float = 0.0
    """Since when a cause elsewhere is known to be at work in this release; 0: it is not."""
    cause: Mapping[str, float] = field(default_factory=dict)
    """Objective -> share of requests that a cause elsewhere makes slow, while there are quotas beside it."""
    cause_until: float = 0.0

    def drained(self) -> float:
        """From when on a release holds nothing of what was before it."""
        surge = self.released - min(self.calm.values(), default=self.released)
        return self.released + min(DRAIN_MOST, max(DRAIN_SECONDS, surge))

    def charged(self, objective: Objective, budget: Budget, now: float, known_to: float) -> Budget:
        """The budget with nothing in it that the quotas cannot have caused. `known_to`: Unix time up to which requests have been counted."""
        spans = self.excused.get(objective.name, ())
        if not budget.cells or not (self.free or spans):
            return budget
        length = budget.cell_seconds
        return summary(objective, [_charged(cell, length, known_to, self.free, spans) for cell in budget.cells], now, length)

    def pruned(self, oldest: float) -> Blame:
        """Without what lies before `oldest`."""
        excused = {name: kept for name, spans in self.excused.items() if (kept := _kept(spans, oldest))}
        return replace(self, free=_kept(self.free, oldest), excused=excused)

    def to_json(self) -> dict[str, Any]:
        return {
            "calm": {name: round(time, 1) for name, time in self.calm.items()},
            "free": [[round(span.start, 1), round(span.end, 1)] for span in self.free],
            "excused": {
                name: [[round(span.start, 1), round(span.end, 1), round(span.share, 4)] for span in spans] for name, spans in self.excused.items()
            },
            "released": self.released,
            "resume": self.resume,
            "rates": dict(self.rates),
            "proven": self.proven,
            "cause": dict(self.cause),
            "causeUntil": self.cause_until,
        }

    @classmethod
    def from_json(cls, stored: Any) -> Blame:
        """Raises AttributeError, KeyError, TypeError or ValueError where `stored` is no such object."""
        calm, rates, cause = ({str(name): float(value) for name, value in stored[key].items()} for key in ("calm", "rates", "cause"))
        free = tuple(Span(float(start), float(end)) for start, end in stored["free"])
        excused = {str(name): tuple(Span(*map(float, row)) for row in rows) for name, rows in stored["excused"].items()}
        released, resume, proven, until = (float(stored[key]) for key in ("released", "resume", "proven", "causeUntil"))
        spans = [*free, *(span for rows in excused.values() for span in rows)]
        numbers = [released, resume, proven, until, *calm.values(), *rates.values(), *cause.values()]
        numbers += [value for span in spans for value in (span.start, span.end, span.share)]
        if not all(math.isfinite(value) and value >= 0 for value in numbers):
            raise ValueError("what was in force must be finite and not negative")
        return cls(calm, free, excused, released, min(1.0, resume), rates, proven, cause, until)


def added(spans: Iterable[Span], new: Span) -> tuple[Span, ...]:
    """With one more; what continues the last one, at the same share, lengthens it."""
    kept = tuple(spans)
    if new.end <= new.start:
        return kept
    if kept and kept[-1].share == new.share and kept[-1].start <= new.start <= kept[-1].end:
        return (*kept[:-1], replace(kept[-1], end=max(kept[-1].end, new.end)))
    return (*kept, new)[-SPANS_MOST:]


def _charged(cell: Cell, length: float, known_to: float, free: Iterable[Span], spans: Iterable[Span]) -> Cell:
    """As if what is excused had never come: it grants no budget either, or the minutes after a cause would burn what it left."""
    end = max(cell.start, min(cell.start + length, known_to))
    if any(span.start <= cell.start and end <= span.end for span in free):
        return replace(cell, total=min(cell.good, cell.total))
    share = max((span.share * _overlap(span, cell.start, end) for span in spans), default=0.0)
    return replace(cell, total=cell.total - min(cell.slow, share * cell.total))


def _overlap(span: Span, start: float, end: float) -> float:
    """Share of a cell's time that lies in a span. How requests are spread in it is not known: evenly."""
    return max(0.0, min(span.end, end) - max(span.start, start)) / (end - start) if end > start else 0.0


def _kept(spans: tuple[Span, ...], oldest: float) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.end > oldest)
