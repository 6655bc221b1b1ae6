"""Benchmark `autoscaler`: what 1,000 PredictiveAutoscalers cost the operator, the API server and Prometheus.

`make bench SUITE=autoscaler` writes build/bench/autoscaler.json and docs/benchmarks/autoscaler.md and prints the table. A real API server with its
controller manager and scheduler, a real Prometheus, the operator as people run it. It learns the objects' history and looks at them each 15 s
while demand is steady; then, restarted, as fast as it can, and so on while all demands more than double within one scrape. Needs Linux and root.
OBJECTS=n is a quick look and writes no page.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hack.cluster import Cluster, Flavour, Prometheus
from hack.cluster.install import NAMESPACE, OPERATOR, install_flyball
from hack.cluster.process import poll
from tests.benchmarks.autoscaler import observe, report, stage
from tests.benchmarks.autoscaler.stage import CAPACITY, HIGH, HISTORY_SECONDS, SCRAPE_SECONDS, Traffic
from tests.operator.process import Operator, running

OBJECTS = int(os.environ.get("OBJECTS", "1000"))
FULL = 1000
TICK_SECONDS = 15
"""The operator's default."""
STEADY_SECONDS, JUMP_SECONDS = 75, 60
"""Five ticks; and the time within which a rate over a minute shows the jump."""
SETTLE_SECONDS = 120
"""From the first forecasts on: each object says once that it has one now, twenty in a second, and again once its numbers have moved."""
START_SECONDS = 420
"""From the operator's start on: for five minutes nothing is scaled in, and then a thousand may be at once."""
FAST_TICK_SECONDS = 0.01
FAST_SECONDS = 60
READY_SECONDS, LEARNED_SECONDS = 300, 600
Say = Callable[[str], None]
ROOT = Path(__file__).resolve().parents[3]
OUT, PAGE = ROOT / "build" / "bench" / "autoscaler.json", ROOT / "docs" / "benchmarks" / "autoscaler.md"


def usual(cluster: Cluster, prometheus: Prometheus, operator: Operator, say: Say) -> dict[str, float]:
    """Each object looked at every 15 s, under steady demand."""
    began, before = time.monotonic(), observe.of_prometheus(prometheus)
    found: dict[str, float] = {}
    with running(operator, READY_SECONDS):
        used = observe.cpu_seconds(operator.pid)
        say(f"learning {HISTORY_SECONDS // 3600} hours of {OBJECTS} series")
        wait_for_forecasts(operator)
        elapsed, after = time.monotonic() - began, observe.of_prometheus(prometheus)
        found["history_seconds"] = elapsed
        found["history_cores"] = (observe.cpu_seconds(operator.pid) - used) / elapsed
        found["history_prometheus_cores"] = (after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]) / elapsed
        ranges = "prometheus_http_requests_total:handler=/api/v1/query_range"
        found["history_queries_per_object"] = (after[ranges] - before.get(ranges, 0.0)) / OBJECTS
        time.sleep(SETTLE_SECONDS)
        say(f"{STEADY_SECONDS} s of steady demand")
        found |= figures("steady", observe.watch(cluster, prometheus, operator, OBJECTS, STEADY_SECONDS))
        found["rss_mb"] = observe.megabytes(operator.pid, "VmRSS")
        asked = time.monotonic()
        operator.http("metrics")
        found["metrics_page_seconds"] = time.monotonic() - asked
        found["failed_looks"] = failed(operator)
    return found


def fast(cluster: Cluster, prometheus: Prometheus, traffic: Traffic, operator: Operator, say: Say) -> dict[str, float]:
    """Each object due again as soon as it was looked at: how long a tick takes, and how long one while all have to be scaled."""
    began = time.monotonic()
    operator.start()  # never ready by its own measure: an object is late after four ticks
    try:
        say("learning again while looking as fast as it can")
        wait_for_forecasts(operator)
        settle = max(SETTLE_SECONDS, began + START_SECONDS - time.monotonic())
        say(f"settling for {settle:.0f} s, then {FAST_SECONDS} s of steady demand")
        time.sleep(settle)
        steady = observe.watch(cluster, prometheus, operator, OBJECTS, FAST_SECONDS)
        say(f"{len(steady.ticks)} ticks; all demands rise at once")
        traffic.jump(HIGH)
        wanted, done, jumped = math.ceil(HIGH / CAPACITY), [math.inf], time.monotonic()

        def note() -> None:
            if math.isinf(done[0]) and stage.scaled(cluster, wanted) == OBJECTS:
                done[0] = time.monotonic() - jumped

        jump = observe.watch(cluster, prometheus, operator, OBJECTS, JUMP_SECONDS, note)
        return figures("jump", jump) | {
            "tick_p50_seconds": observe.share(steady.ticks, 0.5),
            "tick_p99_seconds": observe.share(steady.ticks, 0.99),
            "ticks": float(len(steady.ticks)),
            "tick_writes_per_look": sum(steady.writes.values()) / max(1.0, steady.looks),
            "tick_cores": steady.cores,
            "tick_jump_seconds": max(jump.ticks, default=math.inf),
            "seconds_until_all_are_scaled": done[0],
            "rss_peak_mb": observe.megabytes(operator.pid, "VmHWM"),
            "tick_failed_looks": failed(operator),
        }
    finally:
        operator.end()


def wait_for_forecasts(operator: Operator) -> None:
    if not poll(lambda: learned(operator) >= OBJECTS, LEARNED_SECONDS, step=0.5):
        raise SystemExit(f"The history was not learned within {LEARNED_SECONDS} s; the operator's log ends with:\n{operator.log()[-2000:]}")


def failed(operator: Operator) -> float:
    return (observe.own_metrics(operator, "flyball_tick_failures_total") or {}).get("flyball_tick_failures_total", 0.0)


def learned(operator: Operator) -> int:
    """How many series have their forecasts, by the operator's log."""
    lines = (line.split("forecasts of ")[1] for line in operator.log().splitlines() if "forecasts of " in line and " series begin" in line)
    return sum(int(line.split()[0]) for line in lines)


def figures(phase: str, window: observe.Window) -> dict[str, float]:
    """One phase's figures, under names that begin with it."""
    each = OBJECTS * window.elapsed / TICK_SECONDS
    minutes = OBJECTS * window.elapsed / 60
    found = {
        "cores": window.cores,
        "prometheus_cores": window.prometheus_cores,
        "queries_per_object_tick": window.queries / each,
        "scale_reads_per_object_tick": window.scale_reads / each,
        "autoscaler_lists_per_minute": 60 * window.lists / window.elapsed,
        "writes_per_object_minute": sum(window.writes.values()) / minutes,
        "writes_per_object": sum(window.writes.values()) / OBJECTS,
        **{f"{what}_writes_per_object": count / OBJECTS for what, count in window.writes.items()},
    }
    return {f"{phase}_{name}": value for name, value in found.items()}


def machine() -> dict[str, Any]:
    """Where it ran, and what else ran there."""
    return {
        "machine": platform.machine(),
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def main() -> int:
    its, began = machine(), time.monotonic()

    def say(text: str) -> None:
        print(f"autoscaler: {text} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)

    with Cluster.start("bench-autoscaler", Flavour.API, owned=True) as cluster, tempfile.TemporaryDirectory() as folder:
        install_flyball(cluster)
        say(f"making {OBJECTS} Deployments")
        stage.workloads(cluster, OBJECTS)
        prometheus = cluster.prometheus(scrape_interval_seconds=SCRAPE_SECONDS, history_days=1)
        traffic = Traffic(cluster.host_ip, OBJECTS)
        try:
            say("giving Prometheus the past")
            stage.give(prometheus, traffic, cluster.host_ip)
            say(f"making {OBJECTS} PredictiveAutoscalers")
            stage.autoscalers(cluster, OBJECTS)
            stage.wait_for_rates(prometheus, OBJECTS)
            kubeconfig = cluster.kubeconfig_for(NAMESPACE, OPERATOR)
            common = {"history_days": HISTORY_SECONDS / 86_400, "renew_seconds": 30, "lookback_seconds": 60, "prometheus_timeout_seconds": 10}
            quick = Operator(Path(folder), kubeconfig, prometheus.url, "fast", tick_seconds=FAST_TICK_SECONDS, **common)
            usually = Operator(Path(folder), kubeconfig, prometheus.url, tick_seconds=TICK_SECONDS, **common)
            found = usual(cluster, prometheus, usually, say)
            say(f"so far: {found}")
            found |= fast(cluster, prometheus, traffic, quick, say)
        finally:
            traffic.close()
            prometheus.stop()
    summary = {name: round(value, 4) for name, value in found.items()}
    result = {"objects": OBJECTS, **its, "rows": report.rows(summary), "summary": summary}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    print(report.table(summary))
    if OBJECTS == FULL:
        PAGE.write_text(report.page(result))
    return 0 if report.met(summary) else 1


if __name__ == "__main__":
    sys.exit(main())
