"""The error budget of an objective over its rolling window.

99 % within 200 ms over an hour: at most 1 % of the hour's requests may be slow. Unknown cells grant no budget: only requests that were counted
allow slow ones. Source: the practice of site reliability engineering ("The Site Reliability Workbook", chapters 2 and 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from flyball.slo.cells import SMALLEST_SECONDS, Cell, cell_seconds, cell_start, valid
from flyball.slo.pace import pace


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of requests that must be good within a threshold, over a rolling window."""

    name: str
    target: float  # share, above 0, below 1
    threshold_seconds: float
    window_seconds: float
    minutes_above_share: float = 1.0
    """Share of the window's minutes that may have more than the allowed share slow; 1: as many as the budget comes to."""

    def __post_init__(self) -> None:
        if not 0.0 < self.minutes_above_share <= 1.0:
            raise ValueError(f"{self.name}: the share of minutes above lies above 0 and is 1 at most; this is {self.minutes_above_share}")

    @property
    def counts_minutes(self) -> bool:
        """Whether it says how many minutes may lie above."""
        return self.minutes_above_share < 1.0

    @property
    def allowed_share(self) -> float:
        """Share of requests that may be slow."""
        return 1.0 - self.target


@dataclass(frozen=True, slots=True)
class Budget:
    """How an objective stands."""

    requests: float
    slow: float
    allowed: float
    """Slow requests that the known requests of the window allow."""
    minutes_above: float
    """Minutes in cells whose own slow share was above the allowed one."""
    known_share: float
    """Share of the window's time whose cells are known."""
    pace: float = 1.0
    """Burn rate at which to go on, so that no window that ends soon is overdrawn (`slo.pace`)."""
    cells: tuple[Cell, ...] = ()
    """What it was summed from, for those who may not charge all of it; each of `cell_seconds`."""
    cell_seconds: float = SMALLEST_SECONDS

    @property
    def left(self) -> float:
        """Share of the allowed slow requests that is left; negative when overdrawn, 1 with no requests yet."""
        return 1.0 - self.slow / self.allowed if self.allowed > 0 else 1.0

    @property
    def slow_share(self) -> float:
        return self.slow / self.requests if self.requests > 0 else 0.0

    @property
    def burn_rate(self) -> float:
        """Slow requests over allowed ones across the window: at 1 the budget is spent exactly."""
        return self.slow / self.allowed if self.allowed > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Ledger:
    """Cells of one objective. Bounded: what has left the window is dropped."""

    objective: Objective
    cells: Mapping[float, Cell] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def cell_seconds(self) -> float:
        return cell_seconds(self.objective.window_seconds)

    def record(self, cells: Iterable[Cell], now: float) -> Ledger:
        """A ledger with these cells; a cell that was known is replaced (counts may come in late), one that cannot be is ignored."""
        kept = {cell.start: cell for cell in (*self.cells.values(), *(cell for cell in cells if valid(cell)))}
        oldest = self.oldest(now)
        return replace(self, cells=MappingProxyType({start: cell for start, cell in kept.items() if oldest <= start <= now}))

    def oldest(self, now: float) -> float:
        """Start of the oldest cell that lies wholly in the window."""
        return cell_start(now - self.objective.window_seconds, self.cell_seconds) + self.cell_seconds

    def budget(self, now: float) -> Budget:
        """The budget at `now` (Unix seconds)."""
        inside = [cell for start, cell in self.cells.items() if self.oldest(now) <= start <= now]
        return summary(self.objective, inside, now, self.cell_seconds)


def summary(objective: Objective, cells: Iterable[Cell], now: float, length: float) -> Budget:
    """The budget of these cells, each of `length` seconds and within the window that ends `now`."""
    inside = tuple(cells)
    requests, share = sum(cell.total for cell in inside), objective.allowed_share
    minutes = sum(1 for cell in inside if cell.slow > share * cell.total) * length / 60.0
    known = min(1.0, len(inside) * length / objective.window_seconds)
    ahead = pace(inside, now, length, objective.window_seconds, share)
    return Budget(requests, sum(cell.slow for cell in inside), share * requests, minutes, known, ahead, inside, length)


def governing(budgets: Mapping[str, Budget]) -> str | None:
    """Name of the objective whose budget burns fastest; ties by name."""
    return max(sorted(budgets), key=lambda name: budgets[name].burn_rate, default=None)
