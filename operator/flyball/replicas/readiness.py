"""How long a replica takes to be ready, learned from the pods' own history: from creation to Ready, image pulls and scheduling included.

Fed by the controller from watched pods; the plan asks the forecast for the demand at this distance. Pods that still start count as soon as they
have taken longer than what was known: an image that does not come must lengthen the lead while it does not come.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

QUANTILE = 0.9
"""One start in ten may be slower: those are mostly pulls on new nodes, which scaling out brings about, so that a median would be too short."""
STARTS = 50
"""Starts remembered: a few scalings of a middling workload, so that a new image or node type shows within a day."""
DEFAULT_SECONDS = 120.0
"""Before any start was seen: a pull of some hundred megabytes and a start of a minute."""
LONGEST_SECONDS = 1800.0
"""A start of more than half an hour is a fault (no node, no image), not a start-up time."""
FEW = 5
"""Fewer starts than these: the slowest counts."""


@dataclass(frozen=True, slots=True)
class Start:
    """One pod's start."""

    created: float
    """Unix seconds."""
    ready: float | None
    """When it became ready for the first time; None: it still starts."""


@dataclass(frozen=True, slots=True)
class ReadyAfter:
    """The lead that forecasts need."""

    seconds: float
    starts: int
    """Starts it was learned from; 0: the default."""


def ready_after(starts: Iterable[Start], now: float) -> ReadyAfter:
    """The lead learned from these starts, the newest STARTS of them."""
    newest = sorted(starts, key=lambda start: start.created)[-STARTS:]
    took = sorted(start.ready - start.created for start in newest if start.ready is not None and 0 < start.ready - start.created <= LONGEST_SECONDS)
    seconds = _quantile(took) if took else DEFAULT_SECONDS
    waiting = [now - start.created for start in newest if start.ready is None and seconds < now - start.created <= LONGEST_SECONDS]
    if waiting:
        # They will take at least this long; as starts they count with what is known of them.
        seconds = max(seconds, _quantile(sorted([*took, *waiting])))
    return ReadyAfter(seconds, len(took))


def _quantile(took: list[float]) -> float:
    if len(took) < FEW:
        return took[-1]
    return took[min(len(took) - 1, math.ceil(QUANTILE * len(took)) - 1)]
