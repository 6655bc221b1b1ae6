"""Benchmark `cpu`: cores that the product saves against tuned peers, and whether it keeps the objective. `make bench SUITE=cpu`.

QUICK=1: three cells, an hour, one seed, K8s-CPU-Fast and the paper without warm-up. HOLDOUT=1: the cells that no constant was chosen on, too; for
the end. JOBS=n: processes (default: one a CPU). APPLICATIONS=a,b: those alone. Results are kept in build/bench/cpu-cache, so that an interrupted
run goes on. build/bench/cpu.json and, in full scope, docs/benchmarks/ hold the outcome.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.cpu import report
from tests.benchmarks.cpu.cells import Cell, cells
from tests.benchmarks.cpu.long_run import measure as long_run
from tests.benchmarks.cpu.plan import FULL, QUICK, RANDOM, Row, Scope, of_cell, one_target
from tests.benchmarks.cpu.summary import summary

ROOT = Path(__file__).resolve().parents[3]
OUT = ROOT / "build" / "bench" / "cpu.json"
PAGE = ROOT / "docs" / "benchmarks"
QUICK_CELLS = ("social-network/diurnal", "social-network/noisy", "train-ticket/constant")


def compare(chosen: list[Cell], scope: Scope, pool: ProcessPoolExecutor) -> list[Row]:
    """All rows of these cells: each cell by itself, then the targets that hold for an application."""
    begun = time.monotonic()
    rows: list[Row] = []
    scopes = {cell.application: RANDOM if cell.application.startswith("random-") and scope is FULL else scope for cell in chosen}
    for number, made in enumerate(pool.map(of_cell, chosen, [scopes[cell.application] for cell in chosen]), 1):
        rows += made
        print(f"{number}/{len(chosen)} cells, {time.monotonic() - begun:.0f} s", file=sys.stderr)
    applications = list(dict.fromkeys(cell.application for cell in chosen))
    groups = [[cell for cell in chosen if cell.application == name] for name in applications]
    theirs = [[row for row in rows if row.application == name] for name in applications]
    for made in pool.map(one_target, groups, theirs, [scopes[name] for name in applications]):
        rows += made
    return rows


def main() -> int:
    quick, holdout = os.environ.get("QUICK") == "1", os.environ.get("HOLDOUT") == "1"
    scope = QUICK if quick else FULL
    wanted = [name for name in os.environ.get("APPLICATIONS", "").split(",") if name]
    chosen = [cell for cell in cells(holdout=False) if not quick or cell.name in QUICK_CELLS]
    held = cells(holdout=True) if holdout else []
    chosen, held = ([cell for cell in its if not wanted or cell.application in wanted] for its in (chosen, held))
    with ProcessPoolExecutor(int(os.environ.get("JOBS") or os.cpu_count() or 1)) as pool:
        rows = compare(chosen, scope, pool)
        held_rows = compare(held, scope, pool) if held else []
    figures = summary(rows, None if quick or wanted else long_run()[0])
    if held:
        random = figures.pop("random_apps_saving_ci90_low_percent")
        other = summary(held_rows)
        random = other.pop("random_apps_saving_ci90_low_percent")
        figures |= {f"{key}_holdout": value for key, value in other.items()} | {"random_apps_saving_ci90_low_percent": random}
    rows += held_rows
    said = {"quick": quick, "holdout": holdout, **{key: value for key, value in asdict(scope).items() if key in ("seconds", "seeds")}}
    report.write_json(OUT, rows, figures, said)
    report.write_page(OUT.parent, rows, figures, said)
    if not quick and not wanted:
        report.write_json(PAGE / "cpu.json", rows, figures, said)
        report.write_page(PAGE, rows, figures, said)
    print(report.terminal(rows, figures))
    print(f"\n{OUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
