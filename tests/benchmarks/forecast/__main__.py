"""`make bench SUITE=forecast`: writes build/bench/forecast.json and prints a table.

QUICK=1: three days of each series and two fitted peers (minutes); HOLDOUT=1: the held-out series as well, their figures under `_holdout` keys;
SECTION=accuracy|quantiles|shift|speed: one part. All peers run on the same origins in the same run; a cell that is lost is printed like the others.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.forecast import metrics, sections
from tests.benchmarks.forecast.data import DataError, chosen, holdout

OUT = Path(__file__).resolve().parents[3] / "build" / "bench" / "forecast.json"
GOALS = {
    "error_ratio_vs_best_peer_15": (1.0, "at most"),
    "error_ratio_vs_best_peer_60": (1.0, "at most"),
    "error_ratio_vs_best_peer_15_upper90": (1.03, "at most"),
    "error_ratio_vs_best_peer_60_upper90": (1.03, "at most"),
    "coverage95_worst_series": (0.93, "at least"),
    "worst_6h_miss_15": (0.19, "at most"),
    "worst_6h_miss_60": (0.27, "at most"),
    "shift_detector_cost_ratio": (1.01, "at most"),
    "tick_seconds_10k_series": (2.0, "at most"),
    "rss_gb_10k_series": (1.5, "at most"),
}


def main() -> int:
    quick, only = bool(os.environ.get("QUICK")), os.environ.get("SECTION", "")
    rows: list[dict[str, Any]] = []
    summary: dict[str, float] = {}
    # First, while the process is small: its largest memory is what is measured.
    if only in ("", "speed"):
        found, figures = sections.speed((100, 1_000, 10_000))
        rows += found
        summary |= figures
    if only in ("", "shift"):
        rows += sections.shift()[0]
    if only in ("", "accuracy", "quantiles"):
        try:
            groups = [("", chosen()), *([("_holdout", holdout())] if os.environ.get("HOLDOUT") else [])]
        except DataError as error:
            print(error, file=sys.stderr)
            return 1
        for suffix, series in groups:
            passes = sections.passes_of(series, quick)
            parts = []
            if only in ("", "accuracy"):
                parts.append(sections.accuracy(passes, quick))
            if only in ("", "quantiles"):
                parts.append(sections.quantiles(passes))
            for found, figures in parts:
                rows += [row | {"holdout": bool(suffix)} for row in found]
                summary |= {key + suffix: value for key, value in figures.items()}
            if only in ("", "accuracy"):
                limit = None if not quick else max(one.start + 3 * one.day for one in series)
                summary |= {key + suffix: value for key, value in sections.shift_cost(series, passes, limit).items()}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"quick": quick, "rows": rows, "summary": summary}, indent=1) + "\n")
    show(rows, summary)
    print(f"written to {OUT.relative_to(OUT.parents[2])}")
    return 0


def show(rows: list[dict[str, Any]], summary: dict[str, float]) -> None:
    """Tables for people: methods by horizon, then the summary beside what is wanted."""
    for held in (False, True):
        accuracy = [row for row in rows if row["section"] == "accuracy" and "ratio_to_last" in row and row["holdout"] is held]
        if not accuracy:
            continue
        minutes = sorted({row["minutes"] for row in accuracy})
        print(f"\nerror over the last value's, geometric mean over series{', held out' if held else ''}; minutes ahead:")
        print(f"{'method':26}" + "".join(f"{ahead:>8}" for ahead in minutes))
        for name in dict.fromkeys(row["method"] for row in accuracy):
            cells = [[row["ratio_to_last"] for row in accuracy if row["method"] == name and row["minutes"] == ahead] for ahead in minutes]
            print(f"{name:26}" + "".join(f"{metrics.geometric_mean(np.array(cell)):8.3f}" if cell else f"{'':8}" for cell in cells))
    shifts = [row for row in rows if row["section"] == "shift"]
    if shifts:
        print("\nafter a change, error 15 minutes ahead over the last value's; minutes since:")
        for name in dict.fromkeys(row["series"] for row in shifts):
            print(f"{name:26}" + "".join(f"{row['minutes_after']:>5}: {row['ratio_to_last']:4.2f}" for row in shifts if row["series"] == name))
    bands = [row for row in rows if row["section"] == "quantiles"]
    if bands:
        print("\none-sided 95 %, mean over series" + f"\n{'method':26}{'minutes':>8}{'coverage':>10}{'pinball':>10}{'worst 6 h':>10}{'margin':>8}")
        for name in dict.fromkeys(row["method"] for row in bands):
            for minutes in (15, 60):
                cell = [row for row in bands if row["method"] == name and row["minutes"] == minutes]
                means = [float(np.mean([row[key] for row in cell])) for key in ("coverage", "pinball", "worst_6h_miss", "margin")]
                print(f"{name:26}{minutes:>8}{means[0]:10.3f}{means[1]:10.4f}{means[2]:10.3f}{means[3]:8.3f}")
    for row in rows:
        if row["section"] == "speed":
            print(f"{row['series']:>6} series: {row['tick_seconds']:.3f} s a tick, {row['rss_gb']:.2f} GB")
    print()
    for key, value in summary.items():
        goal = GOALS.get(key.removesuffix("_holdout"))
        met = "" if goal is None else f"{goal[1]} {goal[0]}: {'met' if (value <= goal[0]) == (goal[1] == 'at most') else 'MISSED'}"
        print(f"{key:44}{value:10.3f}  {met}")


if __name__ == "__main__":
    sys.exit(main())
