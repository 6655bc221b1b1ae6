"""Every rule of the CRDs refuses an object on the real API server, with its sentence; and what is near the edge is taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hack.cluster import Cluster
from tests.api_objects import ABSENT, changed, full_slo, minimal_slo
from tests.cluster.refused import Refused, sentences
from tests.cluster.rest import Rest
from tests.cluster.served import served

pytestmark = pytest.mark.cluster

OBJECTIVE = "spec.objectives.0"
HISTOGRAM = f"{OBJECTIVE}.indicator.histogram"
WORKLOAD = "spec.workloads.0"
TARGET = 'target must be a percentage above 0 and below 100 with at most three decimals, such as "99" or "99.9"'
MINUTES = 'minutesAbovePercent must be a percentage above 0 and below 100 with at most three decimals, such as "5"'
THROTTLE = 'throttlePercent must be between 0 and 30, such as "5" or "2.5"'
FIXED = "policy Fixed needs throttlePercent, Budget and Bandit take none"
ONE_INDICATOR = "indicator needs exactly one of histogram, preset and promql"
ONE_POD_SET = "a workload needs exactly one of selector and targetRef"
CONTAINER = 'a container\'s name must be lower-case letters, digits and dashes, or "*"'
LABEL_NAME = "a matcher's key must be a Prometheus label name: letters, digits and underscores, no digit first"
KEY = "a label's key must be letters, digits, dashes, underscores and dots, with a DNS name and a slash before it at most"
EMPTY = "selector must not be empty: it would select every pod of the namespace"
VALUES = "operators In and NotIn need values, Exists and DoesNotExist take none"


def expression(operator: str, *values: str, key: str = "tier") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


def containers(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "*", **fields}]


def many(part: str, count: int) -> list[dict[str, Any]]:
    return [{**minimal_slo()["spec"][part][0], "name": f"n{number}"} for number in range(count)]


def largest() -> dict[str, Any]:
    """As many of everything as there may be: the API server also counts what rules cost when they run."""
    slo = changed(minimal_slo(), "spec.objectives", many("objectives", 4))
    selector = {
        "matchLabels": {f"label-{number}": "v" * 63 for number in range(16)},
        "matchExpressions": [{"key": f"k{number}", "operator": "NotIn", "values": [f"value-{other}" for other in range(16)]} for number in range(16)],
    }
    workload = {"selector": selector, "containers": [{"name": f"c{number}"} for number in range(16)]}
    return changed(slo, "spec.workloads", [{**workload, "name": f"n{number}"} for number in range(64)])


REFUSED = [
    Refused("an objective's name in capitals", f"{OBJECTIVE}.name", "Gateway", "objectives[0].name", "an objective's name must be lower-case"),
    Refused("an objective without a name", f"{OBJECTIVE}.name", "", "objectives[0].name", "an objective's name must be lower-case"),
    Refused("a target of 100 %, which leaves no budget", f"{OBJECTIVE}.target", "100", "objectives[0].target", TARGET),
    Refused("a target of 0", f"{OBJECTIVE}.target", "0.000", "objectives[0].target", TARGET),
    Refused("a negative target", f"{OBJECTIVE}.target", "-1", "objectives[0].target", TARGET),
    Refused("a target with four decimals", f"{OBJECTIVE}.target", "9.1234", "objectives[0].target", TARGET),
    Refused("a target with a percent sign", f"{OBJECTIVE}.target", "99%", "objectives[0].target", TARGET),
    Refused("a threshold without a unit", f"{OBJECTIVE}.threshold", "200", "objectives[0].threshold", "threshold must be a duration such as 200ms"),
    Refused("a threshold in days", f"{OBJECTIVE}.threshold", "1d", "objectives[0].threshold", "threshold must be a duration such as 200ms"),
    Refused("a negative threshold", f"{OBJECTIVE}.threshold", "-1s", "objectives[0].threshold", "threshold must be a duration such as 200ms"),
    Refused("a threshold of zero", f"{OBJECTIVE}.threshold", "0.000s", "objectives[0].threshold", "threshold must be above zero"),
    Refused("a threshold above an hour", f"{OBJECTIVE}.threshold", "1h1ms", "objectives[0].threshold", "threshold must be at most 1h"),
    Refused("a threshold as long as the window", f"{OBJECTIVE}.threshold", "60m", "objectives[0]", "threshold must be shorter than window"),
    Refused("a window in weeks", f"{OBJECTIVE}.window", "1w", "objectives[0].window", "window must be a duration such as 1h or 7d"),
    Refused("a window of no days", f"{OBJECTIVE}.window", "0d", "objectives[0].window", "window must be a duration such as 1h or 7d"),
    Refused("a window below 5m", f"{OBJECTIVE}.window", "4m59s", "objectives[0].window", "window must be at least 5m"),
    Refused("a window of 31 days", f"{OBJECTIVE}.window", "31d", "objectives[0].window", "window must be 30d at most"),
    Refused("a window of 30 days and a second", f"{OBJECTIVE}.window", "720h1s", "objectives[0].window", "window must be 30d at most"),
    Refused("no minute above", f"{OBJECTIVE}.minutesAbovePercent", "0", "objectives[0].minutesAbovePercent", MINUTES),
    Refused("all minutes above", f"{OBJECTIVE}.minutesAbovePercent", "100", "objectives[0].minutesAbovePercent", MINUTES),
    Refused("minutes above with a unit", f"{OBJECTIVE}.minutesAbovePercent", "5%", "objectives[0].minutesAbovePercent", MINUTES),
    Refused("no indicator", f"{OBJECTIVE}.indicator", {}, "objectives[0].indicator", ONE_INDICATOR),
    Refused("two indicators", f"{OBJECTIVE}.indicator.promql", {"good": "a", "total": "b"}, "objectives[0].indicator", ONE_INDICATOR),
    Refused("a metric with a dash", f"{HISTOGRAM}.metric", "http-seconds", "histogram.metric", "metric must be a Prometheus metric name"),
    Refused("a metric with a query in it", f"{HISTOGRAM}.metric", "a{}) or (b", "histogram.metric", "metric must be a Prometheus metric name"),
    Refused("a metric with _bucket", f"{HISTOGRAM}.metric", "http_seconds_bucket", "histogram.metric", "without _bucket, _count or _sum"),
    Refused("a matcher's key with a dot", f"{HISTOGRAM}.matchers", {"app.name": "x"}, "histogram.matchers", LABEL_NAME),
    Refused("a matcher's key that starts with a digit", f"{HISTOGRAM}.matchers", {"5xx": "x"}, "histogram.matchers", LABEL_NAME),
    Refused("a matcher on another namespace", f"{HISTOGRAM}.matchers", {"namespace": "other"}, "matchers", "must not name the label namespace"),
    Refused("a matcher on le", f"{HISTOGRAM}.matchers", {"le": "0.2"}, "histogram.matchers", "matchers must not name the label le"),
    Refused("a matcher on the metric's name", f"{HISTOGRAM}.matchers", {"__name__": "up"}, "matchers", "a label that starts with __"),
    Refused("a bad matcher on another namespace", f"{HISTOGRAM}.badMatchers", {"namespace": "o"}, "badMatchers", "must not name the label namespace"),
    Refused("a bad matcher that is no expression", f"{HISTOGRAM}.badMatchers", {"code": "5["}, "badMatchers", "must be regular expressions (RE2)"),
    Refused(
        "a preset of a workload with a query in its name",
        f"{OBJECTIVE}.indicator",
        {"preset": {"name": "istio", "workload": 'x"}'}},
        "preset.workload",
        "workload must be the name of a Kubernetes object",
    ),
    Refused("a workload's name with a dot", f"{WORKLOAD}.name", "a.b", "workloads[0].name", "a workload's name must be lower-case"),
    Refused("a workload without pods", f"{WORKLOAD}.selector", ABSENT, "workloads[0]", ONE_POD_SET),
    Refused("a workload with both", f"{WORKLOAD}.targetRef", {"kind": "Deployment", "name": "cart"}, "workloads[0]", ONE_POD_SET),
    Refused("an empty selector", f"{WORKLOAD}.selector", {}, "workloads[0].selector", EMPTY),
    Refused("a selector of empty parts", f"{WORKLOAD}.selector", {"matchLabels": {}, "matchExpressions": []}, "workloads[0].selector", EMPTY),
    Refused("In without values", f"{WORKLOAD}.selector", expression("In"), "workloads[0].selector", VALUES),
    Refused("Exists with values", f"{WORKLOAD}.selector", expression("Exists", "web"), "workloads[0].selector", VALUES),
    Refused("a label's key with a space", f"{WORKLOAD}.selector", {"matchLabels": {"a b": "c"}}, "selector", KEY),
    Refused("a label's key with two slashes", f"{WORKLOAD}.selector", expression("Exists", key="a/b/c"), "selector", KEY),
    Refused("a label's value with a slash", f"{WORKLOAD}.selector", {"matchLabels": {"a": "b/c"}}, "selector", "a label's value must be letters"),
    Refused("a requirement's value with a slash", f"{WORKLOAD}.selector", expression("In", "b/c"), "selector", "a label's value must be letters"),
    Refused("a label's value of a dash", f"{WORKLOAD}.selector", {"matchLabels": {"a": "-"}}, "selector", "a label's value must be letters"),
    Refused(
        "a workload of another API group",
        f"{WORKLOAD}",
        {"name": "shop", "targetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Deployment", "name": "cart"}},
        "workloads[0].targetRef",
        "targetRef must name a workload of apps/v1",
    ),
    Refused(
        "a target's name with a slash",
        f"{WORKLOAD}",
        {"name": "shop", "targetRef": {"kind": "Deployment", "name": "shop/cart"}},
        "targetRef.name",
        "targetRef.name must be the name of a Kubernetes object",
    ),
    Refused("a container's name with a star in it", f"{WORKLOAD}.containers", [{"name": "app*"}], "containers[0].name", CONTAINER),
    Refused("a floor in bytes", f"{WORKLOAD}.containers", containers(cpu={"min": "1Gi"}), "cpu.min", "must be a CPU quantity such as 50m or 0.5"),
    Refused("a negative floor", f"{WORKLOAD}.containers", containers(cpu={"min": "-50m"}), "cpu.min", "cpu.min must be a CPU quantity"),
    Refused("a floor of zero", f"{WORKLOAD}.containers", containers(cpu={"min": "0"}), "cpu.min", "cpu.min must be at least 10m"),
    Refused("a floor below the kernel's", f"{WORKLOAD}.containers", containers(cpu={"min": "9m"}), "cpu.min", "cpu.min must be at least 10m"),
    Refused("a floor above every node", f"{WORKLOAD}.containers", containers(cpu={"min": "1000.001"}), "cpu.min", "and at most 1000"),
    Refused("Fixed without its target", "spec.policy", {"type": "Fixed"}, "spec.policy", FIXED),
    Refused("Budget with a fixed target", "spec.policy", {"throttlePercent": "5"}, "spec.policy", FIXED),
    Refused("Bandit with a fixed target", "spec.policy", {"type": "Bandit", "throttlePercent": "5"}, "spec.policy", FIXED),
    Refused("a fixed target above 30 %", "spec.policy", {"type": "Fixed", "throttlePercent": "30.001"}, "policy.throttlePercent", THROTTLE),
    Refused("a fixed target that is no number", "spec.policy", {"type": "Fixed", "throttlePercent": "some"}, "policy.throttlePercent", THROTTLE),
    Refused("requests that follow", "spec.actuators.requests.policy", "Follow", "requests.policy", "Follow is not in this version: requests stay"),
    Refused("requests that do something else", "spec.actuators.requests.policy", "Drop", "requests.policy", "requests.policy must be Keep"),
    Refused("a floor of requests in bytes", "spec.actuators.requests.min", "1Gi", "requests.min", "requests.min must be a CPU quantity"),
    Refused("a canary for some time", "spec.canary.duration", "soon", "canary.duration", "canary.duration must be a duration such as 30m"),
    Refused("a canary of a second", "spec.canary.duration", "1s", "canary.duration", "canary.duration must be at least 1m"),
]

TWO = [{"name": "a"}, {"name": "a"}]
STRUCTURE = [
    Refused("no spec", "spec", ABSENT, "spec", "Required value"),
    Refused("no objectives", "spec.objectives", ABSENT, "spec.objectives", "Required value"),
    Refused("an empty list of objectives", "spec.objectives", [], "spec.objectives", "should have at least 1 items"),
    Refused("two objectives of a name", "spec.objectives", minimal_slo()["spec"]["objectives"] * 2, "spec.objectives[1]", "Duplicate value"),
    Refused("two workloads of a name", "spec.workloads", minimal_slo()["spec"]["workloads"] * 2, "spec.workloads[1]", "Duplicate value"),
    Refused("two entries for a container", f"{WORKLOAD}.containers", TWO, "containers[1]", "Duplicate value"),
    Refused("no entry for any container", f"{WORKLOAD}.containers", [], "containers", "should have at least 1 items"),
    Refused("a field that does not exist", "spec.treshold", "1s", "spec.treshold", "unknown field"),
    Refused("a mode that does not exist", "spec.mode", "Force", "spec.mode", 'supported values: "Observe", "Recommend", "Canary", "Enforce"'),
    Refused("five objectives", "spec.objectives", many("objectives", 5), "spec.objectives", "must have at most 4 items"),
    Refused("65 workloads", "spec.workloads", many("workloads", 65), "spec.workloads", "must have at most 64 items"),
    Refused("a canary of more than half", "spec.canary.percent", 51, "canary.percent", "should be less than or equal to 50"),
    Refused("a canary of nothing", "spec.canary.percent", 0, "canary.percent", "should be greater than or equal to 1"),
    Refused("Off without quotes, which YAML reads as false", "spec.actuators.quota", False, "actuators.quota", "must be of type string"),
    Refused("a weight that does not exist", "spec.actuators.weight", "On", "actuators.weight", 'supported values: "Auto", "Off"'),
    Refused("a target without quotes, which YAML reads as a number", f"{OBJECTIVE}.target", 99.9, "objectives[0].target", "must be of type string"),
]

TAKEN = [
    ("every field", full_slo()),
    ("the least", minimal_slo()),
    ("the strictest target", changed(minimal_slo(), f"{OBJECTIVE}.target", "99.999")),
    ("the shortest threshold", changed(minimal_slo(), f"{OBJECTIVE}.threshold", "0.5ms")),
    ("the shortest window", changed(minimal_slo(), f"{OBJECTIVE}.window", "300s")),
    ("the longest window", changed(minimal_slo(), f"{OBJECTIVE}.window", "30d")),
    ("a threshold of an hour in a window of days", changed(changed(minimal_slo(), f"{OBJECTIVE}.window", "1d"), f"{OBJECTIVE}.threshold", "1h")),
    ("four objectives", changed(minimal_slo(), "spec.objectives", many("objectives", 4))),
    ("64 workloads", changed(minimal_slo(), "spec.workloads", many("workloads", 64))),
    ("as many of everything as there may be", largest()),
    ("half the pods", changed(minimal_slo(), "spec.canary.percent", 50)),
    ("no throttling at all", changed(minimal_slo(), "spec.policy", {"type": "Fixed", "throttlePercent": "0"})),
    ("the highest fixed target", changed(minimal_slo(), "spec.policy", {"type": "Fixed", "throttlePercent": "30"})),
    ("a floor of a core", changed(minimal_slo(), f"{WORKLOAD}.containers", containers(cpu={"min": "1"}))),
    ("a selector of requirements", changed(minimal_slo(), f"{WORKLOAD}.selector", expression("NotIn", "", "batch"))),
    ("a label's key with a DNS name", changed(minimal_slo(), f"{WORKLOAD}.selector", {"matchLabels": {"app.kubernetes.io/name_x": "a_b.C"}})),
]


@pytest.fixture(scope="module")
def rest(api_cluster: Cluster) -> Iterator[Rest]:
    yield served(api_cluster)


@pytest.mark.parametrize("case", [*REFUSED, *STRUCTURE], ids=lambda case: case.title)
def test_refused_with_the_sentence_that_a_person_needs(rest: Rest, case: Refused) -> None:
    answer = rest.create("latencyslos", changed(minimal_slo(), case.path, case.value), dry_run=True)
    assert answer.code in (400, 422), f"taken: {answer.body}"
    assert case.sentence in answer.message
    assert case.where in answer.message


@pytest.mark.parametrize(("title", "slo"), TAKEN, ids=[title for title, _ in TAKEN])
def test_taken(rest: Rest, title: str, slo: dict[str, Any]) -> None:
    answer = rest.create("latencyslos", slo, dry_run=True)
    assert answer.code == 201, answer.message


def test_the_parser_of_expressions_says_what_is_wrong_with_one(rest: Rest) -> None:
    answer = rest.create("latencyslos", changed(minimal_slo(), f"{HISTOGRAM}.badMatchers", {"code": "5["}), dry_run=True)
    assert "missing closing ]" in answer.message


def test_no_rule_is_without_an_object_that_it_refuses() -> None:
    rules = sentences("latencyslos", "throttleplans")
    assert len(rules) > 20
    assert [sentence for sentence in rules if not any(case.sentence in sentence for case in REFUSED)] == []
