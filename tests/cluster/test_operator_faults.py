"""What goes wrong around the operator, on a real API server: its own end, a second operator, the API server and Prometheus away."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster
from hack.cluster.install import NAMESPACE, OPERATOR, install_flyball
from hack.cluster.process import poll
from tests.operator.objects import Namespace, deployment, fixed, slo
from tests.operator.process import Operator, running
from tests.operator.prometheus import Prometheus

pytestmark = pytest.mark.cluster

SOON = 10.0
LEASE_SECONDS = 15
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    server = Prometheus()
    server.cpu = {"Deployment/cart": (0.3, 0.5, 1.0)}
    yield server
    server.stop()


@pytest.fixture(scope="module")
def kubeconfig(api_cluster: Cluster) -> Path:
    install_flyball(api_cluster)
    return api_cluster.kubeconfig_for(NAMESPACE, OPERATOR)


@pytest.fixture
def shop(api_cluster: Cluster, api_namespace: str) -> Namespace:
    namespace = Namespace(api_cluster, api_namespace)
    namespace.apply(deployment("cart"), slo(mode="Enforce", policy=fixed("5")))
    return namespace


def renewed(cluster: Cluster, lease: str) -> str:
    return str(json.loads(cluster.get(f"{LEASES}/{lease}"))["spec"]["renewTime"])


def holder(cluster: Cluster) -> str:
    return str(json.loads(cluster.get(f"{LEASES}/flyball-operator"))["spec"].get("holderIdentity", ""))


def test_a_standby_takes_over_within_seconds_of_a_clean_stop(shop: Namespace, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path) -> None:
    second = Operator(tmp_path, kubeconfig, prometheus.url, "second")
    with running(Operator(tmp_path, kubeconfig, prometheus.url, "first")) as first:
        try:
            second.start()
            assert poll(lambda: second.http("readyz")[0] == 200, SOON), "a standby is ready"
            assert not second.leads()
            begun = time.monotonic()
            assert first.stop() == 0, first.log()
            assert poll(second.leads, 4), second.log()
            assert time.monotonic() - begun < 4
            assert holder(shop.cluster) == "second"
            shop.patch("lslo", "shop", {"spec": {"policy": {"throttlePercent": "7"}}})
            assert poll(lambda: shop.targets() == {"Deployment/cart": 70}, SOON), second.log()
        finally:
            second.end()


def test_a_standby_takes_over_from_a_killed_leader_and_not_before_its_lease_is_over(
    shop: Namespace, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    second = Operator(tmp_path, kubeconfig, prometheus.url, "second")
    with running(Operator(tmp_path, kubeconfig, prometheus.url, "first")) as first:
        try:
            second.start()
            assert poll(lambda: second.http("readyz")[0] == 200, SOON)
            time.sleep(3)  # it has seen the Lease change at least once
            first.kill()
            begun = time.monotonic()
            assert poll(second.leads, 25), second.log()
            assert LEASE_SECONDS - 3 < time.monotonic() - begun <= 20
        finally:
            second.end()


def test_a_frozen_leader_that_wakes_up_after_another_took_over_ends_itself(
    shop: Namespace, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    second = Operator(tmp_path, kubeconfig, prometheus.url, "second")
    with running(Operator(tmp_path, kubeconfig, prometheus.url, "first")) as first:
        try:
            second.start()
            first.send(signal.SIGSTOP)
            assert poll(second.leads, 25), second.log()
            first.send(signal.SIGCONT)
            assert first.wait(10) == 3, first.log()
            assert holder(shop.cluster) == "second"
        finally:
            second.end()


def test_a_restart_resumes_with_the_decisions_and_the_learned_state(
    shop: Namespace, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    shop.apply(slo(mode="Enforce", policy={"type": "Budget"}))
    with running(Operator(tmp_path, kubeconfig, prometheus.url, "first")) as first:
        assert poll(lambda: max(shop.targets().values(), default=0) >= 2, 60), (shop.status(), first.log())
        assert first.stop() == 0
    before = json.loads(shop.status()["checkpoint"])
    assert before["pressure"] > 0
    target = shop.targets()
    decisions = len(shop.status()["decisions"])
    with running(Operator(tmp_path, kubeconfig, prometheus.url, "second")) as second:
        assert poll(lambda: json.loads(shop.status()["checkpoint"])["lastTime"] > before["lastTime"], 40), second.log()
        assert json.loads(shop.status()["checkpoint"])["pressure"] >= before["pressure"]
        assert min(shop.targets().values()) >= min(target.values())
        assert len(shop.status()["decisions"]) >= min(10, decisions)


def test_prometheus_away_holds_the_plan_and_says_so_until_it_is_back(
    shop: Namespace, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    with running(Operator(tmp_path, kubeconfig, prometheus.url)) as operator:
        assert poll(lambda: shop.condition("SignalsAvailable") == ("True", "SignalsFresh"), SOON), shop.message("SignalsAvailable")
        prometheus.stop()
        assert poll(lambda: shop.condition("SignalsAvailable") == ("False", "PrometheusUnreachable"), SOON), shop.status()
        assert shop.targets() == {"Deployment/cart": 50}
        assert shop.condition("Ready")[0] == "True"
        seen = renewed(shop.cluster, "flyball-plans")
        assert poll(lambda: renewed(shop.cluster, "flyball-plans") != seen, SOON), "plans stay fresh while they are held"
        assert operator.http("healthz")[0] == operator.http("readyz")[0] == 200
        prometheus.start()
        assert poll(lambda: shop.condition("SignalsAvailable") == ("True", "SignalsFresh"), 30), shop.message("SignalsAvailable")


def test_series_that_vanish_are_told_from_a_prometheus_that_is_away(
    shop: Namespace, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    with running(Operator(tmp_path, kubeconfig, prometheus.url)):
        assert poll(lambda: shop.condition("SignalsAvailable")[0] == "True", SOON)
        prometheus.has_series = False
        assert poll(lambda: shop.condition("SignalsAvailable") == ("False", "NoSeries"), SOON), shop.message("SignalsAvailable")


def test_a_short_absence_of_the_api_server_is_survived(
    shop: Namespace, api_cluster: Cluster, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    server = api_cluster.component("kube-apiserver")
    with running(Operator(tmp_path, kubeconfig, prometheus.url)) as operator:
        assert poll(shop.plan, SOON)
        server.kill()
        try:
            assert poll(lambda: "cannot be reached" in operator.log(), SOON), "it was noticed"
        finally:
            server.start()
            api_cluster.wait_for_api()
        shop.patch("lslo", "shop", {"spec": {"policy": {"throttlePercent": "7"}}})
        assert poll(lambda: shop.targets() == {"Deployment/cart": 70}, 30), operator.log()
        assert operator.running(), operator.log()


def test_a_long_absence_of_the_api_server_ends_the_leader_and_a_restart_waits_for_it(
    shop: Namespace, api_cluster: Cluster, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    server = api_cluster.component("kube-apiserver")
    operator = Operator(tmp_path, kubeconfig, prometheus.url)
    try:
        with running(operator):
            assert poll(shop.plan, SOON)
            server.kill()
            assert operator.wait(20) == 3, operator.log()
            operator.start()
            assert poll(lambda: operator.http("healthz")[0] == 200, SOON)
            server.start()
            api_cluster.wait_for_api()
            assert poll(operator.leads, 30), operator.log()
            shop.patch("lslo", "shop", {"spec": {"policy": {"throttlePercent": "7"}}})
            assert poll(lambda: shop.targets() == {"Deployment/cart": 70}, 30), operator.log()
    finally:
        server.start()
        api_cluster.wait_for_api()


def test_a_plan_left_by_an_object_that_went_while_no_operator_ran_goes(
    shop: Namespace, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    with running(Operator(tmp_path, kubeconfig, prometheus.url, "first")) as first:
        assert poll(shop.plan, SOON)
        first.kill()
    shop.delete("lslo", "shop")
    assert poll(lambda: shop.plan() is None, 30), "the garbage collector deletes what a LatencySLO owned"


def test_an_operator_without_crds_says_what_to_do_and_waits(api_cluster: Cluster, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path) -> None:
    api_cluster.kubectl("delete", "crd", "latencyslos.flyball.dev", "throttleplans.flyball.dev")
    operator = Operator(tmp_path, kubeconfig, prometheus.url)
    try:
        operator.start()
        assert poll(lambda: "install the CRDs" in operator.log(), LEASE_SECONDS + SOON), operator.log()  # a killed one's Lease may be standing
        assert operator.http("readyz")[0] == 503
        install_flyball(api_cluster)
        assert poll(lambda: operator.http("readyz")[0] == 200, SOON), operator.log()
    finally:
        operator.end()
        install_flyball(api_cluster)
