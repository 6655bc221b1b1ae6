"""The demo's own reading of Prometheus: the agents' counters over the whole run, by workload."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from hack.demo.counters import Counter, mean
from hack.demo.errors import DemoError
from hack.demo.figures import Cores

METRICS = (
    *(f"flyball_agent_{kind}_core_seconds_total" for kind in ("grant", "quota", "usage")),
    *(f"flyball_agent_{kind}_periods_total" for kind in ("throttled", "wall")),
)
SELECTOR = 'slo_namespace="shop",slo="shop"'


def instant(url: str, expression: str, time: float | None = None) -> list[dict[str, Any]]:
    """Answer of an instant query. Raises DemoError when Prometheus does not give one."""
    parameters = {"query": expression} | ({} if time is None else {"time": f"{time:.3f}"})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return result
    except OSError as error:
        raise DemoError(f"Prometheus did not answer {expression!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class Counts:
    """Counters of the agents by workload: core seconds, and CFS periods."""

    granted: dict[str, list[Counter]]
    allocated: dict[str, list[Counter]]
    used: dict[str, list[Counter]]
    throttled: dict[str, list[Counter]]
    periods: dict[str, list[Counter]]

    def cores(self, start: float, end: float, workload: str | None = None) -> Cores:
        """Means over a stretch of time, of one workload or of all."""
        return Cores(*(mean(self.series(kind, workload), start, end) for kind in (self.granted, self.allocated, self.used)))

    @staticmethod
    def series(kind: dict[str, list[Counter]], workload: str | None = None) -> list[Counter]:
        return [counter for name, counters in kind.items() if workload in (None, name) for counter in counters]


def read(url: str, start: float, end: float) -> Counts:
    """All raw samples from `start` to `end` (Unix seconds)."""
    return Counts(*(_by_workload(url, metric, start, end) for metric in METRICS))


def _by_workload(url: str, metric: str, start: float, end: float) -> dict[str, list[Counter]]:
    found: dict[str, list[Counter]] = {}
    for series in instant(url, f"{metric}{{{SELECTOR}}}[{round(end - start)}s]", end):
        samples = [(float(time), float(value)) for time, value in series["values"]]
        found.setdefault(series["metric"]["workload"].split("/")[-1], []).append(Counter(samples))
    return found


def taken(url: str) -> float:
    """Cores that agents keep below the grant now; 0 when all is given back."""
    (answer,) = instant(url, f"sum(flyball_agent_grant_cores{{{SELECTOR}}}) - sum(flyball_agent_quota_cores{{{SELECTOR}}})") or [
        {"value": [0, "nan"]}
    ]
    return float(answer["value"][1])
