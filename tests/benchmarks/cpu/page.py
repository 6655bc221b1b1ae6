"""Rows of docs/benchmarks/cpu.json, taken over instead of run where nothing that decides them has changed since: FROM_PAGE=1.

Each row there carries the name under which its score is kept, a hash of application, load, policy, class, seed and code. A table of some CPU hours
can so be gone on with on another machine, or after a change that concerns one policy alone. Without FROM_PAGE=1 everything is run.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.cpu import kept
from tests.benchmarks.cpu.candidates import Candidate
from tests.benchmarks.cpu.cells import Cell
from tests.benchmarks.cpu.runs import Score, where

PAGE = Path(__file__).resolve().parents[3] / "docs" / "benchmarks" / "cpu.json"
NAMES = {
    "cores": "cores",
    "cores_used": "cores_used",
    "requested_cores": "requested_cores",
    "worst_hour": "worst_hour_slow_share",
    "minutes_over": "minutes_over",
    "minutes": "minutes",
    "worst_minute_ratio": "worst_minute_p99_ratio",
    "first_hour": "first_hour_slow_share",
    "cores_from_zero": "cores_from_zero",
    "cores_warmed": "cores_warmed",
    "node_p99": "node_p99",
    "reversals": "reversals_a_minute",
    "fast_microseconds": "decision_container_tick_us",
    "slow_milliseconds": "decision_slow_ms",
}
"""What a score's figures are called in a row."""
_rows: list[Mapping[str, Any]] = []
_renewed: set[str] = set()


def take(page: Path = PAGE) -> None:
    """Let `runs.score` find the page's rows, if FROM_PAGE=1 asks for it. In every process that runs some."""
    _rows.clear()
    _renewed.clear()
    kept.TAKEN.clear()
    if os.environ.get("FROM_PAGE") == "1":
        _rows.extend(row for row in json.loads(page.read_text())["rows"] if row.get("key"))
        kept.TAKEN.update({row["key"]: score_of(row) for row in _rows})
        _renewed.update(row["key"] for row in _rows if row.get("renewed"))


def renewed(key: str) -> bool:
    """Whether the row of this key is one that was not run again after a change of code (`renew`)."""
    return key in _renewed


def figures_of(score: Score) -> dict[str, object]:
    """A score as its row tells it, what is not known as null; minute by minute it is left out."""
    found = {name: getattr(score, field) for field, name in NAMES.items()}
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def score_of(row: Mapping[str, Any]) -> dict[str, object]:
    """The fields of the score that a row tells of."""
    found = {field: math.nan if row[name] is None else row[name] for field, name in NAMES.items()}
    return found | {"ended": row["cores"] is not None, "quota_by_minute": (), "p99_by_minute": ()}


def parameters(cell: Cell, kind: str, seeds: Sequence[int], *, burst: bool, objective: str, tuning: str, seconds: int) -> tuple[float, ...] | None:
    """What was found for a peer on these seeds of this cell; None where the page does not say, or something that decides it has changed."""
    about = (cell.application, cell.trace, cell.variant, kind, "burst" if burst else "no-burst", objective, tuning)
    names = ("application", "trace", "variant", "policy", "class", "objective", "tuning")
    found = {row["seed"]: row for row in _rows if tuple(row[name] for name in names) == about}
    if set(found) != set(seeds):
        return None
    candidates = {seed: Candidate(kind, tuple(row["parameters"])) for seed, row in found.items()}
    same = all(where(candidates[seed], cell, seed, burst=burst, seconds=seconds).stem == found[seed]["key"] for seed in seeds)
    return next(iter(candidates.values())).params if same else None
