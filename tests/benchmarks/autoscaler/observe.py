"""What is counted while the benchmark runs: the operator's and Prometheus' own metrics, the API server's, and the process' CPU and memory.

A tick is as many looks as there are objects, by the operator's own count, which alone is asked for ten times a second: the whole page of its metrics
would cost it more than its work. Ticks are measured while each object is due again as soon as it was looked at; at the usual 15 s looks are spread
over the time, and what is long is the pause between them.
"""

from __future__ import annotations

import os
import re
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from hack.cluster import Cluster, Prometheus
from tests.operator.process import Operator

POLL_SECONDS = 0.1
INSTANT = "prometheus_http_requests_total:handler=/api/v1/query"
LOOKS, WRITES = "flyball_tick_seconds_count", "flyball_api_writes_total"

_LINE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Sample = tuple[float, float]
"""Seconds, and how many looks there had been."""


@dataclass(slots=True)
class Window:
    """What happened between two moments."""

    elapsed: float = 0.0
    cores: float = 0.0
    """Of the operator."""
    prometheus_cores: float = 0.0
    looks: float = 0.0
    queries: float = 0.0
    """Instant queries that Prometheus has answered."""
    ticks: list[float] = field(default_factory=list)
    writes: dict[str, float] = field(default_factory=dict)
    """What -> how often, by the operator's own count."""
    scale_reads: float = 0.0
    lists: float = 0.0
    """Lists of autoscalers."""


def ticks(samples: Sequence[Sample], objects: int) -> list[float]:
    """Seconds that each round of as many looks as there are objects took, one after the other; what is left at the end is none. Pure."""
    if not samples:
        return []
    found, mark, wanted = [], samples[0][0], samples[0][1] + objects
    for (before, count), (at, grown) in pairwise(samples):
        while grown >= wanted and grown > count:
            moment = before + (at - before) * (wanted - count) / (grown - count)
            found.append(moment - mark)
            mark, wanted = moment, wanted + objects
    return found


def share(values: Sequence[float], part: float) -> float:
    """The value that this part of them do not exceed; without any, infinity: nothing came to its end."""
    ranked = sorted(values)
    if not ranked:
        return float("inf")
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]


def metrics(text: str) -> dict[str, float]:
    """Sums by name, and by name and each label: `name`, `name:label=value`. Pure."""
    sums: dict[str, float] = {}
    for name, labels, value in _LINE.findall(text):
        keys = [name, *(f"{name}:{label}={its}" for label, its in re.findall(r'(\w+)="([^"]*)"', labels))]
        for key in keys:
            sums[key] = sums.get(key, 0.0) + float(value)
    return sums


def own_metrics(operator: Operator, *names: str) -> dict[str, float] | None:
    """These of the operator's metrics; None where it did not answer in time. By name: the whole page of a thousand objects costs it a second."""
    status, text = operator.http("metrics?" + "&".join(f"name[]={name}" for name in names))
    return metrics(text) if status == 200 else None


def of_prometheus(prometheus: Prometheus) -> dict[str, float]:
    with _DIRECT.open(f"{prometheus.url}/metrics", timeout=5) as answer:
        return metrics(answer.read().decode())


def requests(text: str, verb: str, resource: str, subresource: str = "") -> float:
    """How many such requests an API server has answered, by its metrics. Pure."""
    wanted = (f'verb="{verb}"', f'resource="{resource}"', f'subresource="{subresource}"')
    lines = (line for line in text.splitlines() if line.startswith("apiserver_request_total{"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(its in line for its in wanted))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int, of: str) -> float:
    """`VmRSS`, what it has now; `VmHWM`, the most it ever had."""
    (found,) = re.findall(rf"{of}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found) / 1024


def watch(
    cluster: Cluster, prometheus: Prometheus, operator: Operator, objects: int, seconds: float, each: Callable[[], object] = lambda: None
) -> Window:
    """Look on for so long; `each` is called once a second."""

    def counted() -> tuple[float, dict[str, float], str, dict[str, float], float]:
        api, writes = cluster.get("/metrics").decode(), own_metrics(operator, WRITES)
        while writes is None:
            if not operator.running():
                raise SystemExit(f"The operator ended; its log ends with:\n{operator.log()[-2000:]}")
            writes = own_metrics(operator, WRITES)
        return time.monotonic(), writes, api, of_prometheus(prometheus), cpu_seconds(operator.pid)

    began, own, api, theirs, used = counted()
    samples: list[Sample] = []
    next_call = 0.0
    while time.monotonic() < began + seconds:
        if count := own_metrics(operator, LOOKS):
            samples.append((time.monotonic(), count[LOOKS]))
        if time.monotonic() >= next_call:
            each()
            next_call = time.monotonic() + 1.0
        time.sleep(POLL_SECONDS)
    ended, own_then, api_then, theirs_then, used_then = counted()
    elapsed = ended - began
    prefix = f"{WRITES}:what="
    return Window(
        elapsed=elapsed,
        cores=(used_then - used) / elapsed,
        prometheus_cores=(theirs_then["process_cpu_seconds_total"] - theirs["process_cpu_seconds_total"]) / elapsed,
        looks=samples[-1][1] - samples[0][1] if samples else 0.0,
        queries=theirs_then[INSTANT] - theirs.get(INSTANT, 0.0),
        ticks=ticks(samples, objects),
        writes={name.removeprefix(prefix): value - own.get(name, 0.0) for name, value in own_then.items() if name.startswith(prefix)},
        scale_reads=requests(api_then, "GET", "deployments", "scale") - requests(api, "GET", "deployments", "scale"),
        lists=requests(api_then, "LIST", "horizontalpodautoscalers") - requests(api, "LIST", "horizontalpodautoscalers"),
    )
