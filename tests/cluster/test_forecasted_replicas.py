"""Replicas asked for before the load rises: the operator, its forecasts and a real Prometheus that holds two days of a load; no pod runs.

Beside the object whose forecast is the engine's stand one to whom a short minute has a price, and three whose forecasts are broken on purpose: they
do as the demand of now asks, no less.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from hack.cluster import Cluster, tools
from hack.cluster.install import NAMESPACE, OPERATOR, install_flyball
from hack.cluster.process import poll
from tests.api_objects import minimal_pas
from tests.cluster.broken_forecasts import WAYS
from tests.cluster.replay import EVERY_SECONDS, HIGH, HISTORY_SECONDS, LOW, Exporter, Replay
from tests.cluster.shop_metrics import Server
from tests.operator.objects import Namespace, deployment
from tests.operator.process import Operator, running

pytestmark = pytest.mark.cluster

AHEAD_SECONDS = 75
"""From the start of the operator until the load rises: reading and learning two days takes 32 s of it, twice that on a busy machine."""
CAPACITY = 100
PRICED, SMALL_CAPACITY = "priced", 20
"""At its median the load to come needs 22 of these, and 24 in some minutes; a short one costs 100 minutes of a replica."""
NEEDED_LOW, ASKED_AHEAD, NEEDED_HIGH = 1, 3, 5
"""By the demand before, by the forecast at least, and by the demand after."""


@pytest.fixture
def front(api_cluster: Cluster, api_namespace: str) -> Namespace:
    """Five Deployments of one replica, each with its object; all serve the same load."""
    install_flyball(api_cluster)
    namespace = Namespace(api_cluster, api_namespace)
    for name in ("web", PRICED, *WAYS):
        capacity = SMALL_CAPACITY if name == PRICED else CAPACITY
        body = minimal_pas(name)
        del body["metadata"]["namespace"]
        body["spec"] |= {"scaleTargetRef": {"name": name}, "mode": "Enforce", "readyAfter": "5m", "maxReplicas": 100}
        body["spec"]["demands"] = [{"name": "requests", "counter": {"metric": "requests_total"}, "capacity": str(capacity)}]
        if name == PRICED:
            body["spec"]["cost"] = {"replicaHour": "0.06", "maxPerHour": "6", "shortMinute": "0.1"}
        namespace.apply(deployment(name), body)
    return namespace


@pytest.fixture
def replay(front: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replay, Server]]:
    tools.path("prometheus")  # where it has to be compiled first, the load would have risen meanwhile
    its = Replay(time.time() + AHEAD_SECONDS, front.name)
    exporter = Exporter(its)
    server = Server(tmp_path_factory.mktemp("prometheus"), exporter.port, "5s")
    assert poll(lambda: samples(server) > HISTORY_SECONDS / EVERY_SECONDS, 30), "Prometheus did not take the past"
    yield its, server
    server.stop()
    exporter.close()


def samples(server: Server) -> float:
    """How many of the load's samples Prometheus has: an operator that asks before its first scrape finds no history."""
    query = urlencode({"query": "count_over_time(requests_total[3d])"})
    with urlopen(f"{server.url}/api/v1/query?{query}", timeout=10) as answer:
        found = json.load(answer)["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


@pytest.fixture
def operator(api_cluster: Cluster, front: Namespace, replay: tuple[Replay, Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    kubeconfig = api_cluster.kubeconfig_for(NAMESPACE, OPERATOR)
    its = Operator(tmp_path_factory.mktemp("operator"), kubeconfig, replay[1].url, history_days=2)
    its.runs(sys.executable, "-m", "tests.cluster.broken_forecasts")
    with running(its):
        yield its


def replicas(front: Namespace, name: str) -> int:
    body = front._get(f"/apis/apps/v1/namespaces/{front.name}/deployments/{name}") or {}
    return int(body["spec"]["replicas"])


def status(front: Namespace, name: str) -> dict[str, object]:
    body = front._get(f"/apis/flyball.dev/v1alpha1/namespaces/{front.name}/predictiveautoscalers/{name}") or {}
    found: dict[str, object] = body.get("status", {})
    return found


def served(operator: Operator) -> float:
    """Demand of now, as the operator reads it."""
    lines = [line for line in operator.http("metrics")[1].splitlines() if line.startswith("flyball_demand{") and 'pas="web"' in line]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0.0


def usable(front: Namespace, name: str) -> tuple[str, str]:
    conditions: list[dict[str, str]] = status(front, name).get("conditions", [])  # type: ignore[assignment]
    return next(((its["status"], its["reason"]) for its in conditions if its["type"] == "ForecastUsable"), ("", ""))


def test_replicas_are_asked_for_before_the_load_rises_and_broken_forecasts_fall_back_to_the_demand_of_now(
    front: Namespace, replay: tuple[Replay, Server], operator: Operator
) -> None:
    rises = replay[0].rises
    assert poll(lambda: replicas(front, "web") >= ASKED_AHEAD, rises - time.time()), (status(front, "web"), operator.log())
    assert 0 < served(operator) < 1.5 * LOW, "the load has risen already"
    # The other objects' looks come within seconds of this one's.
    assert poll(lambda: usable(front, "nothing") == ("False", "Implausible"), rises - time.time()), status(front, "nothing")
    assert poll(lambda: usable(front, "web")[0] == "True", rises - time.time()), status(front, "web")
    assert poll(lambda: replicas(front, PRICED) >= CAPACITY / SMALL_CAPACITY * ASKED_AHEAD, rises - time.time()), status(front, PRICED)
    assert poll(lambda: "short minutes they save" in json.dumps(status(front, PRICED)), rises - time.time()), status(front, PRICED)
    for name in WAYS:
        assert replicas(front, name) == NEEDED_LOW, status(front, name)

    asked = replicas(front, "web")
    assert poll(lambda: served(operator) > 0.8 * HIGH, rises + 120 - time.time()), operator.log()
    assert replicas(front, "web") >= asked, "what was there in time has been taken away"
    assert 22 <= replicas(front, PRICED) <= 30, status(front, PRICED)
    for name in WAYS:
        assert poll(lambda name=name: NEEDED_HIGH - 1 <= replicas(front, name) <= NEEDED_HIGH, 20), status(front, name)
