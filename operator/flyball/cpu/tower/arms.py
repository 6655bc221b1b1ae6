"""What the policy `bandit` has seen: slow and allowed requests by load and step of its ladder, discounted with time. Pure, small, serialisable."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

HALF_LIFE_SECONDS = 3600.0
"""A release, a node, a mix that changes: after an hour what was seen counts half."""

CELLS_AN_OCTAVE = 2
"""Loads are told apart by steps of 41 %. A guess, as are the width of the kernel and the half-life."""

LOAD_WIDTH = 1.0
"""Width of the kernel over loads, in such steps."""

DOUBTED = 0.05
"""An hour of evidence then weighs as three minutes, so that the surge itself, a minute or two, weighs against it."""

FORGOTTEN = 0.05
"""Allowed slow requests below which a cell says nothing."""

CELLS_MOST = 200
"""Of a checkpoint: about 8 kB."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Slow requests, and how many an objective would have allowed of as many."""

    slow: float = 0.0
    allowed: float = 0.0


@dataclass(frozen=True, slots=True)
class Arms:
    """Tallies by (load cell, step), and since when the step in force stands (Unix time; 0: not known)."""

    seen: Mapping[tuple[int, int], Tally] = field(default_factory=dict)
    since: float = 0.0

    def near(self, step: int, load: float) -> Tally:
        """What was seen of a step at loads like this, nearer ones counting more."""
        here = _exact(load)
        slow = allowed = 0.0
        for (cell, its), tally in self.seen.items():
            if its == step:
                weight = math.exp(-0.5 * ((cell - here) / LOAD_WIDTH) ** 2)
                slow, allowed = slow + weight * tally.slow, allowed + weight * tally.allowed
        return Tally(slow, allowed)

    def noted(self, step: int, load: float, slow: float, allowed: float) -> Arms:
        """With this added."""
        key = (round(_exact(load)), step)
        before = self.seen.get(key, Tally())
        return replace(self, seen={**self.seen, key: Tally(before.slow + slow, before.allowed + allowed)})

    def forgotten(self, elapsed: float) -> Arms:
        """After so many seconds."""
        share = 0.5 ** (max(0.0, elapsed) / HALF_LIFE_SECONDS)
        kept = {key: Tally(share * its.slow, share * its.allowed) for key, its in self.seen.items() if share * its.allowed >= FORGOTTEN}
        if len(kept) > CELLS_MOST:
            kept = dict(sorted(kept.items(), key=lambda item: -item[1].allowed)[:CELLS_MOST])
        return replace(self, seen=kept)

    def doubted(self) -> Arms:
        """After a surge: what was seen before it counts little, for whatever brought it was not in it."""
        return replace(self, seen={key: Tally(DOUBTED * its.slow, DOUBTED * its.allowed) for key, its in self.seen.items()})

    def to_json(self) -> dict[str, Any]:
        rows = [[*key, round(its.slow, 3), round(its.allowed, 3)] for key, its in self.seen.items()]
        return {"since": self.since, "seen": rows}

    @classmethod
    def from_json(cls, stored: Any) -> Arms:
        """Raises KeyError, TypeError or ValueError where `stored` is no such object."""
        seen = {(int(cell), int(step)): Tally(float(slow), float(allowed)) for cell, step, slow, allowed in stored["seen"]}
        numbers = [value for its in seen.values() for value in (its.slow, its.allowed)]
        since = float(stored["since"])
        if not all(math.isfinite(value) and value >= 0 for value in (*numbers, since)):
            raise ValueError("tallies must be finite and not negative")
        return cls(seen, since)


def _exact(load: float) -> float:
    return CELLS_AN_OCTAVE * math.log2(max(load, 1e-3))
