"""Cost at a given share of misses: the lower convex hull of a policy's points, read at 0.2, 1 and 2 %. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEVELS = (0.002, 0.01, 0.02)
"""Shares of under-provisioned minutes."""


def lower_hull(x: Array, y: Array) -> tuple[Array, Array]:
    """Corners of the lower hull from the leftmost point to the lowest; beyond the lowest nothing gets cheaper."""
    order = np.lexsort((y, x))
    corners: list[tuple[float, float]] = []
    for place in order:
        point = (float(x[place]), float(y[place]))
        if corners and (point[1] >= corners[-1][1]):
            continue
        while len(corners) >= 2 and _turn(corners[-2], corners[-1], point) <= 0:
            corners.pop()
        corners.append(point)
    return np.array([one for one, _ in corners]), np.array([one for _, one in corners])


def _turn(first: tuple[float, float], second: tuple[float, float], third: tuple[float, float]) -> float:
    return (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])


def cost_at(x: Array, y: Array, level: float) -> float:
    """Cost y at the share x = level of misses; NaN when no point reaches it."""
    across, up = lower_hull(x, y)
    return float(np.interp(level, across, up)) if across[0] <= level else float("nan")
