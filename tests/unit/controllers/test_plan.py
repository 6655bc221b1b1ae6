"""The plan: what agents are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flyball.api.conditions import Reason
from flyball.api.meta import Mode
from flyball.api.throttleplan import ThrottlePlanSpec
from flyball.controllers.latencyslo.conflicts import Verdict
from flyball.controllers.latencyslo.plan import CONTAINERS_MOST, WORKLOADS_MOST, build, manifest
from flyball.controllers.latencyslo.resolve import resolve
from tests.unit.controllers.builders import container, decision, pod, slo

FREE = Verdict()


def planned(mode: Mode = Mode.ENFORCE, verdict: Verdict = FREE, pods: Any = None, **spec: Any) -> ThrottlePlanSpec | None:
    its = slo(**spec)
    workloads = resolve(its.spec.workloads, pods or [pod("cart"), pod("pay")])
    verdicts = {workload.name: verdict if workload.owner.name == "cart" else Verdict() for workload in workloads}
    return build(its, mode, workloads, verdicts, decision(**{workload.owner.name: 0.04 for workload in workloads}))


@pytest.mark.parametrize(
    ("mode", "spec", "action", "share"),
    [
        (Mode.OBSERVE, {}, "Measure", 100),
        (Mode.RECOMMEND, {}, "Measure", 100),
        (Mode.CANARY, {"canary": {"percent": 20}}, "Control", 20),
        (Mode.ENFORCE, {"canary": {"percent": 20}}, "Control", 100),
        (Mode.ENFORCE, {"actuators": {"quota": "Off"}}, "Measure", 100),
        (Mode.ENFORCE, {"actuators": {"quota": "Off", "weight": "Auto"}}, "Control", 100),
        (Mode.RECOMMEND, {"actuators": {"weight": "Auto"}}, "Measure", 100),
    ],
)
def test_a_mode_decides_whether_agents_act_and_on_how_many_pods(mode: Mode, spec: dict[str, Any], action: str, share: int) -> None:
    plan = planned(mode, **spec)
    assert plan is not None
    assert (plan.action.value, plan.canary_percent) == (action, share)


def test_while_the_guard_holds_agents_give_back() -> None:
    its = slo()
    workloads = resolve(its.spec.workloads, [pod("cart")])
    surge = replace(decision(cart=0.0), release=True)
    plan = build(its, Mode.ENFORCE, workloads, {workload.name: Verdict() for workload in workloads}, surge)
    assert plan is not None
    assert plan.action.value == "Measure"


def test_what_is_kept_of_the_grants_is_written_in_thousandths() -> None:
    its = slo()
    workloads = resolve(its.spec.workloads, [pod("cart")])
    plan = build(its, Mode.ENFORCE, workloads, {workload.name: Verdict() for workload in workloads}, replace(decision(cart=0.0), kept=0.2504))
    assert plan is not None
    assert (plan.keep_permille, plan.to_api()["keepPermille"]) == (250, 250)


def test_a_target_is_written_in_thousandths_with_its_group() -> None:
    plan = planned()
    assert plan is not None
    assert [(str(its.owner), its.group, its.throttle_permille) for its in plan.workloads] == [
        ("Deployment/cart", "cart", 40),
        ("Deployment/pay", "pay", 40),
    ]


def test_the_burst_is_the_users_choice() -> None:
    plan = planned(actuators={"burst": "Off"})
    assert plan is not None
    assert plan.burst is False


@pytest.mark.parametrize(
    ("actuators", "quota", "weight"),
    [({}, True, False), ({"weight": "Auto"}, True, True), ({"quota": "Off", "weight": "Auto"}, False, True)],
)
def test_quotas_and_weights_are_asked_for_each_by_itself(actuators: dict[str, str], quota: bool, weight: bool) -> None:
    plan = planned(actuators=actuators)
    assert plan is not None
    assert (plan.quota, plan.weight) == (quota, weight)


def test_a_workload_of_an_older_object_is_left_out() -> None:
    taken = Verdict((Reason.OTHER_LATENCY_SLO, "steered by another"))
    plan = planned(verdict=taken)
    assert plan is not None
    assert [its.owner.name for its in plan.workloads] == ["pay"]
    assert planned(verdict=taken, pods=[pod("cart")]) is None


def test_a_workload_that_a_vpa_changes_is_measured_and_left_alone() -> None:
    plan = planned(verdict=Verdict((Reason.VERTICAL_POD_AUTOSCALER, "changed by another")))
    assert plan is not None
    cart, pay = plan.workloads
    assert {its.control.value for its in cart.containers} == {"Off"}
    assert {its.control.value for its in pay.containers} == {"Auto"}


def test_a_floor_for_an_hpa_lifts_its_container_alone() -> None:
    plan = planned(verdict=Verdict(floors={"main": 192, "small": 20, "off": 500}), workloads=[WITH_OFF])
    assert plan is not None
    cart = plan.workloads[0]
    assert {its.name: (its.control.value, its.min_milli) for its in cart.containers} == {
        "*": ("Auto", 50),
        "main": ("Auto", 192),
        "off": ("Off", 500),
    }


WITH_OFF = {"name": "all", "selector": {"matchLabels": {"app": "shop"}}, "containers": [{"name": "*"}, {"name": "off", "control": "Off"}]}


def test_lists_are_bounded_towards_capacity() -> None:
    many = tuple(container(f"c{number}") for number in range(CONTAINERS_MOST + 1))
    plan = planned(verdict=Verdict(floors={its.name: 100 + number for number, its in enumerate(many)}), pods=[pod("cart", containers=many)])
    assert plan is not None
    assert [(its.name, its.min_milli) for its in plan.workloads[0].containers] == [("*", 100 + CONTAINERS_MOST)]
    plan = planned(pods=[pod(f"w{number}") for number in range(WORKLOADS_MOST + 5)])
    assert plan is not None
    assert len(plan.workloads) == WORKLOADS_MOST


def test_without_workloads_there_is_no_plan() -> None:
    assert planned(pods=[pod("cart", app="other")]) is None


def test_a_plan_is_owned_by_its_object() -> None:
    its, plan = slo(), planned()
    assert plan is not None
    body = manifest(its, plan)
    assert body["metadata"]["name"] == "shop"
    (owner,) = body["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("LatencySLO", "shop", "uid-shop", True)
    assert ThrottlePlanSpec.parse(body["spec"]) == plan
