"""CPU and throttling of the workloads of one LatencySLO, from the agents' counters (docs/designs/0001-the-loop.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flyball.signals.prometheus import Prometheus

_RATES = {
    "used": "flyball_agent_usage_core_seconds_total",
    "allocated": "flyball_agent_quota_core_seconds_total",
    "granted": "flyball_agent_grant_core_seconds_total",
    "throttled": "flyball_agent_throttled_periods_total",
    "periods": "flyball_agent_wall_periods_total",
}


@dataclass(frozen=True, slots=True)
class WorkloadUsage:
    """One workload over the look-back; cores, NaN where unknown."""

    used: float = math.nan
    allocated: float = math.nan
    granted: float = math.nan
    throttle_ratio: float = math.nan


def expression(namespace: str, name: str, lookback_seconds: float) -> str:
    """One query for all rates, told apart by the label `of`. A doubly scraped agent counts once: the larger of equal rates is taken."""
    selector = f'slo_namespace="{namespace}",slo="{name}"'
    window = f"{round(lookback_seconds)}s"
    return " or ".join(
        f'label_replace(sum by (workload) (max by (node, workload, group) (rate({metric}{{{selector}}}[{window}]))), "of", "{name_}", "", "")'
        for name_, metric in _RATES.items()
    )


async def read_workloads(prometheus: Prometheus, namespace: str, name: str, lookback_seconds: float, now: float) -> dict[str, WorkloadUsage]:
    """Usage by workload (`Deployment/cart`). Raises SignalError; a workload that no agent counts is not in the answer."""
    rates: dict[str, dict[str, float]] = {}
    for series in await prometheus.instant(expression(namespace, name, lookback_seconds), now):
        rates.setdefault(series.labels.get("workload", ""), {})[series.labels["of"]] = series.last[1]
    return {workload: _usage(values) for workload, values in rates.items() if workload}


def _usage(values: dict[str, float]) -> WorkloadUsage:
    periods = values.get("periods", math.nan)
    ratio = values.get("throttled", math.nan) / periods if periods > 0 else math.nan
    return WorkloadUsage(values.get("used", math.nan), values.get("allocated", math.nan), values.get("granted", math.nan), ratio)
