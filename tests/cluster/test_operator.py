"""The operator against a real API server, under the rights that the chart gives it: what people do to their objects, and what it does then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hack.cluster import Cluster
from hack.cluster.install import NAMESPACE, OPERATOR, install_flyball
from hack.cluster.process import poll
from tests.operator.objects import Namespace, deployment, fixed, slo
from tests.operator.process import Operator, running
from tests.operator.prometheus import Prometheus

pytestmark = pytest.mark.cluster

SOON = 10.0
"""Several times what anything here takes."""


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    server = Prometheus()
    server.cpu = {"Deployment/cart": (0.3, 0.5, 1.0)}
    yield server
    server.stop()


@pytest.fixture(scope="module")
def kubeconfig(api_cluster: Cluster) -> Path:
    install_flyball(api_cluster)
    return api_cluster.kubeconfig_for(NAMESPACE, OPERATOR)


@pytest.fixture(scope="module")
def operator(kubeconfig: Path, prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with running(Operator(tmp_path_factory.mktemp("operator"), kubeconfig, prometheus.url)) as process:
        yield process


@pytest.fixture
def shop(api_cluster: Cluster, api_namespace: str, operator: Operator) -> Namespace:
    """A namespace with one Deployment, `cart`, whose pods the minimal LatencySLO selects."""
    namespace = Namespace(api_cluster, api_namespace)
    namespace.apply(deployment("cart"))
    return namespace


def test_enforcing_writes_a_plan_for_the_agents_and_a_status_for_people(shop: Namespace, operator: Operator) -> None:
    shop.apply(slo(mode="Enforce", policy=fixed("5")))
    assert poll(lambda: shop.targets() == {"Deployment/cart": 50}, SOON), operator.log()
    plan = shop.plan()
    assert plan
    assert (plan["action"], plan["burst"], plan["canaryPercent"]) == ("Control", True, 100)
    assert plan["workloads"][0]["selector"] == {"matchLabels": {"app": "shop"}}
    assert plan["workloads"][0]["containers"] == [{"name": "*", "control": "Auto", "minMilli": 50}]
    assert poll(lambda: shop.condition("SignalsAvailable") == ("True", "SignalsFresh"), SOON), shop.message("SignalsAvailable")
    status = shop.status()
    assert shop.condition("Ready") == ("True", "Reconciled")
    assert shop.condition("Enforcing") == ("True", "ModeEnforce")
    assert status["mode"] == "Enforce"
    assert status["governing"] == "gateway"
    (objective,) = status["objectives"]
    assert 0 < float(objective["slowSharePercent"]) < 0.2
    assert objective["thresholdUsed"] == "200ms"
    assert status["cores"] == {"usedMilli": 300, "allocatedMilli": 500, "grantedMilli": 1000}
    assert status["savedPercent"] == 50
    assert [its["reason"] for its in status["decisions"]] == ["Fixed"]


@pytest.mark.parametrize("mode", ["Observe", "Recommend"])
def test_looking_on_lets_agents_measure_and_no_more(shop: Namespace, mode: str) -> None:
    shop.apply(slo(mode=mode, policy=fixed("5")))
    assert poll(lambda: (shop.plan() or {}).get("action") == "Measure", SOON)
    assert poll(lambda: shop.condition("Enforcing") == ("False", f"Mode{mode}"), SOON)


def test_a_canary_acts_on_its_share_and_says_that_nobody_compares_yet(shop: Namespace) -> None:
    shop.apply(slo(mode="Canary", canary={"percent": 20}))
    assert poll(lambda: ((plan := shop.plan()) or {}).get("canaryPercent") == 20 and plan and plan["action"] == "Control", SOON)
    assert poll(lambda: "later version" in shop.message("Enforcing"), SOON)


def test_suspending_takes_the_plan_away_and_resuming_brings_it_back(shop: Namespace) -> None:
    shop.apply(slo(mode="Enforce", policy=fixed("5")))
    assert poll(shop.plan, SOON)
    shop.patch("lslo", "shop", {"spec": {"suspend": True}})
    assert poll(lambda: shop.plan() is None and shop.condition("Enforcing") == ("False", "Suspended"), SOON)
    shop.patch("lslo", "shop", {"spec": {"suspend": False}})
    assert poll(lambda: shop.targets() == {"Deployment/cart": 50}, SOON)
    assert poll(lambda: [its["reason"] for its in shop.status()["decisions"]][1:] == ["ModeChanged", "ModeChanged"], SOON), shop.status()


def test_deleting_takes_the_plan_away(shop: Namespace) -> None:
    shop.apply(slo(mode="Enforce"))
    assert poll(shop.plan, SOON)
    shop.delete("lslo", "shop")
    assert poll(lambda: shop.plan() is None, SOON)


def test_a_new_workload_joins_the_plan_and_a_vanished_one_leaves_it(shop: Namespace) -> None:
    shop.apply(slo(mode="Enforce", policy=fixed("5")))
    assert poll(lambda: set(shop.targets()) == {"Deployment/cart"}, SOON)
    shop.apply(deployment("pay"))
    assert poll(lambda: set(shop.targets()) == {"Deployment/cart", "Deployment/pay"}, SOON)
    shop.delete("deployment", "pay")
    assert poll(lambda: set(shop.targets()) == {"Deployment/cart"}, SOON)


def test_an_object_without_pods_says_so_and_has_no_plan(shop: Namespace) -> None:
    shop.apply(slo(mode="Enforce"))
    assert poll(shop.plan, SOON)
    shop.delete("deployment", "cart")
    assert poll(lambda: shop.plan() is None and shop.condition("Ready") == ("False", "NoPods"), SOON)


def test_of_two_objects_on_one_workload_the_older_keeps_it(shop: Namespace) -> None:
    shop.apply(slo("first", mode="Enforce", policy=fixed("5")))
    assert poll(lambda: shop.plan("first"), SOON)
    assert poll(lambda: shop.slo("first")["metadata"]["creationTimestamp"] < _now(), 3)
    shop.apply(deployment("extra"), slo("second", mode="Enforce", policy=fixed("7")))
    assert poll(lambda: shop.condition("Conflicted", "second") == ("True", "OtherLatencySLO"), SOON)
    assert shop.plan("second") is None, "a container that two plans name is left alone by the agents"
    assert poll(lambda: set(shop.targets("first")) == {"Deployment/cart", "Deployment/extra"}, SOON)
    shop.delete("lslo", "first")
    assert poll(lambda: set(shop.targets("second").values()) == {70}, SOON)
    assert poll(lambda: shop.condition("Conflicted", "second") == ("False", "NoConflict"), SOON)


def test_an_hpa_on_cpu_keeps_its_view_of_demand(shop: Namespace, operator: Operator) -> None:
    target = {"type": "Utilization", "averageUtilization": 80}
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"},
        "maxReplicas": 3,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    odd = {**spec, "scaleTargetRef": {**spec["scaleTargetRef"], "name": "a" * 254}}  # the API server takes it, and nobody has such a name
    shop.apply(
        deployment("scaled", request="200m"),
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": spec},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "odd"}, "spec": odd},
    )
    shop.apply(slo(mode="Enforce", workloads=[{"name": "scaled", "targetRef": {"kind": "Deployment", "name": "scaled"}}]))

    def floors() -> dict[str, int]:
        return {its["name"]: its["minMilli"] for its in (shop.plan() or {"workloads": [{"containers": []}]})["workloads"][0]["containers"]}

    # Autoscalers are listed once a minute.
    assert poll(lambda: floors() == {"*": 50, "main": 192}, 75), (shop.plan(), operator.log())


def test_a_plan_that_somebody_deleted_is_written_again(shop: Namespace) -> None:
    shop.apply(slo(mode="Enforce", policy=fixed("5")))
    assert poll(shop.plan, SOON)
    shop.delete("tp", "shop")
    assert poll(lambda: shop.targets() == {"Deployment/cart": 50}, SOON)


def test_a_plan_that_somebody_else_writes_is_shown_and_not_fought_over(shop: Namespace) -> None:
    shop.apply(slo(mode="Enforce", policy=fixed("5")))
    assert poll(shop.plan, SOON)
    shop.patch("tp", "shop", {"spec": {"burst": False}}, "--field-manager=somebody")
    assert poll(lambda: shop.condition("Ready") == ("False", "FieldOwned"), SOON), shop.status()
    assert "somebody" in shop.message("Ready")
    plan = shop.plan()
    assert plan
    assert plan["burst"] is False


def test_targets_that_somebody_else_raised_are_written_over_to_give_back_and_it_is_told(shop: Namespace) -> None:
    shop.apply(slo(mode="Enforce", policy=fixed("5")))
    assert poll(shop.plan, SOON)
    plan = shop.plan()
    assert plan
    workload = {**plan["workloads"][0], "throttlePermille": 500}
    shop.patch("tp", "shop", {"spec": {"workloads": [workload]}}, "--field-manager=somebody")
    assert poll(lambda: shop.targets() == {"Deployment/cart": 50}, SOON), shop.status()
    assert poll(lambda: "FieldOwned" in shop.cluster.kubectl("get", "events", "-n", shop.name), SOON)
    assert poll(lambda: shop.condition("Ready") == ("True", "Reconciled"), SOON), shop.message("Ready")


def test_a_namespace_whose_quota_has_no_room_for_a_plan_keeps_no_other_plan_from_being_fresh(shop: Namespace, operator: Operator) -> None:
    count = "count/throttleplans.flyball.dev"
    shop.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {count: "0"}}})

    def in_force() -> bool:
        return '"0"' in shop.cluster.kubectl("get", "resourcequota", "none", "-n", shop.name, "-o", "jsonpath={.status.hard}")

    def renewed() -> str:
        return shop.cluster.kubectl("get", "lease", "flyball-plans", "-n", NAMESPACE, "-o", "jsonpath={.spec.renewTime}")

    assert poll(in_force, SOON)
    shop.apply(slo(mode="Enforce", policy=fixed("5")))
    assert poll(lambda: shop.condition("Ready") == ("False", "APIError"), SOON), shop.status()
    assert "exceeded quota" in shop.message("Ready")
    seen = renewed()
    assert poll(lambda: renewed() != seen, SOON), operator.log()
    shop.delete("resourcequota", "none")
    assert poll(lambda: shop.targets() == {"Deployment/cart": 50}, 75), operator.log()


def test_free_promql_is_refused_with_the_way_out(shop: Namespace) -> None:
    objective = {"name": "free", "target": "99", "threshold": "1s", "indicator": {"promql": {"good": "sum(good)", "total": "sum(total)"}}}
    shop.apply(slo(objectives=[objective]))
    assert poll(lambda: shop.condition("SignalsAvailable") == ("False", "PromQLNotAllowed"), SOON)
    assert "--allow-promql" in shop.message("SignalsAvailable")


def test_conditions_that_change_are_events(shop: Namespace) -> None:
    shop.apply(slo(mode="Enforce"))
    assert poll(lambda: shop.condition("Enforcing")[0] == "True", SOON)
    shop.patch("lslo", "shop", {"spec": {"mode": "Observe"}})
    assert poll(lambda: "ModeObserve" in shop.cluster.kubectl("get", "events", "-n", shop.name), SOON)


def test_metrics_of_a_deleted_object_go(shop: Namespace, operator: Operator) -> None:
    shop.apply(slo(mode="Enforce"))
    mine = f'slo_namespace="{shop.name}"'
    assert poll(lambda: f'flyball_slo_budget_left_ratio{{objective="gateway",slo="shop",{mine}}}' in operator.http("metrics")[1], SOON)
    shop.delete("lslo", "shop")
    assert poll(lambda: mine not in operator.http("metrics")[1], SOON)


def test_the_cap_of_the_cluster_holds_for_every_object(
    shop: Namespace, operator: Operator, kubeconfig: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    assert operator.stop() == 0
    try:
        with running(Operator(tmp_path, kubeconfig, prometheus.url, "capped", max_mode="Recommend")):
            shop.apply(slo(mode="Enforce", policy=fixed("5")))
            assert poll(lambda: (shop.plan() or {}).get("action") == "Measure", SOON)
            assert poll(lambda: "caps it" in shop.message("Enforcing"), SOON)
    finally:
        operator.start()
        assert poll(operator.leads, 25), operator.log()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
