"""The whole loop on a real node: operator, agent and Prometheus as they are, under the rights of the chart, and what goes wrong with each.

The application is stood in for by an idle container (its quota is what is looked at) and by a histogram that the test serves.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, Histogram, start_http_server

from flyball.cli.main import main
from hack.cluster import Cluster, Prometheus
from hack.cluster.install import AGENT, NAMESPACE, OPERATOR, install_flyball
from hack.cluster.process import poll
from tests.node.agentkit import AgentProcess, Workload, burst, given_back, install, quota, wait
from tests.operator.objects import Namespace, slo
from tests.operator.process import Operator, free_port, running

pytestmark = pytest.mark.node

LEASE_TIMEOUT = 15.0
"""The agent's, in seconds; five minutes in production. An API server that is restarted is back for everybody within ten."""

SLOW_SECONDS = 1.0


class Application:
    """The histogram of an application that answers 50 requests a second in each of its namespaces."""

    def __init__(self, cluster: Cluster) -> None:
        registry = CollectorRegistry()
        self._latency = Histogram("http_request_duration_seconds", "Latency", ("namespace",), buckets=(0.1, 0.2, 0.5), registry=registry)
        self._namespaces: list[str] = []
        self.slow_share = 0.0
        port = free_port()
        self.target = f"{cluster.host_ip}:{port}"
        self._server, _ = start_http_server(port, cluster.host_ip, registry)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def serve(self, namespace: str) -> None:
        self._latency.labels(namespace)
        self._namespaces.append(namespace)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._server.shutdown()
        self._server.server_close()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.1):
            for namespace in list(self._namespaces):
                for _ in range(5):
                    number += 1
                    self._latency.labels(namespace).observe(SLOW_SECONDS if number % 100 < 100 * self.slow_share else 0.01)


@dataclass(frozen=True, slots=True)
class World:
    """What runs once for all tests."""

    cluster: Cluster
    prometheus: Prometheus
    application: Application
    agent: AgentProcess
    operator: Operator


@pytest.fixture(scope="module")
def world(node_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    install(node_cluster)
    install_flyball(node_cluster)
    application = Application(node_cluster)
    agent = AgentProcess(
        node_cluster, tmp_path_factory.mktemp("agent"), operator_namespace=NAMESPACE, listen_host="0.0.0.0", lease_timeout_seconds=LEASE_TIMEOUT
    )
    Path(agent._settings["token_file"]).write_text(node_cluster.token(NAMESPACE, AGENT))
    kubeconfig = node_cluster.kubeconfig_for(NAMESPACE, OPERATOR)
    prometheus = node_cluster.prometheus(scrape_interval_seconds=1)
    folder = tmp_path_factory.mktemp("operator")
    try:
        agent._settings["listen_port"] = free_port()
        agent.start()
        agents = [f"{node_cluster.host_ip}:{agent._settings['listen_port']}"]
        prometheus.targets({"application": [application.target], "agent": agents})
        with running(Operator(folder, kubeconfig, prometheus.url, lookback_seconds=10)) as operator:
            yield World(node_cluster, prometheus, application, agent, operator)
    finally:
        agent.kill()
        application.stop()
        prometheus.stop()


@dataclass(frozen=True, slots=True)
class Shop:
    """One namespace under control."""

    world: World
    objects: Namespace
    workload: Workload
    group: Path

    def lowered(self) -> bool:
        return quota(self.group) < 20_000 and burst(self.group) > 0

    def given_back(self) -> bool:
        return given_back(self.group)


@pytest.fixture
def shop(world: World, node_namespace: str) -> Shop:
    """An application under control: its quota is lowered."""
    world.application.slow_share = 0.0
    world.application.serve(node_namespace)
    workload = Workload(world.cluster, node_namespace)
    group = workload.running()
    its = Shop(world, Namespace(world.cluster, node_namespace), workload, group)
    its.objects.apply(slo(mode="Enforce", workloads=[{"name": "all", "selector": {"matchLabels": {"app": "cart"}}}]))
    wait(its.lowered, 40, "the quota is lowered", world.operator.log_file)
    return its


def test_the_status_shows_the_budget_and_the_cores_that_are_saved(shop: Shop) -> None:
    def told() -> bool:
        status = shop.objects.status()
        cores, objectives = status.get("cores"), status.get("objectives")
        return bool(cores and objectives and objectives[0]["requests"] > 100 and status["savedPercent"] > 30 and cores["grantedMilli"] == 200)

    assert poll(told, 60), shop.objects.status()
    assert shop.objects.condition("SignalsAvailable") == ("True", "SignalsFresh")
    assert shop.objects.condition("BudgetAvailable") == ("True", "BudgetLeft")
    result = CliRunner().invoke(main, ["status", "--kubeconfig", str(shop.world.cluster.kubeconfig), "-n", shop.objects.name])
    assert "Enforce" in result.output


def test_deleting_the_object_gives_back(shop: Shop) -> None:
    shop.objects.delete("lslo", "shop")
    assert wait(shop.given_back, 10, "given back after the deletion") < 10


def test_suspending_gives_back(shop: Shop) -> None:
    shop.objects.patch("lslo", "shop", {"spec": {"suspend": True}})
    wait(shop.given_back, 10, "given back after the suspension")


def test_observing_gives_back_and_counts_on(shop: Shop) -> None:
    shop.objects.patch("lslo", "shop", {"spec": {"mode": "Observe"}})
    wait(shop.given_back, 10, "given back after the change of mode")


def test_a_surge_of_slow_requests_gives_back(shop: Shop) -> None:
    assert poll(lambda: shop.objects.condition("SignalsAvailable")[0] == "True", 40)
    time.sleep(10)  # a look-back of good requests
    shop.world.application.slow_share = 0.5
    wait(shop.given_back, 30, "given back in the surge", shop.world.operator.log_file)
    assert poll(lambda: any(its["reason"] in ("Guard", "Overdrawn") for its in shop.objects.status()["decisions"]), 10), shop.objects.status()
    shop.world.application.slow_share = 0.0


def test_prometheus_away_holds_and_goes_on_when_it_is_back(shop: Shop) -> None:
    assert poll(lambda: shop.objects.condition("SignalsAvailable")[0] == "True", 40)
    shop.world.prometheus.kill()
    try:
        assert poll(lambda: shop.objects.condition("SignalsAvailable") == ("False", "PrometheusUnreachable"), 20), shop.objects.status()
        until = time.monotonic() + LEASE_TIMEOUT + 3
        while time.monotonic() < until:
            assert shop.lowered(), "held: the agents' Lease is renewed meanwhile"
            time.sleep(0.5)
    finally:
        shop.world.prometheus.start()
    assert poll(lambda: shop.objects.condition("SignalsAvailable") == ("True", "SignalsFresh"), 40), shop.objects.message("SignalsAvailable")


def test_a_killed_operators_targets_are_held_then_given_back_and_a_restart_resumes(shop: Shop) -> None:
    assert poll(lambda: shop.objects.status().get("objectives") and shop.objects.status()["objectives"][0]["requests"] > 100, 60)
    operator = shop.world.operator
    decisions = [its["reason"] for its in shop.objects.status()["decisions"]]
    operator.kill()
    killed = time.monotonic()
    try:
        while time.monotonic() - killed < LEASE_TIMEOUT - 5:
            assert shop.lowered(), "held while the Lease is fresh"
            time.sleep(0.5)
        wait(shop.given_back, 10, "given back when the Lease is old", shop.world.agent.log)
    finally:
        operator.start()
    wait(lambda: operator.leads() and operator.http("readyz")[0] == 200, 25, "the restarted operator leads", operator.log_file)
    wait(shop.lowered, 40, "control goes on", operator.log_file)
    status = shop.objects.status()
    assert [its["reason"] for its in status["decisions"]][: len(decisions)] == decisions
    assert poll(lambda: shop.objects.status()["objectives"][0]["requests"] > 100, 10), "the budget was read back from Prometheus"


def test_an_api_server_away_for_a_moment_changes_nothing_on_the_node(shop: Shop) -> None:
    server = shop.world.cluster.component("kube-apiserver")
    server.kill()
    try:
        time.sleep(2)
        assert shop.lowered()
    finally:
        server.start()
        shop.world.cluster.wait_for_api()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        assert shop.lowered(), shop.world.agent.log.read_text()[-3000:]
        time.sleep(0.5)
    shop.objects.patch("lslo", "shop", {"spec": {"suspend": True}})
    wait(shop.given_back, 30, "the operator and the agent hear of changes again", shop.world.operator.log_file)


def test_a_rollout_in_the_middle_of_control_ends_with_the_new_pod_under_control(shop: Shop) -> None:
    shop.workload.deploy(generation="2")
    wait(lambda: (group := shop.workload.group()) is not None and group != shop.group, 60, "the new pod runs alone")
    group = shop.workload.running()
    wait(lambda: quota(group) < 20_000, 40, "the new pod is controlled", shop.world.operator.log_file)
    assert set(shop.objects.targets()) == {"Deployment/cart"}


def test_release_gives_back_everything_and_says_so(shop: Shop) -> None:
    arguments = ["release", "lslo/shop", "-n", shop.objects.name, "--kubeconfig", str(shop.world.cluster.kubeconfig)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "1 LatencySLOs suspended" in result.output
    wait(shop.given_back, 5, "given back after the release")
    slos: list[dict[str, Any]] = json.loads(shop.world.cluster.kubectl("get", "lslo", "-n", shop.objects.name, "-o", "json"))["items"]
    assert slos[0]["spec"]["suspend"] is True


def test_release_works_without_an_operator(shop: Shop) -> None:
    shop.world.operator.kill()
    try:
        result = CliRunner().invoke(main, ["release", "--all", "--kubeconfig", str(shop.world.cluster.kubeconfig)])
        assert result.exit_code == 0, result.output
        wait(shop.given_back, 5, "given back after the release")
    finally:
        shop.world.operator.start()
    wait(shop.world.operator.leads, 25, "the operator leads again")
    assert shop.objects.plan() is None
