"""Tuning in hindsight: the cheapest parameter of a peer that meets the objective on all seeds of a cell.

One parameter: bisection to .01, which takes cost and safety to move one way with it. Two: coordinate search on the ladder of Autothrottle's targets.
`meets` and `cost` run the simulator; what has been run is not run again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

STEP = 0.01


def safest_first(meets: Callable[[float], bool], safe: float, cheap: float) -> float | None:
    """The parameter nearest to `cheap` that meets the objective, to one step; None when even `safe` does not. Either end may be the larger."""
    sign = 1 if cheap > safe else -1
    steps = round(abs(cheap - safe) / STEP)

    def value(step: int) -> float:
        return round(safe + sign * step * STEP, 4)

    if not meets(value(0)):
        return None
    low, high = 0, steps + 1  # low meets; high does not, or lies beyond the end
    while high - low > 1:
        middle = (low + high) // 2
        if meets(value(middle)):
            low = middle
        else:
            high = middle
    return value(low)


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
