"""Every rule of PredictiveAutoscaler's CRD refuses an object on the real API server, with its sentence; and what is near the edge is taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from hack.cluster import Cluster
from tests.api_objects import ABSENT, changed, full_pas, minimal_pas
from tests.cluster.refused import Refused, sentences
from tests.cluster.rest import Rest
from tests.cluster.served import served

pytestmark = pytest.mark.cluster

DEMAND = "spec.demands.0"
ONE_SOURCE = "a demand needs exactly one of counter, preset and promql"
CLOCK = "a schedule's start and end must be times of day"
QUANTILE = "quantile must be a percentage from 50 to 99 with at most one decimal"


def schedule(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "office", "start": "08:00", "end": "18:00", "minReplicas": 3, **fields}]


def cost(**fields: str) -> dict[str, str]:
    return {"replicaHour": "0.1", "maxPerHour": "2", **fields}


def matchers(key: str) -> dict[str, Any]:
    return {"metric": "http_requests_total", "matchers": {key: "web"}}


def largest() -> dict[str, Any]:
    """As many of everything as there may be: the API server also counts what rules cost when they run."""
    demand = {"counter": {"metric": "m" * 256, "matchers": {f"label_{number}": "v" * 256 for number in range(16)}}, "capacity": "123456789.123456"}
    pas = changed(full_pas(), "spec.demands", [{**demand, "name": f"n{number}"} for number in range(4)])
    return changed(pas, "spec.schedules", [{**schedule(timeZone="A" * 64)[0], "name": f"n{number}"} for number in range(16)])


REFUSED = [
    Refused("a demand's name in capitals", f"{DEMAND}.name", "Requests", "demands[0].name", "a demand's name must be lower-case"),
    Refused("a demand of nothing", f"{DEMAND}.counter", ABSENT, "demands[0]", ONE_SOURCE),
    Refused("a demand of two things", f"{DEMAND}.promql", {"rate": "x"}, "demands[0]", ONE_SOURCE),
    Refused("a metric with a dash", f"{DEMAND}.counter.metric", "http-requests", "counter.metric", "metric must be a Prometheus metric name"),
    Refused("a matcher that is no label", f"{DEMAND}.counter", matchers("a-b"), "matchers", "a matcher's key must be a Prometheus label name"),
    Refused("a matcher of Prometheus' own", f"{DEMAND}.counter", matchers("__name__"), "matchers", "a label that starts with __"),
    Refused("a matcher on the namespace", f"{DEMAND}.counter", matchers("namespace"), "matchers", "must not name the label namespace"),
    Refused(
        "a preset's workload in capitals", f"{DEMAND}.preset", {"name": "istio", "workload": "Web"}, "preset.workload", "workload must be the name of"
    ),
    Refused("a capacity of zero", f"{DEMAND}.capacity", "0.000", "demands[0].capacity", "capacity must be a number above 0"),
    Refused("a capacity with a unit", f"{DEMAND}.capacity", "120/s", "demands[0].capacity", "capacity must be a number above 0"),
    Refused("a negative capacity", f"{DEMAND}.capacity", "-1", "demands[0].capacity", "capacity must be a number above 0"),
    Refused(
        "an apiVersion that is none", "spec.scaleTargetRef.apiVersion", "apps", "apiVersion", "scaleTargetRef.apiVersion must be a group and version"
    ),
    Refused("a kind in lower case", "spec.scaleTargetRef.kind", "deployment", "kind", "scaleTargetRef.kind must be a kind"),
    Refused("a target without a name", "spec.scaleTargetRef.name", "", "name", "scaleTargetRef.name must be the name of a Kubernetes object"),
    Refused("mode Canary", "spec.mode", "Canary", "spec.mode", "mode Canary is not for replicas: a part of a number is a number"),
    Refused("a mode that is none", "spec.mode", "Auto", "spec.mode", "mode must be Observe, Recommend or Enforce"),
    Refused("a readyAfter without a unit", "spec.readyAfter", "90", "spec.readyAfter", "readyAfter must be a duration such as 90s"),
    Refused("a readyAfter of nothing", "spec.readyAfter", "0s", "spec.readyAfter", "readyAfter must be at least 1s"),
    Refused("a readyAfter beyond what forecasts reach", "spec.readyAfter", "61m", "spec.readyAfter", "readyAfter must be at most 1h"),
    Refused("a quantile below the middle", "spec.quantile", "49", "spec.quantile", QUANTILE),
    Refused("a quantile of everything", "spec.quantile", "100", "spec.quantile", QUANTILE),
    Refused("a quantile that no forecast has", "spec.quantile", "99.9", "spec.quantile", QUANTILE),
    Refused("a quantile just above the largest", "spec.quantile", "99.1", "spec.quantile", QUANTILE),
    Refused("a quantile as a share", "spec.quantile", "0.95", "spec.quantile", QUANTILE),
    Refused("zero at once", "spec.scaleToZeroAfter", "30s", "spec.scaleToZeroAfter", "scaleToZeroAfter must be at least 1m"),
    Refused("zero after a number", "spec.scaleToZeroAfter", "10", "spec.scaleToZeroAfter", "scaleToZeroAfter must be a duration such as 10m"),
    Refused("a minimum above the maximum", "spec.minReplicas", 11, "spec", "minReplicas must not be above maxReplicas"),
    Refused("a schedule's name in capitals", "spec.schedules", schedule(name="Office"), "schedules[0].name", "a schedule's name must be lower-case"),
    Refused("an hour that is none", "spec.schedules", schedule(start="24:00"), "schedules[0].start", CLOCK),
    Refused("an end that is a number", "spec.schedules", schedule(end="18"), "schedules[0].end", CLOCK),
    Refused(
        "a time zone with a space", "spec.schedules", schedule(timeZone="Europe Berlin"), "timeZone", "timeZone must be a name of the IANA database"
    ),
    Refused("a price of nothing", "spec.cost", cost(replicaHour="0"), "cost.replicaHour", "cost.replicaHour must be a number above 0"),
    Refused("money in a currency", "spec.cost", cost(maxPerHour="3 EUR"), "cost.maxPerHour", "cost.maxPerHour must be a number above 0"),
    Refused("less money than one replica costs", "spec.cost", cost(maxPerHour="0.09"), "spec.cost", "cost.maxPerHour must not be below"),
    Refused("a price that decides nothing", "spec.cost", {"replicaHour": "0.1"}, "spec.cost", "cost needs maxPerHour, shortMinute or both"),
    Refused("a short minute for nothing", "spec.cost", cost(shortMinute="0"), "cost.shortMinute", "cost.shortMinute must be a number above 0"),
]
ZERO_FLOOR = changed(changed(minimal_pas(), "spec.via", "HPAFloor"), "spec.minReplicas", 0)

TAKEN = [
    ("the least", minimal_pas()),
    ("everything", full_pas()),
    ("the most", largest()),
    ("a scale to zero", changed(minimal_pas(), "spec.minReplicas", 0)),
    ("half a schedule's fields", changed(minimal_pas(), "spec.schedules", schedule())),
    ("half a behaviour", changed(minimal_pas(), "spec.behavior", {"scaleDown": {"stabilizationWindowSeconds": 60}})),
    (
        "a target of another group",
        changed(minimal_pas(), "spec.scaleTargetRef", {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"}),
    ),
    ("the largest quantile", changed(minimal_pas(), "spec.quantile", "99")),
    ("the largest quantile with a decimal", changed(minimal_pas(), "spec.quantile", "99.0")),
    ("a quantile between two", changed(minimal_pas(), "spec.quantile", "98.5")),
    ("money for one replica", changed(minimal_pas(), "spec.cost", cost(maxPerHour="0.10"))),
    ("a short minute without a ceiling", changed(minimal_pas(), "spec.cost", {"replicaHour": "0.1", "shortMinute": "0.5"})),
    ("a zone with a sign", changed(minimal_pas(), "spec.schedules", schedule(timeZone="Etc/GMT+5"))),
]


@pytest.fixture(scope="module")
def rest(api_cluster: Cluster) -> Iterator[Rest]:
    yield served(api_cluster)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.title)
def test_refused(rest: Rest, case: Refused) -> None:
    answer = rest.create("predictiveautoscalers", changed(minimal_pas(), case.path, case.value), dry_run=True)
    assert answer.code == 422, answer.message
    assert case.where in answer.message
    assert case.sentence in answer.message


def test_an_hpa_has_no_floor_of_zero(rest: Rest) -> None:
    assert "via HPAFloor needs minReplicas of at least 1" in rest.create("predictiveautoscalers", ZERO_FLOOR, dry_run=True).message


@pytest.mark.parametrize(("title", "pas"), TAKEN, ids=[title for title, _ in TAKEN])
def test_taken_with_the_defaults_that_python_has(rest: Rest, title: str, pas: dict[str, Any]) -> None:
    answer = rest.create("predictiveautoscalers", pas, dry_run=True)
    assert answer.code == 201, answer.message
    assert PredictiveAutoscaler.parse(pas).spec.to_api() == answer.body["spec"]


def test_no_rule_is_without_an_object_that_it_refuses() -> None:
    tested = [*(case.sentence for case in REFUSED), "via HPAFloor needs minReplicas of at least 1"]
    assert [sentence for sentence in sentences("predictiveautoscalers") if not any(part in sentence for part in tested)] == []
