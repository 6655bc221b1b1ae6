"""Tuning in hindsight: the cheapest parameter of a peer that meets the objective on all seeds of a cell.

One parameter: bisection, which takes cost and safety to move one way with it; first on a short run, then around what that found on the whole. Two:
along the border of what meets, on the ladder of Autothrottle's targets. `meets` and `cost` run the simulator.
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


def staircase(cost: Callable[[float, float], float], ladder: Sequence[float]) -> tuple[float, float] | None:
    """The cheapest pair of targets on the ladder; None where none meets the objective. `cost` is infinite where the objective is missed.

    Takes safety to fall and cost to fall as either target rises: then the cheapest lies where, for its first target, the second cannot rise. For the
    lowest first target the second comes down from the top until it meets; for each higher first one it goes on down from there. So many looks as
    the ladder has rungs, twice, at most; a descent that moves one target at a time ends at the first such corner that it meets.
    """
    found: list[tuple[float, float, float]] = []
    second = len(ladder) - 1
    for first in ladder:
        while second >= 0 and math.isinf(cores := cost(first, ladder[second])):
            second -= 1
        if second < 0:
            break
        found.append((cores, first, ladder[second]))
    return min(found)[1:] if found else None
