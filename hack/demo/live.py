"""The live table: what is asked, what is measured, what was decided and why. Plain lines every ten seconds where nobody watches a terminal."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hack.demo.figures import quantile
from hack.demo.records import Request
from hack.demo.status import Snapshot

RECENT_SECONDS = 60.0
"""p99 and slow share of the last minute: shorter, and 1 % is less than a dozen requests."""
PLAIN_EVERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class View:
    """All that the table shows at one time."""

    phase: str
    left_seconds: float
    rate: float
    slow_share: float
    p99_seconds: float
    objective_seconds: float
    allowed_share: float
    snapshot: Snapshot


def recent(requests: list[Request], now: float) -> list[Request]:
    """Those sent in the last minute."""
    return [request for request in requests if request.start > now - RECENT_SECONDS]


def view(phase: str, left_seconds: float, requests: list[Request], now: float, objective: tuple[float, float], snapshot: Snapshot) -> View:
    """The table's content from the requests of the last minute."""
    threshold, allowed = objective
    held = recent(requests, now)
    return View(
        phase=phase,
        left_seconds=max(0.0, left_seconds),
        rate=len(held) / RECENT_SECONDS,
        slow_share=sum(request.slow(threshold) for request in held) / len(held) if held else math.nan,
        p99_seconds=quantile((request.seconds for request in held), 0.99),
        objective_seconds=threshold,
        allowed_share=allowed,
        snapshot=snapshot,
    )


def number(value: float, form: str, unit: str = "") -> str:
    """A number for people; a dash where nothing is known."""
    return f"{value:{form}}{unit}" if math.isfinite(value) else "–"


def lines(shown: View) -> list[tuple[str, str, bool]]:
    """(what, how it stands, whether that is bad)."""
    status = shown.snapshot
    saved = 100 * (1 - status.allocated / status.granted) if status.granted > 0 else math.nan
    left = f"{int(shown.left_seconds) // 60}:{int(shown.left_seconds) % 60:02d}"
    rows = [
        ("phase", f"{shown.phase}, {left} left", False),
        ("requests", f"{number(shown.rate, '.1f')} /s, the last minute", False),
        (
            "p99",
            f"{number(1000 * shown.p99_seconds, '.0f', ' ms')} of {1000 * shown.objective_seconds:.0f} ms",
            shown.p99_seconds > shown.objective_seconds,
        ),
        (
            "slow share",
            f"{number(100 * shown.slow_share, '.2f', ' %')} of {100 * shown.allowed_share:g} % allowed",
            shown.slow_share > shown.allowed_share,
        ),
        ("budget left", number(status.budget_left_percent, ".0f", " % of the window's"), status.budget_left_percent < 0),
        (
            "CPU",
            f"{number(status.allocated, '.2f')} cores allocated, {number(status.granted, '.2f')} in the pods' limits, "
            f"{number(status.used, '.2f')} used: {number(saved, '.0f', ' %')} saved",
            False,
        ),
    ]
    for group, permille in sorted(status.targets.items()):
        rows.append((f"target {group}", f"{permille / 10:.1f} % throttled  ({', '.join(status.groups[group])})", False))
    for decision in status.decisions[-3:]:
        rows.append((decision.time[11:19], f"{decision.reason}: {decision.message}", False))
    rows.extend(("trouble", trouble, True) for trouble in status.troubles)
    return rows


class Display:
    """Draws views until closed."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stdout)
        self._live = Live(console=self._console, auto_refresh=False, transient=False) if self._console.is_terminal else None
        self._last_plain = -math.inf

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, shown: View, now: float) -> None:
        """Draw; `now` is any clock in seconds."""
        if self._live:
            self._live.update(_table(shown), refresh=True)
        elif now >= self._last_plain + PLAIN_EVERY_SECONDS:
            self._last_plain = now
            self._console.print(plain(shown), soft_wrap=True, highlight=False, markup=False)


def plain(shown: View) -> str:
    """One line for logs."""
    status = shown.snapshot
    targets = " ".join(f"{group}={permille / 10:.1f}%" for group, permille in sorted(status.targets.items())) or "–"
    parts = [
        f"{shown.phase:8} {int(shown.left_seconds):4d} s left",
        f"{number(shown.rate, '4.1f')} req/s",
        f"p99 {number(1000 * shown.p99_seconds, '3.0f')} ms",
        f"slow {number(100 * shown.slow_share, '.2f')} %",
        f"budget {number(status.budget_left_percent, '.0f')} %",
        f"cores {number(status.allocated, '.2f')}/{number(status.granted, '.2f')} used {number(status.used, '.2f')}",
        f"targets {targets}",
        status.decisions[-1].reason if status.decisions else "–",
    ]
    return "  ".join(parts)


def _table(shown: View) -> Group:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for what, how, bad in lines(shown):
        table.add_row(what, Text(how, style="bold red" if bad else ""))
    return Group(Text("Flyball: a shop under load", style="bold"), table)
