"""A thousand PredictiveAutoscalers: what they ask of the API server and of Prometheus. Time is measured by `make bench SUITE=autoscaler`."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest

from flyball.controllers.predictiveautoscaler.controller import Controller
from flyball.controllers.shared.autoscalers import FRESH_SECONDS
from flyball.kube import paths
from flyball.kube.client import Kube
from flyball.kube.events import Recorder
from flyball.kube.pods import PodCache
from flyball.runtime.metrics import Metrics
from flyball.runtime.settings import Settings
from tests.api_objects import minimal_pas
from tests.operator.prometheus import Answers
from tests.operator.replicas import TICK, Cluster, Told
from tests.operator.scene import Client

OBJECTS = 1000
LOOKS = 5
"""A minute and a quarter of them."""
TOGETHER = 16
"""As the operator takes them: half of its 32 places."""


class Counting(Cluster):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.reads[path.rsplit("/", 1)[1]] += 1
        return await super().get(path, query)

    async def items(self, path: str, *, metadata_only: bool = False) -> list[dict[str, Any]]:
        self.reads["list"] += 1
        return []

    async def apply(self, path: str, body: Mapping[str, Any], *, force: bool = False) -> dict[str, Any]:
        before = self.objects.get(path, {})
        stored = await super().apply(path, body, force=force)
        if path.endswith("/scale"):
            self.objects[path] = {**before, "spec": dict(body["spec"])}
        return stored


class Many:
    """The controller with a thousand objects in ten namespaces."""

    def __init__(self, objects: int = OBJECTS) -> None:
        self.began = time.monotonic()
        self.now = 1_800_000_000.0
        self.kube = Counting()
        self.answers = Answers(lambda: self.now)
        kube = cast(Kube, self.kube)
        settings = Settings(prometheus_url="http://prometheus")
        self.controller = Controller(kube, Client(self.answers), Recorder(kube, "test"), Metrics(), settings, PodCache(), Told(), lambda: self.now)
        self.controller.objects = {key: self._body(*key) for key in ((f"team-{number % 10}", f"web-{number}") for number in range(objects))}

    def _body(self, namespace: str, name: str) -> dict[str, Any]:
        body = minimal_pas(name, namespace)
        body["metadata"] |= {"uid": name, "generation": 1, "creationTimestamp": "2026-11-21T06:00:00Z"}
        body["spec"] |= {"mode": "Enforce", "scaleTargetRef": {"name": name}}
        body["spec"]["demands"][0]["capacity"] = "100"
        self.kube.objects[paths.scale("apps/v1", "deployments", namespace, name)] = {"spec": {"replicas": 2}, "status": {"selector": f"app={name}"}}
        return body

    def look(self, demands: Iterable[float]) -> None:
        """One look at all for each of these demands."""
        for demand in demands:
            self.answers.demand = demand
            self.now += TICK
            asyncio.run(self._pass())
        self.looked = time.monotonic()

    async def _pass(self) -> None:
        keys = list(self.controller.objects)
        for first in range(0, len(keys), TOGETHER):
            await asyncio.gather(*(self.controller.look(key) for key in keys[first : first + TOGETHER]))

    def writes(self) -> Counter[str]:
        return Counter(path.rsplit("/", 1)[1] for _verb, path, _body in self.kube.writes)


@pytest.fixture(scope="module")
def many() -> Many:
    """After a minute and a quarter of demand that moves within the tolerance."""
    its = Many()
    its.look(150.0 + look % 3 for look in range(LOOKS))
    return its


def test_steady_demand_costs_a_read_a_look_at_most_one_status_and_no_scale(many: Many) -> None:
    assert many.kube.reads["scale"] == LOOKS * OBJECTS
    listed = many.kube.reads["list"] / 2  # HPAs and VPAs
    assert listed <= 2 + (many.looked - many.began) / FRESH_SECONDS, "autoscalers are listed for all objects together"
    assert many.writes()["scale"] == 0
    assert 0 < many.writes()["status"] <= OBJECTS


def test_prometheus_is_asked_once_for_all_that_are_looked_at_together(many: Many) -> None:
    assert len(many.answers.queries) <= LOOKS * (1 + math.ceil(OBJECTS / TOGETHER))


def test_a_rise_that_all_see_costs_one_scale_and_at_most_two_statuses_and_events_each() -> None:
    objects = 200
    its = Many(objects)
    its.look([150.0])
    its.kube.writes.clear()
    its.look([350.0, 350.0])
    writes = its.writes()
    assert writes["scale"] == objects
    assert writes["status"] <= 2 * objects
    assert sum(writes.values()) <= 5 * objects, writes
