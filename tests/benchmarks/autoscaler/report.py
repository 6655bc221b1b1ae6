"""The benchmark's table and page. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

ASKED: dict[str, float] = {
    "tick_p99_seconds": 5.0,
    "tick_jump_seconds": 5.0,
    "steady_writes_per_object_minute": 0.5,
    "jump_writes_per_object": 6.0,
}
"""At most. Five seconds of a tick is what was asked for. Where nothing happens a status each five minutes is a fifth of a write a minute, and some
more where a forecast moved by a tenth; a change may cost each object its scale, four statuses (before, at and after it, and as numbers moved) and an
event."""

MEANING: dict[str, str] = {
    "tick_p50_seconds": "one tick, each object looked at once: median, s",
    "tick_p99_seconds": "one tick: the slowest of 99 %, s",
    "ticks": "ticks that were measured",
    "tick_writes_per_look": "API writes a look meanwhile",
    "tick_cores": "cores of the operator meanwhile",
    "tick_jump_seconds": "the slowest tick while all demands change at once, s",
    "tick_failed_looks": "looks that failed meanwhile",
    "steady_scale_reads_per_object_tick": "reads of `/scale`, an object and tick",
    "steady_autoscaler_lists_per_minute": "lists of HPAs, for all objects together, a minute",
    "steady_writes_per_object_minute": "API writes, an object and minute",
    "steady_queries_per_object_tick": "PromQL queries, an object and tick",
    "steady_prometheus_cores": "cores of Prometheus, its scrapes included",
    "steady_cores": "cores of the operator, at 15 s",
    "rss_mb": "memory of the operator, MB",
    "rss_peak_mb": "memory of the operator at most, MB",
    "metrics_page_seconds": "one scrape of the operator's own metrics, s",
    "jump_scale_writes_per_object": "writes of `/scale`, an object",
    "jump_status_writes_per_object": "writes of status, an object",
    "jump_event_writes_per_object": "events, an object",
    "jump_writes_per_object": "API writes in all, an object",
    "jump_cores": "cores of the operator meanwhile",
    "seconds_until_all_are_scaled": "from the jump until the last scale is moved, s",
    "failed_looks": "looks that failed",
    "history_seconds": "from the operator's start until all history is learned, s",
    "history_queries_per_object": "range queries for it, an object",
    "history_cores": "cores of the operator meanwhile",
    "history_prometheus_cores": "cores of Prometheus meanwhile, its scrapes included",
}


def met(summary: Mapping[str, float]) -> bool:
    return all(summary[name] <= most for name, most in ASKED.items())


def rows(summary: Mapping[str, float]) -> list[dict[str, Any]]:
    return [{"what": name, "value": value, "at_most": ASKED.get(name)} for name, value in summary.items()]


def number(value: float) -> str:
    if math.isinf(value):
        return "never"
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2f}" if value >= 0.01 else f"{value:.4f}"


def table(summary: Mapping[str, float]) -> str:
    """What has a meaning, in the order of MEANING, as markdown."""
    lines = ["| figure | measured | asked | met |", "|---|---:|---:|---:|"]
    for name, text in MEANING.items():
        value, most = summary.get(name, 0.0), ASKED.get(name)
        asked, verdict = ("", "") if most is None else (f"<= {most:g}", "yes" if value <= most else "no")
        lines.append(f"| {text} | {number(value)} | {asked} | {verdict} |")
    return "\n".join(lines)


def page(result: Mapping[str, Any]) -> str:
    """docs/benchmarks/autoscaler.md."""
    return f"""# A thousand PredictiveAutoscalers

Made by `make bench SUITE=autoscaler`; all of its figures are in `build/bench/autoscaler.json` after a run. How it is measured:
[benchmarks](index.md#autoscaler).

{result["objects"]:,} objects with one demand and a stated capacity each, looked at every 15 s. {result["cpus"]} virtual CPUs for everything (API
server, etcd, controller manager, scheduler, Prometheus, operator, the benchmark itself), kernel {result["kernel"]}, Python {result["python"]};
load average before it began: {result["load_before"]:g}.

{table(result["summary"])}

Statuses are told at twenty a second, all objects together, and nothing is scaled in within five minutes of the operator's start: steady demand is
looked at when the news of the first forecasts, which 1,000 objects have at once, has been told, and ticks from seven minutes after the start.
The first write of a scale is refused where `kubectl`, which made the Deployments, owns the field, and then repeated with force: two requests. Who
owns it is not known before: `/scale` has no `managedFields` when it is read, and reading the Deployment for them would be a request as well, and one
more right.

What is not in these figures: there are no pods (the Deployments are paused), so neither their events nor the query for the CPU that pods use (one
more an object and minute) count. The history is seven hours; a week has 24 times as many points and takes as much longer, since the operator rests
three times as long as each query took.
"""
