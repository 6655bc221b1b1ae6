"""Benchmark `cpu`: cores that the product saves against tuned peers, and whether it keeps the objective. `make bench SUITE=cpu`.

QUICK=1: three cells, an hour, one seed, K8s-CPU-Fast and the paper without warm-up. HOLDOUT=1: the cells that no constant was chosen on, too; for
the end. SEEDS=n: the first n seeds alone. APPLICATIONS=a,b and POLICIES=a,b: those alone, and variants and the three weeks with VARIED=1 only.
CLASSES=no-burst and OBJECTIVES=H: that class, that objective alone. HELD_SEEDS=n, HELD_POLICIES=a,b, HELD_CLASSES=... and
HELD_APPLICATIONS=a,b: less of it on the cells held out. FROM_PAGE=1: rows of docs/benchmarks/cpu.json that nothing has changed for are taken over
instead of run. JOBS=n: processes (default: one a CPU). Results are kept in build/bench/cache/cpu, so that an interrupted run goes on;
FLYBALL_BENCH_SECONDS=n interrupts it by itself. build/bench/cpu.json holds the outcome; a run of all policies and tuning cells, or DOCS=1, writes
docs/benchmarks/ as well.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.benchmarks.cpu import page, report
from tests.benchmarks.cpu.asked import asked
from tests.benchmarks.cpu.cells import Cell
from tests.benchmarks.cpu.kept import OutOfTime
from tests.benchmarks.cpu.long_run import hours_over_kept
from tests.benchmarks.cpu.plan import Row, Scope, of_cell, of_variant, one_target
from tests.benchmarks.cpu.summary import summary

ROOT = Path(__file__).resolve().parents[3]
OUT = ROOT / "build" / "bench" / "cpu.json"
PAGE = ROOT / "docs" / "benchmarks"
UNFINISHED = 75
"""Exit status when the time that was given is over (EX_TEMPFAIL): the same command goes on."""


def compare(chosen: list[Cell], scope: Scope, pool: ProcessPoolExecutor) -> list[Row]:
    """All rows of these cells: each cell by itself, then the targets that hold for an application. Cells that were chosen on and cells held out
    come in two calls, so that neither's one target knows of the other."""
    begun = time.monotonic()
    rows: list[Row] = []
    scopes = {cell.application: scope.of(cell) for cell in chosen}
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
    its = asked()
    page.take()
    try:
        with ProcessPoolExecutor(int(os.environ.get("JOBS") or os.cpu_count() or 1), initializer=page.take) as pool:
            rows = compare(its.chosen, its.scope, pool)
            held_rows = compare(its.held, its.held_scope, pool) if its.held else []
            for made in pool.map(of_variant, its.varied, [its.scope] * len(its.varied)):
                rows += made
        figures = summary(rows, hours_over_kept() if its.three_weeks else None)
    except OutOfTime:
        print("Not finished: the time that was given is over. What has been run is kept; the same command goes on.", file=sys.stderr)
        return UNFINISHED
    if its.held:
        figures.pop("random_apps_saving_ci90_low_percent")
        other = summary(held_rows)
        random = other.pop("random_apps_saving_ci90_low_percent")
        figures |= {f"{key}_holdout": value for key, value in other.items()} | {"random_apps_saving_ci90_low_percent": random}
    rows += held_rows
    for folder in (OUT.parent, *([PAGE] if its.whole or os.environ.get("DOCS") == "1" else [])):
        report.write_json(folder / OUT.name, rows, figures, its.said)
        report.write_page(folder, rows, figures, its.said)
    print(report.terminal(rows, figures))
    print(f"\n{OUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
