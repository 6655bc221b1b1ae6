"""CPU and throttling of the workloads of one LatencySLO, from the agents' counters (docs/designs/0001-the-loop.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flyball.signals.prometheus import Prometheus

_RATES = {
    "used": "flyball_agent_usage_core_seconds_total",
    "allocated": "flyball_agent_quota_core_seconds_total",
    "granted": "flyball_agent_grant_core_seconds_total",
    "weight": "flyball_agent_weight_core_seconds_total",
    "request": "flyball_agent_request_core_seconds_total",
    "throttled": "flyball_agent_throttled_periods_total",
    "periods": "flyball_agent_wall_periods_total",
}


_UNSEEN = 'flyball_agent_hands_off{{{selector},reason="NoWaitingSignal"}}'


@dataclass(frozen=True, slots=True)
class WorkloadUsage:
    """One workload over the look-back; cores, NaN where unknown."""

    used: float = math.nan
    allocated: float = math.nan
    """Quotas in force, and requests that weights in force stand for."""
    granted: float = math.nan
    """Limits, and the requests of containers under weight control."""
    throttle_ratio: float = math.nan
    weight: float = math.nan
    """The part of `allocated` that is by weight."""
    unseen: int = 0
    """Containers whose weight stays because their nodes do not show for how long tasks wait."""


def expression(namespace: str, name: str, lookback_seconds: float) -> str:
    """One query for all rates, told apart by the label `of`. A doubly scraped agent counts once: the larger of equal rates is taken."""
    selector = f'slo_namespace="{namespace}",slo="{name}"'
    window = f"{round(lookback_seconds)}s"
    terms = {name_: f"rate({metric}{{{selector}}}[{window}])" for name_, metric in _RATES.items()}
    terms["unseen"] = _UNSEEN.format(selector=selector)
    return " or ".join(
        f'label_replace(sum by (workload) (max by (node, workload, group) ({term})), "of", "{name_}", "", "")' for name_, term in terms.items()
    )


async def read_workloads(prometheus: Prometheus, namespace: str, name: str, lookback_seconds: float, now: float) -> dict[str, WorkloadUsage]:
    """Usage by workload (`Deployment/cart`). Raises SignalError; a workload that no agent counts is not in the answer."""
    rates: dict[str, dict[str, float]] = {}
    for series in await prometheus.instant(expression(namespace, name, lookback_seconds), now):
        rates.setdefault(series.labels.get("workload", ""), {})[series.labels["of"]] = series.last[1]
    return {workload: _usage(values) for workload, values in rates.items() if workload}


def _usage(values: dict[str, float]) -> WorkloadUsage:
    def both(limited: str, weighed: str) -> float:
        """Agents of an older version export nothing of weights, and have none."""
        return values.get(limited, math.nan) + values.get(weighed, 0.0)

    periods = values.get("periods", math.nan)
    ratio = values.get("throttled", math.nan) / periods if periods > 0 else math.nan
    unseen = values.get("unseen", 0.0)
    return WorkloadUsage(
        used=values.get("used", math.nan),
        allocated=both("allocated", "weight"),
        granted=both("granted", "request"),
        throttle_ratio=ratio,
        weight=values.get("weight", math.nan),
        unseen=round(unseen) if math.isfinite(unseen) else 0,
    )
