"""PredictiveAutoscaler on a real node: real requests to real pods that take their time to start, a real kubelet, Prometheus, HPA and metrics-server.

One rise of load for all tests. Two namespaces see it: `beside`, whose pods a LatencySLO in Enforce controls as well, and `floor`, where an HPA on CPU
owns the replicas and Flyball moves its floor. Prometheus is given three days in which the load rose at this time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from flyball.cgroup.discovery import bare_id, find_container, find_pods
from hack.cluster import Cluster, images, tools
from hack.cluster.install import AGENT, NAMESPACE, OPERATOR, install_flyball
from hack.demo.shop import IMAGE
from hack.predictive.driver import FOLDER, NAME, address, give_past
from hack.predictive.load import Load
from hack.predictive.pattern import Pattern
from hack.predictive.verdict import arrivals, late_seconds, short_seconds, table, turns
from hack.predictive.watch import Watch
from tests.node.agentkit import CPU, AgentProcess, install, quota, wait
from tests.operator.objects import Namespace
from tests.operator.process import Operator, free_port, running

pytestmark = pytest.mark.node

START_SECONDS = 20
"""What a pod takes until it says that it is ready."""
CAPACITY = 6.0
LOW, HIGH, RAMP_SECONDS = 5.0, 16.0, 110.0
"""One replica, then three; as steep as in the example."""
LEAD_SECONDS = 80.0
"""From the operator's start to the rise: it learns three days meanwhile, in 20 s on an idle core."""
AFTER_SECONDS = 5.0
GRANT_US = 20_000
"""The workload's limit of 200m as a quota."""
DAYS = 3


class Quotas:
    """Quotas of a namespace's pods, read from the kernel every second: pod -> values in microseconds a period."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.seen: dict[str, list[float]] = {}
        self._cluster, self._namespace = cluster, namespace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            pods = json.loads(self._cluster.get(f"/api/v1/namespaces/{self._namespace}/pods"))["items"]
            for pod in pods:
                self._read(pod)

    def _read(self, pod: dict[str, Any]) -> None:
        uid = pod["metadata"]["uid"]
        states = pod["status"].get("containerStatuses") or [{}]
        place = find_pods(CPU, [uid]).get(uid)
        group = find_container(place, bare_id(states[0].get("containerID", ""))) if place else None
        if group:
            self.seen.setdefault(pod["metadata"]["name"], []).append(quota(group))


@dataclass(slots=True)
class Scene:
    """One namespace, and what was seen of it."""

    objects: Namespace
    watch: Watch
    load: Load
    floors: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.objects.name

    def pas(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.objects.cluster.get(f"/apis/flyball.dev/v1alpha1/namespaces/{self.name}/predictiveautoscalers/{NAME}"))
        return body

    def hpa(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.objects.cluster.get(f"/apis/autoscaling/v2/namespaces/{self.name}/horizontalpodautoscalers/{NAME}"))
        return body


@dataclass(frozen=True, slots=True)
class Rise:
    """All that one rise of load left."""

    pattern: Pattern
    beside: Scene
    floor: Scene
    quotas: Quotas
    operator: Operator


def manifests(file: str, namespace: str) -> list[dict[str, Any]]:
    """Objects of the example, in another namespace."""
    found = []
    for body in yaml.safe_load_all((FOLDER / file).read_text()):
        if body["kind"] != "Namespace":
            body["metadata"]["namespace"] = namespace
            found.append(body)
    return found


def workload(namespace: str) -> list[dict[str, Any]]:
    service, deployment = manifests("workload.yaml", namespace)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["readinessProbe"] |= {"initialDelaySeconds": START_SECONDS, "periodSeconds": 1}
    return [service, deployment]


def autoscaler(namespace: str, **spec: Any) -> dict[str, Any]:
    (body,) = manifests("predictiveautoscaler.yaml", namespace)
    body["spec"] |= spec
    return body


OBJECTIVE = {
    "apiVersion": "flyball.dev/v1alpha1",
    "kind": "LatencySLO",
    "metadata": {"name": NAME},
    "spec": {
        "mode": "Enforce",
        "objectives": [
            {
                "name": "quotes",
                "target": "99",
                "threshold": "300ms",
                "window": "10m",
                "indicator": {"histogram": {"metric": "http_request_duration_seconds", "matchers": {"service": NAME, "route": "/quote"}}},
            }
        ],
        "workloads": [{"name": NAME, "targetRef": {"kind": "Deployment", "name": NAME}}],
    },
}

HPA = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": NAME},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
        "minReplicas": 1,
        "maxReplicas": 8,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
    },
}


@pytest.fixture(scope="module")
def rise(node_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rise]:
    folder = tmp_path_factory.mktemp("rise")
    archive = folder / "shop.tar"
    images.pack(archive, IMAGE, {"shop": tools.path("shop")}, entrypoint=("/shop",), user="65534:65534")
    node_cluster.load_image(archive)
    names = ("rise-beside", "rise-floor")
    for name in names:
        node_cluster.kubectl("create", "namespace", name)
        Namespace(node_cluster, name).apply(*workload(name))
    install(node_cluster)
    install_flyball(node_cluster)
    prometheus = node_cluster.prometheus(scrape_interval_seconds=1, history_days=DAYS + 1)
    server = node_cluster.metrics_server()
    agent = AgentProcess(node_cluster, folder, operator_namespace=NAMESPACE, listen_host="0.0.0.0", listen_port=free_port())
    Path(agent._settings["token_file"]).write_text(node_cluster.token(NAMESPACE, AGENT))
    kubeconfig = node_cluster.kubeconfig_for(NAMESPACE, OPERATOR)
    pattern = Pattern(time.time() + LEAD_SECONDS, LOW, HIGH, RAMP_SECONDS)
    scenes = [
        Scene(
            Namespace(node_cluster, name),
            Watch(node_cluster.get, name, NAME),
            Load(f"http://{address(node_cluster, name)}/quote", pattern.at, seed=number),
        )
        for number, name in enumerate(names)
    ]
    beside, floor = scenes
    quotas = Quotas(node_cluster, beside.name)
    try:
        give_past(prometheus, node_cluster.host_ip, {scene.name: pattern for scene in scenes}, DAYS)
        agent.start()
        prometheus.targets({"agent": [f"{node_cluster.host_ip}:{agent._settings['listen_port']}"]})
        with running(Operator(folder, kubeconfig, prometheus.url, lookback_seconds=10, tick_seconds=2, history_days=DAYS)) as operator:
            beside.objects.apply(autoscaler(beside.name), OBJECTIVE)
            floor.objects.apply(HPA, autoscaler(floor.name, via="HPAFloor"))
            for scene in scenes:
                scene.load.start()
                scene.watch.start()
            quotas.start()
            while time.time() < pattern.rise + RAMP_SECONDS + AFTER_SECONDS:
                time.sleep(1.0)
                floor.floors.append(floor.hpa()["spec"]["minReplicas"])
            for recording in (quotas, *(scene.watch for scene in scenes)):
                recording.stop()
            print(*(table(arrivals(scene.watch.looks, pattern, CAPACITY)) for scene in scenes), sep="\n\n")
            yield Rise(pattern, beside, floor, quotas, operator)
    finally:
        for scene in scenes:
            scene.load.stop()
        agent.kill()
        server.stop()
        prometheus.stop()
        node_cluster.kubectl("delete", "apiservice", "v1beta1.metrics.k8s.io")
        for name in names:
            node_cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_replicas_are_asked_for_before_the_demand_of_now_needs_them(rise: Rise) -> None:
    looks = rise.beside.watch.looks
    found = arrivals(looks, rise.pattern, CAPACITY)
    assert [its.number for its in found] == [2, 3]
    for its in found:
        assert its.asked < its.reactive_ready - (its.ready - its.asked), table(found)
    assert rise.beside.pas()["status"]["readyAfterSeconds"] >= START_SECONDS, "learned from the pods"


def test_replicas_are_ready_before_the_load_is_there(rise: Rise) -> None:
    looks = [look for look in rise.beside.watch.looks if look.time >= rise.pattern.rise]
    found = arrivals(rise.beside.watch.looks, rise.pattern, CAPACITY)
    late = late_seconds(found)
    assert late > 30, "the demand of now would have been late; otherwise this shows nothing"
    assert short_seconds(looks, rise.pattern, CAPACITY) <= late / 3, table(found)


def test_no_request_fails_while_replicas_come(rise: Rise) -> None:
    for scene in (rise.beside, rise.floor):
        sent = scene.load.requests
        assert len(sent) > 0.8 * LOW * LEAD_SECONDS
        assert sum(not its.ok for its in sent) <= len(sent) / 100


def test_beside_a_latencyslo_both_act_and_neither_oscillates(rise: Rise) -> None:
    looks = rise.beside.watch.looks
    assert turns([look.asked for look in looks], 1) == 0, [look.asked for look in looks]
    assert rise.beside.objects.condition("Enforcing", NAME)[0] == "True", rise.beside.objects.status(NAME)
    assert rise.beside.objects.condition("Conflicted", NAME)[0] == "False"
    quotas = rise.quotas.seen
    assert min(min(values) for values in quotas.values()) < 0.7 * GRANT_US, "the LatencySLO took CPU"
    # A pod's quota starts at its grant and is cut once; each further turn by a quarter of the grant would be one of a zigzag.
    zigzag = {name: turns(values, GRANT_US / 4) for name, values in quotas.items()}
    assert max(zigzag.values()) <= 2, (zigzag, quotas)


def test_an_hpas_floor_comes_before_what_its_own_metric_asks_for(rise: Rise) -> None:
    # In the sync after its floor was raised an HPA goes by the floor alone and shows no metric; the next one shows it again.
    wait(lambda: rise.floor.hpa()["status"].get("currentMetrics"), 60, "the HPA reads its own metric", rise.operator.log_file)
    hpa, looks = rise.floor.hpa(), rise.floor.watch.looks
    conditions = {its["type"]: (its["status"], its["reason"]) for its in hpa["status"]["conditions"]}
    assert conditions["ScalingActive"] == ("True", "ValidMetricFound"), hpa["status"]
    assert hpa["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"] > 0
    assert turns(rise.floor.floors, 1) == 0, rise.floor.floors
    assert max(rise.floor.floors) >= 3
    found = arrivals(looks, rise.pattern, CAPACITY)
    assert short_seconds([look for look in looks if look.time >= rise.pattern.rise], rise.pattern, CAPACITY) < late_seconds(found) / 2, table(found)
    managers = {its["manager"] for its in json.loads(rise.floor.objects.cluster.get(_deployment(rise.floor)))["metadata"]["managedFields"]}
    assert not any("flyball" in manager for manager in managers), "the HPA scales, Flyball only moves its floor"


def test_deleting_the_object_gives_the_hpas_floor_back(rise: Rise) -> None:
    rise.floor.objects.delete("pas", NAME)
    wait(lambda: rise.floor.hpa()["spec"]["minReplicas"] == 1, 10, "the floor is what it was", rise.operator.log_file)


def _deployment(scene: Scene) -> str:
    return f"/apis/apps/v1/namespaces/{scene.name}/deployments/{NAME}"
