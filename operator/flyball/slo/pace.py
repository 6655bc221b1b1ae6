"""Pace: how fast a budget may go on being spent so that no rolling window that ends soon is overdrawn. Pure.

A budget over a rolling window is one sum, but which slow requests leave it next, and when, is known as well. A minute after a surge the sum is the
same as a minute before the surge leaves; the one calls for an hour's thrift and the other for none. `Ledger.budget` asks here, the tower steers
by it.
"""

from __future__ import annotations

from collections.abc import Iterable

from flyball.slo.cells import Cell

KEPT = 0.06
"""Share of each window's budget that is not planned with: slow requests are seen a minute late, and no window can be mended after its end."""

SOONEST = 1.0 / 12.0
"""Windows that end sooner than this share of their length (five minutes of an hour) are not planned for: the least error would halt everything, and
what is done now does not show before."""

LATEST = 0.5
"""Nor are those that end later than half of their length from now. Over all of it what was left unspent so far could never be made use of; over half,
an hour that spent too little is answered by as much too much, and too much by too little."""

MOST = 1.25
"""However much is left: a minute above 1 is one above the objective."""


def pace(cells: Iterable[Cell], now: float, cell_seconds: float, window_seconds: float, allowed_share: float) -> float:
    """The burn rate that can be held from `now` (Unix seconds) on, 0 to MOST; 1 where no requests are known.

    `cells` are those inside the window that ends now, each of `cell_seconds`. Requests are taken to come as they did in these on average; time that
    is not known grants no budget.
    """
    leaving = sorted(cells, key=lambda cell: -cell.start)
    requests, slow = sum(cell.total for cell in leaving), sum(cell.slow for cell in leaving)
    rate = requests / max(1.0, sum(min(cell_seconds, now - cell.start) for cell in leaving))
    if rate <= 0.0:
        return 1.0
    soonest = max(1, round(SOONEST * window_seconds / cell_seconds))
    least = MOST
    for ahead in range(1, max(soonest, round(LATEST * window_seconds / cell_seconds)) + 1):
        seconds = ahead * cell_seconds
        while leaving and leaving[-1].start < now + seconds - window_seconds:
            gone = leaving.pop()
            requests, slow = requests - gone.total, slow - gone.slow
        if ahead >= soonest:
            spendable = (1.0 - KEPT) * allowed_share * (requests + rate * seconds) - slow
            least = min(least, spendable / (allowed_share * rate * seconds))
    return max(0.0, least)
