"""Section speed: CPU seconds of a minute-tick of 1,000 to 10,000 series on one core, children counted, and what the process holds in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.benchmarks.forecast.data import ROOT
from tests.benchmarks.forecast.speed_process import WARM_TICKS

COUNTS = (1000, 2500, 5000, 10_000)
TICKS = 13
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measure(count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.forecast.speed_process", str(count), str(WARM_TICKS + TICKS)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | ONE_THREAD, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def section(quick: bool) -> tuple[list[dict[str, Any]], dict[str, float]]:
    rows = []
    for count in COUNTS[:1] if quick else COUNTS:
        print(f"speed: {count} series", file=sys.stderr, flush=True)
        rows.append({"section": "speed", **measure(count)})
    summary = {"tick_seconds_1k_series": rows[0]["tick_seconds"], "rss_gb_largest": rows[-1]["rss_gb"]}
    if rows[-1]["series"] == COUNTS[-1]:
        summary["tick_seconds_10k_series"] = rows[-1]["tick_seconds"]
        # 1 when cost is linear; above when it grows faster.
        summary["tick_cost_10k_over_10x_1k"] = rows[-1]["tick_seconds"] / (10 * rows[0]["tick_seconds"])
    return rows, summary
