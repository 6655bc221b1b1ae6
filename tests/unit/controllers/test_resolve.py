"""From a LatencySLO's workloads to the controllers behind them."""

from __future__ import annotations

from typing import Any

import pytest

from flyball.controllers.latencyslo.resolve import resolve
from flyball.kube.pods import PodCache, slim
from tests.unit.controllers.builders import pod, slo

SELECTED = {"name": "all", "selector": {"matchLabels": {"app": "shop"}}}


def by_name(kind: str, name: str) -> dict[str, Any]:
    return {"name": name, "targetRef": {"kind": kind, "name": name}}


@pytest.mark.parametrize(
    ("what", "workloads", "pods", "found"),
    [
        ("a selector finds every controller among its pods", [SELECTED], [pod("cart"), pod("cart", 2), pod("pay")], {"cart": 2, "pay": 1}),
        ("pods that do not match are not counted", [SELECTED], [pod("cart"), pod("cart", 2, app="other")], {"cart": 1}),
        ("a name finds its pods whatever their labels", [by_name("Deployment", "cart")], [pod("cart", app="x"), pod("pay")], {"cart": 1}),
        ("the kind counts as well", [by_name("StatefulSet", "cart")], [pod("cart")], {}),
        ("a pod without a controller is a workload", [SELECTED], [pod("lonely", kind="Pod")], {"lonely": 1}),
        ("no pods, no workloads", [SELECTED], [], {}),
    ],
)
def test_workloads_are_found(what: str, workloads: list[dict[str, Any]], pods: list[Any], found: dict[str, int]) -> None:
    resolved = resolve(slo(workloads=workloads).spec.workloads, pods)
    assert {its.owner.name: len(its.pods) for its in resolved} == found, what


def test_a_controller_that_two_entries_match_belongs_to_the_first() -> None:
    entries = [{**by_name("Deployment", "cart"), "containers": [{"name": "main", "cpu": {"min": "200m"}}]}, SELECTED]
    (cart,) = resolve(slo(workloads=entries).spec.workloads, [pod("cart")])
    assert cart.selector is None
    policy = cart.policy("main")
    assert policy is not None
    assert policy.min_milli == 200
    assert cart.policy("sidecar") is None


def test_an_exact_name_wins_over_the_star() -> None:
    containers = [{"name": "*"}, {"name": "istio-proxy", "control": "Off"}]
    (cart,) = resolve(slo(workloads=[{**SELECTED, "containers": containers}]).spec.workloads, [pod("cart")])
    assert [policy.control.value for name in ("main", "istio-proxy") if (policy := cart.policy(name))] == ["Auto", "Off"]


def raw(**changes: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "default",
        "name": "cart-5d9f7-abcde",
        "uid": "u",
        "labels": {"pod-template-hash": "5d9f7"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-5d9f7", "controller": True}],
    }
    resources = {"limits": {"cpu": "1500m"}, "requests": {"cpu": "0.25", "memory": "1Gi"}}
    body = {"metadata": metadata, "spec": {"containers": [{"name": "main", "resources": resources}]}, "status": {"phase": "Running"}}
    body["metadata"] |= changes.pop("metadata", {})
    return body | changes


def controlled(kind: str, name: str) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "name": name, "controller": True}]}


@pytest.mark.parametrize(
    ("what", "metadata", "owner"),
    [
        ("a ReplicaSet of a Deployment stands for the Deployment", {}, "Deployment/cart"),
        ("a ReplicaSet with a name of its own is itself", {"labels": {}}, "ReplicaSet/cart-5d9f7"),
        ("another controller is itself", {"ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": True}]}, "StatefulSet/db"),
        ("a kind that no object has names nobody", controlled("K" * 64, "web"), "Pod/cart-5d9f7-abcde"),
        ("a name that no object has names nobody", controlled("Rollout", "a" * 254), "Pod/cart-5d9f7-abcde"),
        ("no name names nobody", controlled("Rollout", ""), "Pod/cart-5d9f7-abcde"),
        ("a ReplicaSet that is named by the hash alone is itself", controlled("ReplicaSet", "-5d9f7"), "ReplicaSet/-5d9f7"),
        ("an owner that does not control does not count", {"ownerReferences": [{"kind": "Node", "name": "n"}]}, "Pod/cart-5d9f7-abcde"),
    ],
)
def test_a_pods_controller_is_found_without_asking(what: str, metadata: dict[str, Any], owner: str) -> None:
    kept = slim(raw(metadata=metadata))
    assert kept is not None
    assert str(kept.owner) == owner, what


def test_what_is_kept_of_a_pod() -> None:
    kept = slim(raw())
    assert kept is not None
    (main,) = kept.containers
    assert (main.request_milli, main.limit_milli) == (250, 1500)


@pytest.mark.parametrize(
    "body", [raw(metadata={"deletionTimestamp": "2026-11-21T06:00:00Z"}), raw(status={"phase": "Succeeded"}), raw(status={"phase": "Failed"})]
)
def test_pods_that_have_ended_or_are_about_to_do_not_count(body: dict[str, Any]) -> None:
    cache = PodCache()
    cache.update(raw(), deleted=False)
    before, now = cache.update(body, deleted=False)
    assert before is not None
    assert now is None
    assert not list(cache.of("default"))


def test_the_cache_forgets_deleted_pods_and_empty_namespaces() -> None:
    cache = PodCache()
    cache.update(raw(), deleted=False)
    assert len(list(cache.of("default"))) == 1
    cache.update(raw(), deleted=True)
    cache.update(raw(), deleted=True)
    assert not cache._pods


def sidecar(**more: Any) -> dict[str, Any]:
    return {"name": "istio-proxy", "resources": {"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}}, **more}


def test_a_sidecar_that_is_an_init_container_counts_and_one_that_ends_does_not() -> None:
    containers = raw()["spec"]["containers"]
    kept = slim(raw(spec={"initContainers": [sidecar(restartPolicy="Always"), sidecar()], "containers": containers}))
    assert kept is not None
    assert [(its.name, its.request_milli, its.limit_milli) for its in kept.containers] == [("istio-proxy", 100, 500), ("main", 250, 1500)]
    assert kept.grant_milli == 2000, "what cAdvisor's use is a share of"
