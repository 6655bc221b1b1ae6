"""`make bench SUITE=forecast`: measures, prints, and writes build/bench/forecast.json and docs/benchmarks/forecast.*.

QUICK=1 takes at most five minutes on one core, on a part of the data, and leaves docs alone. SECTION=accuracy,speed runs some sections; those of
the last run, or of the page where nothing ran here yet, stay beside. HOLDOUT=1 adds the series that no constant was chosen on: once, at the end;
HOLDOUT=only runs those alone. Broken off, a run takes up where it was.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.benchmarks.forecast import accuracy, data, fewshot, quantiles, report, shift, speed
from tests.benchmarks.forecast.methods import missing
from tests.benchmarks.forecast.outcome import section as outcome

OUT = data.ROOT / "build" / "bench" / "forecast.json"
DOCS = data.ROOT / "docs" / "benchmarks"
PAGE = DOCS / "forecast.json"
EXTENTS = {"0": ("",), "1": ("", "_holdout"), "only": ("_holdout",)}
"""What HOLDOUT may be, and the suffixes of the keys that are measured."""
HELD_OUT = ("accuracy", "quantiles", "outcome")
"""Sections that are run again on held-out series."""


def quick_series() -> list[data.Series]:
    """Six days of two series, with four of history."""
    return [replace(one.cut(6 * data.MINUTES_A_DAY), warmup=4 * data.MINUTES_A_DAY) for one in (data.crane(0), data.crane(1))]


def asked(holdout: str) -> tuple[str, ...]:
    if holdout not in EXTENTS:
        raise data.DataMissing(f"HOLDOUT is {holdout!r}; it may be {', '.join(EXTENTS)}.")
    return EXTENTS[holdout]


def measure(name: str, series: list[data.Series], quick: bool, held_out: bool, known: dict[str, Any]) -> tuple[list[report.Row], dict[str, float]]:
    if name == "accuracy":
        return accuracy.section(series, quick)
    if name == "quantiles":
        return quantiles.section(series)
    if name == "shift":
        return shift.section(series, quick)
    if name == "speed":
        return speed.section(quick)
    if name == "fewshot":
        return fewshot.section(quick)
    return outcome.section(held_out, quick, chosen=_variants(known) if held_out else None)


def _variants(known: dict[str, Any]) -> dict[str, str]:
    """Other knobs as the tuning traces chose them."""
    found = {row["method"]: row["variant"] for row in known["rows"] if row["section"] == "outcome"}
    if not found:
        raise data.DataMissing("The held-out outcome takes its knobs from the tuning traces: run SECTION=outcome without HOLDOUT first.")
    return found


def sections() -> list[str]:
    wanted = [name for name in os.environ.get("SECTION", "").split(",") if name]
    unknown = set(wanted) - set(report.SECTIONS)
    if unknown:
        raise data.DataMissing(f"There is no section {', '.join(sorted(unknown))}; the sections are {', '.join(report.SECTIONS)}.")
    return wanted or list(report.SECTIONS)


def before(quick: bool) -> dict[str, Any]:
    """What an earlier run of the same extent has left: here, or on the page."""
    for path in filter(Path.exists, (OUT, PAGE)):
        found: dict[str, Any] = json.loads(path.read_text())
        if found.get("run", {}).get("quick") == quick:
            return found
    return {"suite": "forecast", "run": {}, "rows": [], "rows_holdout": [], "summary": {}, "sections": {}}


def main() -> int:
    quick = os.environ.get("QUICK") == "1"
    try:
        chosen, extents = sections(), asked(os.environ.get("HOLDOUT", "0"))
        data.folder()
        result = before(quick)
        if gone := missing():
            print(f"left out, because not installed: {', '.join(gone)} (pip install '.[bench]')")
        result["run"] = {"quick": quick, "python": platform.python_version(), "kernel": platform.release(), "cpus": os.cpu_count()}
        for suffix in extents:
            of_holdout = bool(suffix)
            series = data.holdout() if of_holdout else quick_series() if quick else data.tuning()
            for name in chosen:
                if of_holdout and name not in HELD_OUT:
                    continue
                begun = time.monotonic()
                rows, summary = measure(name, series, quick, of_holdout, result)
                parts = (name, "outcome curve") if name == "outcome" else (name,)
                result[f"rows{suffix}"] = [row for row in result[f"rows{suffix}"] if row["section"] not in parts] + rows
                old = result["sections"].get(name + suffix, [])
                result["summary"] = {key: value for key, value in result["summary"].items() if key not in old}
                result["summary"] |= {key + suffix: value for key, value in summary.items()}
                result["sections"][name + suffix] = [key + suffix for key in summary]
                OUT.parent.mkdir(parents=True, exist_ok=True)
                OUT.write_text(json.dumps(result, indent=1) + "\n")
                print(f"{name}{suffix}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    except data.DataMissing as error:
        print(error)
        return 1
    print(report.text(result))
    if not quick:
        report.write(result, DOCS)
        PAGE.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {OUT.relative_to(data.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
