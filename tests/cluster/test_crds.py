"""The CRDs on the real API server: objects are stored whole, with the defaults that Python has, and kubectl shows what people need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from flyball.api.crd import KINDS, Kind, crd
from flyball.api.latencyslo import LatencySLO
from flyball.api.throttleplan import ThrottlePlan
from hack.cluster import Cluster
from hack.cluster.layout import REPOSITORY
from hack.cluster.process import poll
from tests.api_objects import changed, full_plan, full_slo, full_status, minimal_slo
from tests.cluster.rest import GROUP_PATH, Rest
from tests.cluster.served import served

pytestmark = pytest.mark.cluster

# As the design page shows it to people.
FROM_THE_DESIGN = """
apiVersion: flyball.dev/v1alpha1
kind: LatencySLO
metadata: {name: shop, namespace: default}
spec:
  mode: Enforce
  objectives:
  - name: gateway
    target: "99"
    threshold: 200ms
    window: 1h
    indicator:
      histogram: {metric: http_request_duration_seconds, unit: Seconds, matchers: {service: gateway}, badMatchers: {code: "5.."}}
  workloads:
  - name: shop
    selector: {matchLabels: {app.kubernetes.io/part-of: shop}}
    containers:
    - {name: "*", control: Auto, cpu: {min: 50m}}
    - {name: istio-proxy, control: "Off"}
  actuators: {quota: Auto, burst: Auto, weight: "Off", requests: {policy: Keep, min: 50m}}
  canary: {percent: 10, duration: 30m}
"""


@pytest.fixture(scope="module")
def rest(api_cluster: Cluster) -> Iterator[Rest]:
    yield served(api_cluster)


@pytest.fixture
def stored(rest: Rest, api_namespace: str) -> dict[str, Any]:
    """A LatencySLO that uses every field, with a status that does, as it was read back."""
    slo = full_slo(namespace=api_namespace)
    assert rest.create("latencyslos", slo).code == 201
    status = rest.put_status("latencyslos", {**rest.get("latencyslos", api_namespace, "shop"), "status": full_status()})
    assert status.code == 200, status.message
    return rest.get("latencyslos", api_namespace, "shop")


def test_every_field_comes_back_as_it_was_sent(stored: dict[str, Any]) -> None:
    assert stored["spec"] == full_slo()["spec"]
    assert stored["status"] == full_status()


def test_what_the_operator_reads_and_writes_is_the_same_object(stored: dict[str, Any]) -> None:
    read = LatencySLO.parse(stored)
    assert read.spec.to_api() == stored["spec"]
    assert read.status.to_api() == stored["status"]
    assert read.metadata.generation == 1


def test_a_plan_comes_back_as_it_was_sent(rest: Rest, api_namespace: str) -> None:
    made = rest.create("throttleplans", full_plan(namespace=api_namespace))
    assert made.code == 201, made.message
    stored = rest.get("throttleplans", api_namespace, "shop")
    assert stored["spec"] == full_plan()["spec"] == ThrottlePlan.parse(stored).spec.to_api()


@pytest.mark.parametrize(
    "slo",
    [
        pytest.param(minimal_slo(), id="the least"),
        pytest.param(changed(minimal_slo(), "spec.workloads.0.containers", [{"name": "app"}]), id="a container without more"),
        pytest.param(changed(minimal_slo(), "spec.workloads.0.containers", [{"name": "app", "cpu": {}}]), id="empty bounds"),
        pytest.param(changed(minimal_slo(), "spec.actuators", {"requests": {}}), id="empty actuators"),
        pytest.param(changed(minimal_slo(), "spec.canary", {"percent": 5}), id="half a canary"),
        pytest.param(
            changed(minimal_slo(), "spec.workloads.0", {"name": "a", "targetRef": {"kind": "Deployment", "name": "cart"}}), id="a target by name"
        ),
    ],
)
def test_the_api_server_fills_in_what_python_would(rest: Rest, slo: dict[str, Any]) -> None:
    made = rest.create("latencyslos", slo, dry_run=True)
    assert made.code == 201, made.message
    assert made.body["spec"] == LatencySLO.parse(slo).spec.to_api()


def test_the_api_server_fills_in_a_plan_as_python_would(rest: Rest) -> None:
    plan = full_plan()
    workload = {"owner": {"kind": "Pod", "name": "lone"}, "group": "low", "throttlePermille": 0, "containers": [{"name": "*"}]}
    plan["spec"] = {"action": "Measure", "workloads": [workload]}
    made = rest.create("throttleplans", plan, dry_run=True)
    assert made.body["spec"] == ThrottlePlan.parse(plan).spec.to_api()


def test_a_status_is_not_taken_from_a_person_who_edits_the_object(rest: Rest, stored: dict[str, Any]) -> None:
    path = f"{GROUP_PATH}/{stored['metadata']['namespace']}/latencyslos/shop"
    edited = changed(changed(stored, "status.savedPercent", 99), "spec.suspend", True)
    answer = rest.call("PUT", path, edited)
    assert answer.body["status"]["savedPercent"] == 52
    assert answer.body["metadata"]["generation"] == 2


def test_two_writers_of_conditions_do_not_take_each_others_away(rest: Rest, stored: dict[str, Any]) -> None:
    path = f"{GROUP_PATH}/{stored['metadata']['namespace']}/latencyslos/shop/status?fieldManager=someone&force=true"
    conflicted = {**full_status()["conditions"][0], "type": "Conflicted"}
    body = {"apiVersion": stored["apiVersion"], "kind": stored["kind"], "metadata": {"name": "shop"}, "status": {"conditions": [conflicted]}}
    answer = rest.call("PATCH", path, body, "application/apply-patch+yaml")
    assert [condition["type"] for condition in answer.body["status"]["conditions"]] == ["Ready", "Conflicted"]


def test_the_object_of_the_design_page_is_taken(api_cluster: Cluster, rest: Rest) -> None:
    said = api_cluster.kubectl("apply", "--dry-run=server", "-f", "-", input=FROM_THE_DESIGN)
    assert "created" in said
    assert "Warning" not in said


@pytest.mark.parametrize("example", sorted((REPOSITORY / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_an_example_is_taken(rest: Rest, example: Any) -> None:
    for obj in yaml.safe_load_all(example.read_text()):
        plural = next(kind.plural for kind in KINDS if kind.name == obj["kind"])
        answer = rest.create(plural, changed(obj, "metadata.namespace", "default"), dry_run=True)
        assert answer.code == 201, answer.message


def test_kubectl_shows_the_columns(api_cluster: Cluster, stored: dict[str, Any]) -> None:
    lines = api_cluster.kubectl("get", "lslo", "-n", stored["metadata"]["namespace"]).splitlines()
    assert lines[0].split("  ")[0].strip() == "NAME"
    for column in ("MODE", "READY", "BUDGET LEFT %", "BURN", "SAVED %", "AGE"):
        assert column in lines[0]
    assert lines[1].split()[:-1] == ["shop", "Enforce", "True", "61.5", "0.73", "52"]
    wide = api_cluster.kubectl("get", "lslo", "-o", "wide", "-n", stored["metadata"]["namespace"])
    assert {"310", "480", "1000"} <= set(wide.split())


def test_kubectl_shows_a_plans_columns(api_cluster: Cluster, rest: Rest, api_namespace: str) -> None:
    assert rest.create("throttleplans", full_plan(namespace=api_namespace)).code == 201
    lines = api_cluster.kubectl("get", "tp", "-n", api_namespace).splitlines()
    assert lines[1].split()[:3] == ["shop", "Control", "300"]


def test_kubectl_finds_all_kinds_by_their_category(api_cluster: Cluster, rest: Rest, stored: dict[str, Any]) -> None:
    namespace = stored["metadata"]["namespace"]
    assert rest.create("throttleplans", full_plan(namespace=namespace)).code == 201
    names = api_cluster.kubectl("get", "flyball", "-n", namespace, "-o", "name").split()
    assert names == ["latencyslo.flyball.dev/shop", "throttleplan.flyball.dev/shop"]


def test_kubectl_explains_a_field(api_cluster: Cluster, rest: Rest) -> None:
    def explained() -> str:  # the API server publishes a new CRD's schema some seconds after it serves its objects
        return api_cluster.kubectl("explain", "lslo.spec.objectives.threshold", check=False)

    assert poll(lambda: "A good request is answered within this time" in explained(), 30), explained()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_every_field_has_a_description(kind: Kind) -> None:
    def mute(schema: dict[str, Any], path: str) -> Iterator[str]:
        for name, field in schema.get("properties", {}).items():
            if path and not field.get("description", "").endswith((".", ")")):
                yield f"{path}.{name}"
            yield from mute(field.get("items", field), f"{path}.{name}" if path or name in ("spec", "status") else "")

    assert list(mute(crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "")) == []


def test_the_operator_is_told_in_a_sentence_about_an_object_of_another_version(rest: Rest, stored: dict[str, Any]) -> None:
    newer = json.loads(json.dumps(changed(stored, "spec.newField", {"a": 1})))
    assert LatencySLO.parse(newer).spec == LatencySLO.parse(stored).spec
