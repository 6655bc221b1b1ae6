"""Benchmark `cpu`: cores that the product saves against tuned peers, and whether it keeps the objective. `make bench SUITE=cpu`.

QUICK=1: three cells, an hour, one seed, K8s-CPU-Fast and the paper without warm-up. HOLDOUT=1: the cells that no constant was chosen on, too; for
the end. SEEDS=n: the first n seeds alone. APPLICATIONS=a,b and POLICIES=a,b: those alone, and nothing varied.
CLASSES=no-burst and OBJECTIVES=H: that class, that objective alone. JOBS=n: processes (default: one a CPU). Results are kept in
build/bench/cache/cpu, so that an interrupted run goes on; FLYBALL_BENCH_SECONDS=n interrupts it by itself. build/bench/cpu.json holds the outcome;
a run of all policies and tuning cells writes docs/benchmarks/ as well.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.cpu import report
from tests.benchmarks.cpu.cells import Cell, cells, variants
from tests.benchmarks.cpu.kept import OutOfTime
from tests.benchmarks.cpu.long_run import hours_over_kept
from tests.benchmarks.cpu.plan import FULL, QUICK, Row, Scope, of_cell, of_variant, one_target
from tests.benchmarks.cpu.summary import summary

ROOT = Path(__file__).resolve().parents[3]
OUT = ROOT / "build" / "bench" / "cpu.json"
PAGE = ROOT / "docs" / "benchmarks"
QUICK_CELLS = ("social-network/diurnal", "social-network/noisy", "train-ticket/constant")
ASKED = ("QUICK", "HOLDOUT", "SEEDS", "APPLICATIONS", "POLICIES", "CLASSES", "OBJECTIVES")
"""What decides the scope."""
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


def _listed(name: str) -> list[str]:
    return [value for value in os.environ.get(name, "").split(",") if value]


def main() -> int:
    quick, holdout = os.environ.get("QUICK") == "1", os.environ.get("HOLDOUT") == "1"
    wanted, policies = _listed("APPLICATIONS"), _listed("POLICIES")
    scope = QUICK if quick else FULL
    scope = replace(scope, seeds=scope.seeds[: int(os.environ.get("SEEDS") or len(scope.seeds))])
    scope = scope.only(policies) if policies else scope
    cut = {name.lower(): _listed(name) for name in ("APPLICATIONS", "POLICIES", "CLASSES", "OBJECTIVES") if _listed(name)}
    if "classes" in cut:
        scope = replace(scope, classes=tuple(burst for burst in scope.classes if ("burst" if burst else "no-burst") in cut["classes"]))
    if "objectives" in cut:
        scope = replace(scope, minutes_objective="M" in cut["objectives"])
    whole = not (quick or cut)
    chosen = [cell for cell in cells(holdout=False) if not quick or cell.name in QUICK_CELLS]
    chosen = [cell for cell in chosen if not wanted or cell.application in wanted]
    held = [cell for cell in cells(holdout=holdout) if not wanted or cell.application in wanted] if holdout else []
    try:
        with ProcessPoolExecutor(int(os.environ.get("JOBS") or os.cpu_count() or 1)) as pool:
            rows = compare(chosen, scope, pool)
            held_rows = compare(held, scope, pool) if held else []
            varied = [cell for cell in variants() if whole]
            for made in pool.map(of_variant, varied, [scope] * len(varied)):
                rows += made
        figures = summary(rows, hours_over_kept() if whole else None)
    except OutOfTime:
        print("Not finished: the time that was given is over. What has been run is kept; the same command goes on.", file=sys.stderr)
        return UNFINISHED
    if held:
        figures.pop("random_apps_saving_ci90_low_percent")
        other = summary(held_rows)
        random = other.pop("random_apps_saving_ci90_low_percent")
        figures |= {f"{key}_holdout": value for key, value in other.items()} | {"random_apps_saving_ci90_low_percent": random}
    rows += held_rows
    said: dict[str, object] = {"quick": quick, "holdout": holdout, "seconds": scope.seconds, "seeds": len(scope.seeds)}
    said |= {key: " ".join(its) for key, its in cut.items()}
    said["command"] = " ".join([*(f"{name}={os.environ[name]}" for name in ASKED if os.environ.get(name)), "make bench SUITE=cpu"])
    report.write_json(OUT, rows, figures, said)
    report.write_page(OUT.parent, rows, figures, said)
    if whole:
        report.write_json(PAGE / "cpu.json", rows, figures, said)
        report.write_page(PAGE, rows, figures, said)
    print(report.terminal(rows, figures))
    print(f"\n{OUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
