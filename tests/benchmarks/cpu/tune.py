"""Tuning in hindsight: the cheapest parameter of a peer that meets the objective on all seeds of a cell.

One parameter: bisection, which takes cost and safety to move one way with it; first on a short run, then around what that found on the whole. Two:
coordinate search on the ladder of Autothrottle's targets. `meets` and `cost` run the simulator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Values of a parameter, from the safest to the cheapest that is tried; either may be the larger."""

    safe: float
    cheap: float
    step: float = 0.01

    @property
    def steps(self) -> int:
        return round(abs(self.cheap - self.safe) / self.step)

    def value(self, step: int) -> float:
        return round(self.safe + math.copysign(self.step, self.cheap - self.safe) * step, 4)

    def place(self, value: float) -> int:
        return round(abs(value - self.safe) / self.step)


def cheapest(meets: Callable[[float], bool], span: Span, near: float | None = None) -> float | None:
    """The value nearest to the cheap end that meets the objective, to one step; None when even the safe end does not.

    `near`: where to begin. From there it goes by doubled steps towards whichever end is called for, so that a good guess costs two looks.
    """
    start = span.steps // 2 if near is None else min(span.steps, max(0, span.place(near)))
    low, high = -1, span.steps + 1  # low meets, or lies before the safe end; high does not, or lies beyond the cheap end
    reach = 1
    if meets(span.value(start)):
        low = start
        while low < span.steps and (near is not None) and meets(span.value(min(span.steps, low + reach))):
            low, reach = min(span.steps, low + reach), 2 * reach
        if near is not None:
            high = min(high, low + reach)
    else:
        high = start
        while near is not None and high > 0 and not meets(span.value(max(0, high - reach))):
            high, reach = max(0, high - reach), 2 * reach
        if near is not None and high > 0:
            low = max(0, high - reach)
    while high - low > 1:
        middle = (low + high) // 2
        if meets(span.value(middle)):
            low = middle
        else:
            high = middle
    return span.value(low) if low >= 0 else None


def coordinate(cost: Callable[[float, float], float], ladder: Sequence[float], start: tuple[int, int] = (0, 0)) -> tuple[float, float] | None:
    """The pair of targets that one cannot improve by moving either along the ladder. `cost` is infinite where the objective is missed.

    Each coordinate climbs from where it stands for as long as that pays, first up, then down; the two take turns until neither moves.
    """
    kept: dict[tuple[int, int], float] = {}

    def at(place: tuple[int, int]) -> float:
        if not all(0 <= rung < len(ladder) for rung in place):
            return math.inf
        if place not in kept:
            kept[place] = cost(ladder[place[0]], ladder[place[1]])
        return kept[place]

    best = start
    moved = True
    while moved:
        moved = False
        for axis in (1, 0):
            for direction in (1, -1):
                while True:
                    step = (best[0], best[1] + direction) if axis else (best[0] + direction, best[1])
                    if not at(step) < at(best):
                        break
                    best, moved = step, True
    return (ladder[best[0]], ladder[best[1]]) if math.isfinite(at(best)) else None
