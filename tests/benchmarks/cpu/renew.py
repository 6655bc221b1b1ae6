"""Rows of docs/benchmarks/cpu.json after a change of code that changes no figure: some are run again, and if all agree the others keep theirs.

`python -m tests.benchmarks.cpu.renew flyball flyball-every-minute`. Of the rows of these policies whose key is not today's, RUNS (default 12), spread
evenly over policies, classes and cells, are run again. If each figure but decision times agrees to the last bit, all these rows get today's keys,
and those that were not run again are marked `renewed`; the page counts them. Otherwise nothing is written and the differences are printed. Rows
without a key are left for the next run of the table.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tests.benchmarks.cpu.asked import CLASSES
from tests.benchmarks.cpu.candidates import Candidate
from tests.benchmarks.cpu.cells import Cell, cells, variants
from tests.benchmarks.cpu.page import NAMES, PAGE, figures_of
from tests.benchmarks.cpu.plan import FULL
from tests.benchmarks.cpu.runs import score, where

TIMES = ("decision_container_tick_us", "decision_slow_ms")
"""Figures of the machine, not of the run."""
Row = dict[str, Any]


def known_cells() -> dict[tuple[str, str, str], Cell]:
    """By application, trace and variant."""
    every = [*cells(holdout=False), *cells(holdout=True), *variants()]
    return {(its.application, its.trace, its.variant): its for its in every}


def key_of(row: Row, cell: Cell) -> str:
    """Today's key of a row."""
    candidate = Candidate(row["policy"], tuple(row["parameters"]))
    return where(candidate, cell, row["seed"], burst=row["class"] == CLASSES[1], seconds=FULL.seconds).stem


def spread(rows: list[Row], count: int) -> list[Row]:
    """So many of them, evenly over their order by policy, class and cell."""
    ordered = sorted(rows, key=lambda row: (row["policy"], row["class"], row["application"], row["trace"], row["variant"], row["seed"]))
    count = min(count, len(ordered))
    return [ordered[(2 * number + 1) * len(ordered) // (2 * count)] for number in range(count)]


def differences(row: Row, cell: Cell) -> list[str]:
    """What a run of today says otherwise than the row."""
    candidate = Candidate(row["policy"], tuple(row["parameters"]))
    got = figures_of(score(candidate, cell, row["seed"], burst=row["class"] == CLASSES[1], seconds=FULL.seconds))
    about = f"{candidate} on {cell.name} {cell.variant} {row['class']}, seed {row['seed']}"
    compared = [name for name in NAMES.values() if name not in TIMES]
    return [f"{about}: {name} is {got[name]}, was {row[name]}" for name in compared if row[name] is not None and got[name] != row[name]]


def main(policies: list[str]) -> int:
    page = json.loads(PAGE.read_text())
    there = dict.fromkeys(row["policy"] for row in page["rows"])
    unknown = [policy for policy in policies if policy not in there]
    if unknown or not policies:
        raise SystemExit(f"There are no rows of {', '.join(unknown) or 'no policy at all'}; name one or more of {', '.join(there)}.")
    runs = os.environ.get("RUNS") or "12"
    if not runs.isdecimal() or int(runs) < 1:
        raise SystemExit(f"RUNS: {runs!r} is no number of runs; it is 1 or more.")
    known = known_cells()
    rows = [(row, known[row["application"], row["trace"], row["variant"]]) for row in page["rows"] if row["policy"] in policies]
    stale = [(row, cell) for row, cell in rows if row["key"] and row["key"] != key_of(row, cell)]
    if not stale:
        print("All keys of these rows are today's.")
        return 0
    again = spread([row for row, _ in stale], int(runs))
    print(f"{len(stale)} of {len(rows)} rows have another key; {len(again)} are run again", file=sys.stderr)
    with ProcessPoolExecutor(int(os.environ.get("JOBS") or os.cpu_count() or 1)) as pool:
        found = pool.map(differences, again, [known[row["application"], row["trace"], row["variant"]] for row in again])
        said = [sentence for its in found for sentence in its]
    if said:
        print("\n".join(said))
        return 1
    for row, cell in stale:
        row["key"] = key_of(row, cell)
        row["renewed"] = not any(row is its for its in again)
    PAGE.write_text(json.dumps(page, indent=1, allow_nan=False) + "\n")
    print(f"{len(again)} runs agree to the last bit; {len(stale)} keys are renewed.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
