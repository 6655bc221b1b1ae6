"""What the agent reads out of pods and plans, and which plan governs what."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from flyball.agent.plans import Assignment, HandsOff, assign, canary, parse_plan, selects
from flyball.agent.pods import MalformedObject, milli_cpu, owner_of, parse_pod, seconds
from tests.unit.agent.builders import CONTAINER_ID, WALL, plan, pod, stamp


@pytest.mark.parametrize(
    ("quantity", "milli"),
    [
        ("1", 1000),
        ("500m", 500),
        ("0.25", 250),
        ("1500m", 1500),
        ("100u", 1),
        ("1100000n", 2),
        (2, 2000),
        ("1e1", 10_000),
        ("0.0001", 1),
        ("2k", 2_000_000),
    ],
)
def test_cpu_quantities_are_read_and_rounded_up(quantity: Any, milli: int) -> None:
    assert milli_cpu(quantity) == milli


@pytest.mark.parametrize("quantity", ["", "m", "1x", "one", "1e999999"])
def test_a_quantity_that_cannot_be_read_is_refused(quantity: str) -> None:
    with pytest.raises(MalformedObject):
        milli_cpu(quantity)


@pytest.mark.parametrize(
    ("owners", "labels", "owner"),
    [
        ([{"kind": "ReplicaSet", "name": "cart-7d4", "controller": True}], {"pod-template-hash": "7d4"}, ("Deployment", "cart")),
        ([{"kind": "ReplicaSet", "name": "cart-7d4", "controller": True}], {}, ("ReplicaSet", "cart-7d4")),
        ([{"kind": "ReplicaSet", "name": "cart-8e5", "controller": True}], {"pod-template-hash": "7d4"}, ("ReplicaSet", "cart-8e5")),
        ([{"kind": "StatefulSet", "name": "db", "controller": True}], {}, ("StatefulSet", "db")),
        ([{"kind": "Thing", "name": "x"}], {}, ("Pod", "p")),
        (None, {}, ("Pod", "p")),
    ],
)
def test_a_pods_owner_is_found_without_asking(owners: Any, labels: dict[str, str], owner: tuple[str, str]) -> None:
    assert owner_of({"name": "p", "ownerReferences": owners, "labels": labels}) == owner


def test_a_pod_is_read() -> None:
    view = parse_pod(pod(limit="1500m", actual="1", restarts=2, ended_ago=30.0, ready_for=90.0))
    assert (view.namespace, view.name, view.uid, view.workload) == ("shop", "cart-7d4-x", "uid-1", "Deployment/cart")
    assert (view.ready, view.ready_since, view.terminating) == (True, WALL - 90.0, False)
    (container,) = view.containers
    assert (container.name, container.container_id, container.restarts, container.ended) == ("app", CONTAINER_ID, 2, WALL - 30.0)
    assert (container.spec_milli, container.actual_milli, container.grant_milli) == (1500, 1000, 1000)


def test_a_sidecar_counts_and_an_init_container_does_not() -> None:
    raw = pod()
    raw["spec"]["initContainers"] = [{"name": "proxy", "restartPolicy": "Always"}, {"name": "migrate"}]
    assert [container.name for container in parse_pod(raw).containers] == ["proxy", "app"]


def test_a_static_pod_has_another_uid_in_its_cgroup() -> None:
    assert parse_pod(pod(annotations={"kubernetes.io/config.hash": "5a1b"})).cgroup_uid == "5a1b"
    assert parse_pod(pod()).cgroup_uid == "uid-1"


def test_a_pod_without_what_is_needed_is_refused_with_the_fields_name() -> None:
    with pytest.raises(MalformedObject, match="containers"):
        parse_pod({"metadata": pod()["metadata"], "spec": {}})
    with pytest.raises(MalformedObject, match="metadata"):
        parse_pod({})


def test_times_are_read_with_and_without_fractions() -> None:
    assert seconds(stamp(5.0)) == WALL - 5.0
    assert seconds("2026-01-01T12:00:00.500000Z") == WALL + 0.5
    assert seconds(None) == 0.0
    with pytest.raises(MalformedObject):
        seconds("yesterday")


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        ({"matchLabels": {"app": "cart"}}, True),
        ({"matchLabels": {"app": "cart", "tier": "web"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["cart", "web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["cart"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Near"}]}, False),
    ],
)
def test_selectors(selector: dict[str, Any], matches: bool) -> None:
    assert selects(selector, {"app": "cart"}) is matches


def only(raw_pod: dict[str, Any], *plans: dict[str, Any], namespace_off: bool = False) -> Assignment:
    (assignment,) = assign(parse_pod(raw_pod), [parse_plan(raw) for raw in plans], namespace_off).values()
    return assignment


def test_a_plan_governs_its_workloads_containers() -> None:
    assignment = only(pod(), plan(permille=40))
    assert assignment == Assignment("shop", "shop", "Deployment/cart", "high", 0.04, 50, True, True, None)


@pytest.mark.parametrize(
    "other",
    [
        plan(owner=("Deployment", "web")),
        plan(owner=("StatefulSet", "cart")),
        plan(selector={"matchLabels": {"app": "web"}}),
        plan(containers=[{"name": "proxy"}]),
        plan(containers=[]),
    ],
)
def test_what_no_entry_matches_is_left_alone(other: dict[str, Any]) -> None:
    assert assign(parse_pod(pod()), [parse_plan(other)], False) == {}


def test_a_plan_of_another_namespace_governs_nothing() -> None:
    raw = plan()
    raw["metadata"]["namespace"] = "elsewhere"
    assert assign(parse_pod(pod()), [parse_plan(raw)], False) == {}


def test_an_exact_name_wins_over_the_star() -> None:
    rules = [{"name": "*", "control": "Auto"}, {"name": "app", "control": "Off"}]
    assert only(pod(), plan(containers=rules)).hands_off is HandsOff.CONTROL_OFF


def test_the_floor_is_never_below_what_the_kernel_takes() -> None:
    assert only(pod(), plan(containers=[{"name": "*"}])).floor_milli == 10


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (pod(annotations={"flyball.dev/control": "off"}), HandsOff.OPTED_OUT),
        (pod(limit=None), HandsOff.NO_LIMIT),
        (pod(spec={"resources": {"limits": {"cpu": "1"}}}), HandsOff.POD_RESOURCES),
        (pod(deleted=True), HandsOff.TERMINATING),
        (pod(ready=False), HandsOff.NOT_READY),
        (pod(conditions=["PodResizeInProgress"]), HandsOff.RESIZING),
    ],
)
def test_hands_off_with_a_reason(raw: dict[str, Any], reason: HandsOff) -> None:
    assert only(raw, plan()).hands_off is reason


def test_hands_off_when_the_namespace_opted_out_or_two_plans_name_the_container() -> None:
    assert only(pod(), plan(), namespace_off=True).hands_off is HandsOff.OPTED_OUT
    both = only(pod(), plan("b"), plan("a"))
    assert (both.hands_off, both.slo) == (HandsOff.SEVERAL_PLANS, "a")


def test_the_canary_share_is_stable_and_grows_without_exchanging_pods() -> None:
    uids = [f"uid-{number}" for number in range(1000)]
    ten = {uid for uid in uids if canary(uid, 10)}
    assert ten <= {uid for uid in uids if canary(uid, 30)}
    assert 60 < len(ten) < 140
    assert all(canary(uid, 100) for uid in uids)
    assert not any(canary(uid, 0) for uid in uids)
    assert canary("uid-1", 1 + int(hashlib.sha256(b"uid-1").hexdigest()[:8], 16) % 100)
    assert not canary("uid-1", int(hashlib.sha256(b"uid-1").hexdigest()[:8], 16) % 100)
    assert only(pod(), plan(canary=0)).hands_off is HandsOff.NOT_IN_CANARY


def test_a_plan_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(MalformedObject):
        parse_plan({"metadata": {"name": "x", "namespace": "y"}})
    with pytest.raises(MalformedObject):
        parse_plan(plan(permille="many"))


@pytest.mark.parametrize(
    ("spec", "milli"),
    [
        ({"containers": [{"name": "a", "resources": {"requests": {"cpu": "250m"}}}, {"name": "b"}]}, 250),
        ({"containers": [{"name": "a"}]}, 0),
        (
            {
                "containers": [{"name": "a", "resources": {"requests": {"cpu": "100m"}}}],
                "initContainers": [
                    {"name": "early", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}},
                    {"name": "migrate", "resources": {"requests": {"cpu": "1"}}},
                    {"name": "late", "restartPolicy": "Always", "resources": {"requests": {"cpu": "30m"}}},
                ],
            },
            1050,
        ),
        ({"containers": [{"name": "a", "resources": {"requests": {"cpu": "100m"}}}], "overhead": {"cpu": "120m"}}, 220),
    ],
)
def test_a_pods_request_is_added_up_as_the_kubelet_does(spec: dict[str, Any], milli: int) -> None:
    raw = pod()
    raw["spec"] = spec
    assert parse_pod(raw).request_milli == milli


def test_a_request_in_force_that_differs_from_the_specs_counts_by_the_smaller() -> None:
    (container,) = parse_pod(pod(limit=None, request="2", actual_request="1")).containers
    assert (container.request_milli, container.request_grant_milli, container.carried_out) == (2000, 1000, False)


@pytest.mark.parametrize(
    ("raw", "plans", "control", "weight"),
    [
        (pod(), plan(weight=True, quota=False), False, False),
        (pod(limit=None), plan(weight=True, quota=False), True, True),
        (pod(limit=None), plan(weight=True, action="Measure"), False, True),
        (pod(limit=None), plan(), False, False),
    ],
)
def test_a_limit_goes_by_quota_and_none_by_weight_where_the_plan_asks_for_it(
    raw: dict[str, Any], plans: dict[str, Any], control: bool, weight: bool
) -> None:
    assignment = only(raw, plans)
    assert (assignment.control, assignment.weight) == (control, weight)
