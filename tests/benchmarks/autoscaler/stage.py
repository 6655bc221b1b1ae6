"""What the benchmark runs on: Deployments, their PredictiveAutoscalers, and a real Prometheus that has their requests of hours and of now.

Ten namespaces, as many services in each; every service has its own counter. All go on at about LOW requests a second until `jump` has each of them
count, within one scrape, what makes the rate of the last minute another: the harshest change there is, all at once and in one step.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import Any

from hack.cluster import Cluster, ClusterError, Prometheus
from hack.cluster.monitoring import query
from hack.cluster.process import poll
from hack.predictive.replay import Exposition, backfill
from tests.api_objects import minimal_pas
from tests.operator.objects import deployment

NAMESPACES = 10
CAPACITY, LOW, HIGH = 100.0, 150.0, 350.0
"""Two replicas, then four."""
SWAY, SWAY_SECONDS = 0.05, 1800.0
"""How far a rate goes up and down, so that there is something to forecast and nothing to scale for."""
HISTORY_SECONDS = 7 * 3600
"""A forecast counts after six hours. A week takes as much longer to read as it is longer: pauses bound what Prometheus is asked."""
PAST_STEP_SECONDS = 30
"""A rate over a minute needs two samples."""
SCRAPE_SECONDS = 5
RATES_SECONDS = 60
METRIC = "requests_total"


class Traffic:
    """The services' counters, served to Prometheus."""

    def __init__(self, host: str, objects: int) -> None:
        self._objects = objects
        self._began = time.time() - HISTORY_SECONDS - 60
        self._more = 0.0
        self._page = Exposition(host, lambda: self.now().encode())
        self.address = self._page.address

    def jump(self, rate: float) -> None:
        """From the next scrape on, and for a minute, every service's rate is this."""
        self._more += (rate - LOW) * 60

    def total(self, number: int, at: float) -> int:
        """Requests that a service has counted."""
        since, phase = at - self._began, number / self._objects
        turns = [math.cos(2 * math.pi * (part / SWAY_SECONDS + phase)) for part in (0.0, since)]
        return round(LOW * (since + SWAY * SWAY_SECONDS / (2 * math.pi) * (turns[0] - turns[1])))

    def now(self) -> str:
        at = time.time()
        lines = (f"{_series(number)} {self.total(number, at) + self._more:.0f}\n" for number in range(self._objects))
        return f"# TYPE {METRIC} untyped\n{''.join(lines)}"

    def past(self, place: int, until: float) -> Iterator[str]:
        """One namespace's samples up to then, each with its time."""
        for number in range(place, self._objects, NAMESPACES):
            for step in range(HISTORY_SECONDS // PAST_STEP_SECONDS, -1, -1):
                at = until - PAST_STEP_SECONDS * step
                yield f"{_series(number)} {self.total(number, at)} {1000 * at:.0f}\n"

    def close(self) -> None:
        self._page.close()


def _series(number: int) -> str:
    return f'{METRIC}{{namespace="{namespace(number)}",service="web-{number}"}}'


def namespace(number: int) -> str:
    return f"bench-{number % NAMESPACES}"


def give(prometheus: Prometheus, traffic: Traffic, host: str) -> None:
    """Hand Prometheus the past, two namespaces at a time, and then what goes on. Raises ClusterError when it does not take it."""
    until = time.time() - PAST_STEP_SECONDS  # or rate() would draw it on, beside what goes on
    for place in range(0, NAMESPACES, 2):
        texts = [f"# TYPE {METRIC} untyped\n", *traffic.past(place, until), *traffic.past(place + 1, until)]
        series = f'{METRIC}{{namespace=~"bench-{place}|bench-{place + 1}"}}'
        backfill(prometheus, host, texts, series, HISTORY_SECONDS // 3600 + 1, {})
    prometheus.targets({"services": [traffic.address]})


def wait_for_rates(prometheus: Prometheus, objects: int) -> None:
    """Until Prometheus knows every service's rate of now. Raises ClusterError when it does not."""
    if not poll(lambda: _counted(query(prometheus.url, f"count(rate({METRIC}[60s]))")) >= objects, RATES_SECONDS, step=1.0):
        raise ClusterError(f"Prometheus did not know the rates of {objects} services within {RATES_SECONDS} s.")


def _counted(answer: list[dict[str, Any]]) -> float:
    return float(answer[0]["value"][1]) if answer else 0.0


def workloads(cluster: Cluster, objects: int) -> None:
    """The namespaces and Deployments. They are paused, so that nobody makes pods of them: there is no node that would run them."""
    for place in range(NAMESPACES):
        cluster.kubectl("create", "namespace", f"bench-{place}")
        bodies = [deployment(f"web-{number}", replicas=2) for number in range(place, objects, NAMESPACES)]
        for body in bodies:
            body["spec"]["paused"] = True
        _create(cluster, place, bodies)


def autoscalers(cluster: Cluster, objects: int) -> None:
    for place in range(NAMESPACES):
        bodies = []
        for number in range(place, objects, NAMESPACES):
            body = minimal_pas(f"web-{number}", namespace(number))
            body["spec"] |= {"mode": "Enforce", "scaleTargetRef": {"name": f"web-{number}"}, "readyAfter": "2m"}
            body["spec"]["demands"] = [
                {"name": "requests", "counter": {"metric": METRIC, "matchers": {"service": f"web-{number}"}}, "capacity": f"{CAPACITY:g}"}
            ]
            bodies.append(body)
        _create(cluster, place, bodies)


def _create(cluster: Cluster, place: int, items: list[dict[str, Any]]) -> None:
    cluster.kubectl("create", "-n", f"bench-{place}", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def scaled(cluster: Cluster, replicas: int) -> int:
    """Deployments that ask for so many at least: once the forecast knows of the rise, it may ask for one more."""
    listed = json.loads(cluster.get("/apis/apps/v1/deployments"))["items"]
    return sum(its["spec"]["replicas"] >= replicas for its in listed)
