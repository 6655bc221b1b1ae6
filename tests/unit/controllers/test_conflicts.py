"""Who else steers a workload, and what that leaves."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from flyball.api.conditions import Reason
from flyball.controllers.latencyslo.conflicts import Verdict, judge
from flyball.controllers.shared.autoscalers import FRESH_SECONDS, REFRESH_SECONDS, Autoscaler, Autoscalers, horizontal, vertical
from flyball.kube import paths
from flyball.kube.client import Kube, KubeError
from tests.operator.fake_kube import FakeKube
from tests.unit.controllers.builders import container, only, pod, slo

OLD, NEW = "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"


def hpa(percent: int = 80, *, target: str = "cart", of: str | None = None) -> dict[str, Any]:
    kind = "containerResource" if of else "resource"
    source = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}} | ({"container": of} if of else {})
    metrics = [{"type": "External", "external": {}}, {"type": "Resource", kind: source}]
    return {
        "metadata": {"namespace": "default", "name": "scaler"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": target}, "metrics": metrics},
    }


def vpa(mode: str | None) -> dict[str, Any]:
    policy = {} if mode is None else {"updatePolicy": {"updateMode": mode}}
    return {"metadata": {"namespace": "default", "name": "sizer"}, "spec": {"targetRef": {"kind": "Deployment", "name": "cart"}, **policy}}


def verdict(*autoscalers: Autoscaler, pods: Any = None, **spec: Any) -> Verdict:
    its, pods = slo(**spec), pods or [pod("cart")]
    return judge(its, only(its, *pods), [], autoscalers)


@pytest.mark.parametrize(
    ("what", "mine", "other", "conflict"),
    [
        ("the older one keeps the workload", NEW, {"created": OLD}, True),
        ("the younger one does not take it", OLD, {"created": NEW}, False),
        ("of two made in the same second the first by name keeps it", OLD, {"created": OLD, "name": "a"}, True),
        ("a suspended one plans nothing", NEW, {"created": OLD, "suspend": True}, False),
        (
            "one that names other workloads is none",
            NEW,
            {"created": OLD, "workloads": [{"name": "x", "selector": {"matchLabels": {"app": "x"}}}]},
            False,
        ),
    ],
)
def test_two_objects_on_one_workload(what: str, mine: str, other: dict[str, Any], conflict: bool) -> None:
    its, pods = slo(created=mine), [pod("cart")]
    rival = slo(**{"name": "rival", **other})
    found = judge(its, only(its, *pods), [rival, its], [])
    assert found.taken is conflict, what
    if found.conflict:
        assert rival.metadata.name in found.conflict[1]


@pytest.mark.parametrize(
    ("mode", "conflict"), [("Auto", True), ("Recreate", True), ("InPlaceOrRecreate", True), (None, True), ("Off", False), ("Initial", False)]
)
def test_a_vpa_that_changes_running_pods_is_left_alone(mode: str | None, conflict: bool) -> None:
    found = verdict(vertical(vpa(mode)))
    assert (found.conflict is not None and found.conflict[0] is Reason.VERTICAL_POD_AUTOSCALER) is conflict
    assert not found.taken, "it is still measured"


@pytest.mark.parametrize(
    ("what", "autoscaler", "containers", "floors"),
    [
        ("1.2 x 80 % of the request, rounded up", hpa(80), [container(request=101)], {"main": 97}),
        ("without a request there is no utilisation", hpa(), [container(request=None)], {}),
        ("without a limit there is nothing to lower", hpa(), [container(limit=None), container("b")], {"b": 96}),
        ("one container's utilisation", hpa(50, of="b"), [container(), container("b", request=300)], {"b": 180}),
        ("another workload's HPA", hpa(target="pay"), [container()], None),
    ],
)
def test_an_hpa_on_utilisation_keeps_a_floor(what: str, autoscaler: dict[str, Any], containers: list[Any], floors: dict[str, int] | None) -> None:
    found = verdict(horizontal(autoscaler), pods=[pod("cart", containers=tuple(containers))])
    assert found.conflict is None, what
    assert found.floors == floors, what


def test_an_hpa_keeps_a_floor_of_the_weight_where_weights_are_moved() -> None:
    found = verdict(horizontal(hpa(50)), pods=[pod("cart", containers=(container(limit=None),))], actuators={"weight": "Auto"})
    assert (found.conflict, found.floors) == (None, {"main": 60})
    whole = verdict(horizontal(hpa(90)), pods=[pod("cart", containers=(container(limit=None),))], actuators={"weight": "Auto"})
    assert whole.conflict is not None
    assert whole.conflict[0] is Reason.HORIZONTAL_POD_AUTOSCALER


def test_during_a_rollout_the_largest_request_counts() -> None:
    pods = [pod("cart", 1, containers=(container(request=300),)), pod("cart", 2, containers=(container(request=100),))]
    assert verdict(horizontal(hpa(50)), pods=pods).floors == {"main": 180}


def test_an_hpa_that_needs_the_whole_limit_leaves_nothing() -> None:
    found = verdict(horizontal(hpa(90)), pods=[pod("cart", containers=(container(request=1000, limit=1000),))])
    assert found.conflict is not None
    assert found.conflict[0] is Reason.HORIZONTAL_POD_AUTOSCALER


def test_an_hpa_on_other_metrics_is_none_of_our_business() -> None:
    body = hpa()
    body["spec"]["metrics"] = [{"type": "Resource", "resource": {"name": "memory", "target": {"averageUtilization": 80}}}]
    assert verdict(horizontal(body)) == Verdict()
    average = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "500m"}}}
    body["spec"]["metrics"] = [average]
    assert verdict(horizontal(body)) == Verdict()


def known(kube: FakeKube, scalers: Autoscalers, now: float, at_most_seconds: float = REFRESH_SECONDS) -> list[Autoscaler]:
    return asyncio.run(scalers.known(now, at_most_seconds))


def test_autoscalers_are_listed_once_a_minute_or_for_news_once_a_second_and_incomplete_ones_are_passed_over() -> None:
    kube = FakeKube()
    scalers = Autoscalers(cast(Kube, kube))
    kube.objects[f"{paths.autoscalers()}/a"] = hpa()
    kube.objects[f"{paths.vertical_autoscalers()}/b"] = vpa("Auto")
    kube.objects[f"{paths.vertical_autoscalers()}/c"] = {"metadata": {"namespace": "default", "name": "c"}, "spec": {}}
    assert [its.name for its in known(kube, scalers, 0)] == ["scaler", "sizer"]
    kube.fault = KubeError(500, "not asked")
    assert len(known(kube, scalers, REFRESH_SECONDS - 1)) == 2
    assert len(known(kube, scalers, 0.9 * FRESH_SECONDS, FRESH_SECONDS)) == 2
    with pytest.raises(KubeError):
        known(kube, scalers, FRESH_SECONDS, FRESH_SECONDS)
    with pytest.raises(KubeError):
        known(kube, scalers, REFRESH_SECONDS)
