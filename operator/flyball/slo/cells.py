"""Cells: the pieces of time in which good and total requests are counted.

Counts add up over time and over pods, which percentiles do not; a cell is small enough that the window's edge moves in small steps, and large
enough that a month is a few hundred numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SMALLEST_SECONDS = 60.0
"""A minute: what people mean by "a minute above the threshold", and four scrapes at Prometheus' usual 15 s."""

CELLS_PER_WINDOW = 360
"""A window of 30 days has cells of 2 hours; 360 numbers a window bound memory and the read-back."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Requests that ended between `start` (Unix seconds, a multiple of the cell's length) and the next cell."""

    start: float
    good: float
    total: float

    @property
    def slow(self) -> float:
        return max(0.0, self.total - self.good)


def cell_seconds(window_seconds: float) -> float:
    """Length of a cell in seconds: a 360th of the window, a minute at least, and whole minutes so that cells meet the minutes of the clock."""
    return SMALLEST_SECONDS * math.ceil(max(SMALLEST_SECONDS, window_seconds / CELLS_PER_WINDOW) / SMALLEST_SECONDS)


def cell_start(time: float, seconds: float) -> float:
    """Start of the cell that holds `time`."""
    return math.floor(time / seconds) * seconds


def valid(cell: Cell) -> bool:
    """Whether a cell's counts can be counts: finite, not negative."""
    return math.isfinite(cell.good) and math.isfinite(cell.total) and cell.good >= 0 and cell.total >= 0
