"""CPU of workloads from the agents' counters: quotas and weights together, whichever of them an agent exports."""

from __future__ import annotations

import asyncio
import math
from typing import Any, cast

import pytest

from flyball.signals.answers import Series
from flyball.signals.prometheus import Prometheus
from flyball.signals.workloads import WorkloadUsage, read_workloads


class Counted:
    """Answers with these rates of Deployment/cart."""

    def __init__(self, **rates: float) -> None:
        self._rates = rates
        self.query = ""

    async def instant(self, query: str, now: float) -> list[Series]:
        self.query = query
        return [Series({"workload": "Deployment/cart", "of": of}, ((now, value),)) for of, value in self._rates.items()]


def read(**rates: float) -> tuple[WorkloadUsage, str]:
    counted = Counted(**rates)
    found = asyncio.run(read_workloads(cast(Prometheus, counted), "shop", "slo", 60.0, 0.0))
    return found["Deployment/cart"], counted.query


QUOTAS: dict[str, Any] = {"used": 0.5, "allocated": 1.0, "granted": 2.0, "throttled": 0.5, "periods": 10.0}


def test_quotas_alone_as_an_older_agent_counts_them() -> None:
    usage, _ = read(**QUOTAS)
    assert (usage.used, usage.allocated, usage.granted, usage.throttle_ratio, usage.unseen) == (0.5, 1.0, 2.0, 0.05, 0)
    assert math.isnan(usage.weight)


def test_what_weights_stand_for_counts_as_allocated_and_requests_as_granted() -> None:
    usage, _ = read(**QUOTAS, weight=0.25, request=1.0, unseen=2.0)
    assert (usage.allocated, usage.granted, usage.weight, usage.unseen) == (1.25, 3.0, 0.25, 2)


def test_without_a_limit_nothing_is_known_of_throttling() -> None:
    usage, _ = read(used=0.5, allocated=0.0, granted=0.0, throttled=0.0, periods=0.0, weight=0.25, request=1.0)
    assert (usage.allocated, usage.granted) == (0.25, 1.0)
    assert math.isnan(usage.throttle_ratio)


@pytest.mark.parametrize(
    "part",
    [
        'rate(flyball_agent_weight_core_seconds_total{slo_namespace="shop",slo="slo"}[60s])',
        'flyball_agent_hands_off{slo_namespace="shop",slo="slo",reason="NoWaitingSignal"}',
    ],
)
def test_the_query_asks_for_weights_and_for_containers_whose_waiting_is_not_seen(part: str) -> None:
    assert part in read(**QUOTAS)[1]
