"""Whether a plan gives back: takes less of anything than the one in force."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from flyball.controllers.latencyslo.plan import gives_back

Spec = dict[str, Any]


def plan(**changes: Any) -> Spec:
    """A plan in force: cart and pay at 50 of 1000, every container above 50m."""
    workloads = [
        {
            "owner": {"kind": "Deployment", "name": name},
            "selector": {"matchLabels": {"app": "shop"}},
            "group": "low",
            "throttlePermille": 50,
            "containers": [{"name": "*", "control": "Auto", "minMilli": 50}],
        }
        for name in ("cart", "pay")
    ]
    spec = {"action": "Control", "quota": True, "burst": True, "weight": True, "canaryPercent": 50, "keepPermille": 100, "workloads": workloads}
    return spec | changes


def workload(**changes: Any) -> Spec:
    """The plan with another cart."""
    its = plan()
    its["workloads"][0] |= changes
    return its


@pytest.mark.parametrize(
    ("what", "wanted", "back"),
    [
        ("the same", plan(), False),
        ("agents only measure", plan(action="Measure"), True),
        ("quotas are left alone", plan(quota=False), True),
        ("weights are left alone", plan(weight=False), True),
        ("fewer pods", plan(canaryPercent=20), True),
        ("more pods", plan(canaryPercent=100), False),
        ("more of each grant is kept", plan(keepPermille=200), True),
        ("less of each grant is kept", plan(keepPermille=0), False),
        ("the burst is another matter", plan(burst=False), False),
        ("a lower target", workload(throttlePermille=20), True),
        ("a higher target", workload(throttlePermille=60), False),
        ("a workload less", plan(workloads=plan()["workloads"][:1]), True),
        ("other pods", workload(selector={"matchLabels": {"app": "other"}}), True),
        ("a higher floor", workload(containers=[{"name": "*", "control": "Auto", "minMilli": 80}]), True),
        ("a lower floor", workload(containers=[{"name": "*", "control": "Auto", "minMilli": 20}]), False),
        (
            "a floor for one container",
            workload(containers=[{"name": "*", "control": "Auto", "minMilli": 50}, {"name": "main", "control": "Auto", "minMilli": 192}]),
            True,
        ),
        (
            "one container is left alone",
            workload(containers=[{"name": "*", "control": "Auto", "minMilli": 50}, {"name": "main", "control": "Off", "minMilli": 50}]),
            True,
        ),
        ("only one container is meant", workload(containers=[{"name": "main", "control": "Auto", "minMilli": 50}]), True),
        ("another group", workload(group="high"), False),
    ],
)
def test_less_of_anything_gives_back(what: str, wanted: Spec, back: bool) -> None:
    assert gives_back(plan(), wanted) is back, what


def test_less_of_one_thing_gives_back_whatever_more_is_taken_of_others() -> None:
    wanted = workload(throttlePermille=20)
    wanted["workloads"][1]["throttlePermille"] = 400
    assert gives_back(plan(), wanted)


@pytest.mark.parametrize("before", [None, plan(action="Measure")])
def test_where_nothing_is_taken_nothing_is_given_back(before: Spec | None) -> None:
    assert not gives_back(deepcopy(before), plan(action="Measure"))
    assert not gives_back(deepcopy(before), plan())
