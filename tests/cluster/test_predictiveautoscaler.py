"""PredictiveAutoscaler against a real API server and controller manager, under the rights that the chart gives the operator."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from flyball.api.predictiveautoscaler import ScaleTarget
from flyball.cli.main import main
from flyball.controllers.predictiveautoscaler.target import Targets
from flyball.controllers.shared.raised import BY, OWN, TO
from flyball.kube.client import Kube
from hack.cluster import Cluster
from hack.cluster.install import NAMESPACE, OPERATOR, install_flyball
from hack.cluster.process import poll
from tests.api_objects import minimal_pas
from tests.operator.objects import Namespace, deployment
from tests.operator.process import Operator, running
from tests.operator.prometheus import Prometheus

pytestmark = pytest.mark.cluster

SOON = 10.0
"""Several times what anything here takes."""


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    server = Prometheus()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def operator(api_cluster: Cluster, prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    install_flyball(api_cluster)
    kubeconfig = api_cluster.kubeconfig_for(NAMESPACE, OPERATOR)
    with running(Operator(tmp_path_factory.mktemp("operator"), kubeconfig, prometheus.url)) as process:
        yield process


class Front(Namespace):
    """A namespace with a Deployment `web` of two replicas."""

    def pas(self, **spec: Any) -> None:
        body = minimal_pas()
        del body["metadata"]["namespace"]
        body["spec"]["demands"][0]["capacity"] = "100"
        body["spec"] |= {"mode": "Enforce", **spec}
        self.apply(body)

    def seen(self) -> dict[str, Any]:
        body = self._get(f"/apis/flyball.dev/v1alpha1/namespaces/{self.name}/predictiveautoscalers/web") or {}
        status: dict[str, Any] = body.get("status", {})
        return status

    def holds(self, kind: str) -> tuple[str, str]:
        found = [its for its in self.seen().get("conditions", ()) if its["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    def said(self, kind: str) -> str:
        return next((str(its["message"]) for its in self.seen().get("conditions", ()) if its["type"] == kind), "")

    def replicas(self, plural: str = "deployments") -> int:
        body = self._get(f"/apis/apps/v1/namespaces/{self.name}/{plural}/web") or {}
        return int(body["spec"]["replicas"])

    def floor(self, name: str = "web") -> int:
        return int(self.hpa(name)["spec"]["minReplicas"])

    def record(self, name: str = "web") -> dict[str, str]:
        """What we noted on the HPA."""
        return {key: value for key, value in (self.hpa(name)["metadata"].get("annotations") or {}).items() if "flyball.dev" in key}

    def hpa(self, name: str) -> dict[str, Any]:
        return self._get(f"/apis/autoscaling/v2/namespaces/{self.name}/horizontalpodautoscalers/{name}") or {}


@pytest.fixture
def front(api_cluster: Cluster, api_namespace: str, operator: Operator, prometheus: Prometheus) -> Front:
    prometheus.demand = 150.0
    namespace = Front(api_cluster, api_namespace)
    namespace.apply(deployment("web", replicas=2))
    return namespace


def hpa(name: str = "web", **spec: Any) -> dict[str, Any]:
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    whole = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 8, "metrics": [metric], **spec}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": whole}


def test_demand_moves_the_real_scale_and_people_see_why(front: Front, prometheus: Prometheus, operator: Operator) -> None:
    front.pas()
    assert poll(lambda: front.holds("Ready") == ("True", "Reconciled"), SOON), operator.log()
    assert front.replicas() == 2
    prometheus.demand = 450.0
    assert poll(lambda: front.replicas() == 5, SOON), front.seen()
    assert poll(lambda: front.holds("Scaling") == ("True", "Demand"), SOON), front.seen()
    shown = front.cluster.kubectl("get", "pas", "-n", front.name)
    assert {"MODE", "READY", "TARGET", "REPLICAS", "WANTED", "FORECAST", "AGE"} <= set(shown.split())
    assert front.seen()["decisions"][-1]["replicas"] == 5


def test_a_statefulset_is_scaled_as_well(front: Front, prometheus: Prometheus) -> None:
    body = deployment("web", replicas=2)
    body["kind"], body["spec"]["serviceName"] = "StatefulSet", "web"
    front.apply(body)
    front.pas(scaleTargetRef={"kind": "StatefulSet", "name": "web"})
    prometheus.demand = 350.0
    assert poll(lambda: front.replicas("statefulsets") == 4, SOON), front.seen()
    assert front.replicas() == 2


def test_recommending_writes_no_replicas(front: Front, prometheus: Prometheus) -> None:
    front.pas(mode="Recommend")
    prometheus.demand = 450.0
    assert poll(lambda: front.seen().get("replicas", {}).get("wanted") == 5, SOON), front.seen()
    assert front.replicas() == 2
    assert front.holds("Scaling") == ("False", "ModeRecommend")


def test_a_number_kept_from_a_repository_is_shown_and_not_fought_over(front: Front, prometheus: Prometheus) -> None:
    manifest = json.dumps(deployment("web", replicas=3))
    front.cluster.kubectl(
        "apply", "-n", front.name, "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f", "-", input=manifest
    )
    front.pas()
    prometheus.demand = 450.0
    assert poll(lambda: front.holds("Conflicted") == ("True", "FieldOwned"), SOON), front.seen()
    assert "argocd-controller" in front.said("Conflicted")
    assert front.replicas() == 3


def test_an_hpa_that_owns_the_replicas_is_left_alone_and_its_floor_is_moved_where_asked(front: Front, prometheus: Prometheus) -> None:
    front.apply(hpa())
    front.pas()
    prometheus.demand = 450.0
    assert poll(lambda: front.holds("Conflicted") == ("True", "HorizontalPodAutoscaler"), 70), front.seen()
    front.pas(via="HPAFloor")
    assert poll(lambda: front.floor() == 5, 70), front.seen()
    assert front.seen()["hpaFloor"] == 2
    assert poll(lambda: front.replicas() == 5, 40), "the HPA itself brings the replicas that its floor asks for"
    front.pas(via="HPAFloor", suspend=True)
    assert poll(lambda: front.floor() == 2, SOON), front.seen()


def test_a_floor_goes_back_whatever_its_object_does_next_and_its_owners_word_counts(front: Front, prometheus: Prometheus, operator: Operator) -> None:
    front.apply(deployment("api", replicas=4), hpa(), hpa("api", minReplicas=4))
    prometheus.demand = 450.0
    front.pas(via="HPAFloor")
    assert poll(lambda: front.floor() == 5, 70), front.seen()
    assert front.record() == {OWN: "2", TO: "5", BY: "web"}
    front.apply(hpa(minReplicas=3))  # as the owner's repository does
    assert poll(lambda: front.record().get(OWN) == "3" and front.floor() == 5, 70), front.hpa("web")
    front.pas(via="HPAFloor", scaleTargetRef={"kind": "Deployment", "name": "api"})
    assert poll(lambda: (front.floor(), front.floor("api")) == (3, 5), SOON), front.seen()
    assert (front.record(), front.record("api")) == ({}, {OWN: "4", TO: "5", BY: "web"})
    operator.kill()
    front.delete("pas", "web")
    operator.start()
    assert poll(lambda: front.floor("api") == 4, 60), operator.log()
    assert front.record("api") == {}
    assert front.floor() == 3


def test_release_puts_a_floor_back_while_no_operator_runs(front: Front, prometheus: Prometheus, operator: Operator) -> None:
    front.apply(hpa())
    prometheus.demand = 450.0
    front.pas(via="HPAFloor")
    assert poll(lambda: front.floor() == 5, 70), front.seen()
    operator.kill()
    try:
        result = CliRunner().invoke(main, ["release", "pas/web", "-n", front.name, "--kubeconfig", str(front.cluster.kubeconfig)])
        assert result.exit_code == 0, result.output
        assert f"pas/web in {front.name}: suspended" in result.output and "minReplicas 5 -> 2" in result.output
        assert (front.floor(), front.record()) == (2, {})
    finally:
        operator.start()


def test_a_kind_without_rights_names_the_rule(front: Front) -> None:
    front.pas(scaleTargetRef={"kind": "ReplicaSet", "name": "web"})
    assert poll(lambda: front.holds("Ready") == ("False", "TargetForbidden"), SOON), front.seen()
    assert "replicasets/scale, get and patch" in front.said("Ready")


def test_an_operator_that_is_killed_takes_nothing_away_when_it_is_back(front: Front, prometheus: Prometheus, operator: Operator) -> None:
    front.pas()
    prometheus.demand = 450.0
    assert poll(lambda: front.replicas() == 5, SOON), front.seen()
    operator.kill()
    prometheus.demand = 50.0
    operator.start()
    assert poll(lambda: operator.leads() and operator.http("readyz")[0] == 200, 40), operator.log()
    looks = 'flyball_demand{demand="requests",pas="web",pas_namespace="' + front.name
    assert poll(lambda: looks in operator.http("metrics")[1], SOON)
    assert front.replicas() == 5
    prometheus.demand = 750.0
    assert poll(lambda: front.replicas() == 8, SOON), front.seen()


def garbage(value: str) -> tuple[str, bytes]:
    """An answer of Prometheus' form to any query, with this for a value."""
    series = [{"metric": {"of": of}, "value": [1_800_000_000, value]} for of in ("rate", "newest")]
    return "application/json", json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()


def test_whatever_prometheus_does_replicas_are_held_and_go_on_when_it_is_back(front: Front, prometheus: Prometheus, operator: Operator) -> None:
    front.pas()
    prometheus.demand = 450.0
    assert poll(lambda: front.replicas() == 5, SOON), front.seen()
    prometheus.demand = 50.0
    answers = [  # each another reason than the one before, which is written at once
        (("text/html", b"<html>502 Bad Gateway</html>"), "and not as Prometheus does"),
        (garbage("NaN"), "which is no count"),
        (("application/json", b'{"status": "success", "data": 7}'), "in a form that is not its own"),
        (garbage("1e300"), "nobody serves as much"),
        (("application/json", b"{"), "cannot be reached"),
        (garbage("-5"), "work per second is not negative"),
    ]
    for body, sentence in answers:
        prometheus.instead = body
        assert poll(lambda sentence=sentence: sentence in front.said("SignalsAvailable"), 15), (sentence, front.seen())
        assert front.holds("Scaling") == ("True", "SignalsLost")
    prometheus.instead = None
    prometheus.stalled.set()
    assert poll(lambda: "did not answer within" in front.said("SignalsAvailable"), 20), front.seen()
    prometheus.stop()
    prometheus.stalled.clear()
    assert front.replicas() == 5
    assert front.holds("Ready")[0] == "True"
    prometheus.demand = 650.0
    prometheus.start()
    assert poll(lambda: front.replicas() == 7, 25), front.seen()
    assert operator.http("readyz")[0] == 200


def test_an_operator_that_is_killed_on_the_way_goes_on_from_where_it_was(front: Front, prometheus: Prometheus, operator: Operator) -> None:
    front.pas(behavior={"scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 4}]}})
    prometheus.demand = 950.0
    assert poll(lambda: front.replicas() >= 4, SOON), front.seen()
    operator.kill()
    counts = [front.replicas()]
    assert 4 <= counts[0] < 10
    operator.start()

    def there() -> bool:
        counts.append(front.replicas())
        return counts[-1] == 10

    assert poll(there, 50, step=0.2), operator.log()
    assert {later - earlier for earlier, later in itertools.pairwise(counts)} == {0, 2}


def test_a_scale_read_from_the_cache_shows_what_others_did_and_a_version_that_is_not_there_is_not_insisted_on(front: Front) -> None:
    target = ScaleTarget(kind="Deployment", name="web")

    async def main() -> None:
        async with await Kube.connect(str(front.cluster.kubeconfig_for(NAMESPACE, OPERATOR))) as kube:
            targets = Targets(kube)
            scale = await targets.read(target, front.name)
            assert scale.replicas == 2
            await targets.write(target, front.name, scale, 3)
            assert (await targets.read(target, front.name)).replicas == 3, "what we wrote ourselves at once"
            front.cluster.kubectl("scale", "-n", front.name, "deployment/web", "--replicas=4")
            reads = [(await targets.read(target, front.name)).replicas]
            while reads[-1] != 4 and len(reads) < 500:
                reads.append((await targets.read(target, front.name)).replicas)
            assert set(reads) <= {3, 4} and reads[-1] == 4
            targets._versions[scale.path] = str(2**60)
            assert (await targets.read(target, front.name)).replicas == 4

    asyncio.run(main())
