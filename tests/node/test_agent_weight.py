"""Weights on a real node: what the kubelet writes for containers without a CPU limit, what the agent makes of it, and that it is given back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster import Cluster
from tests.node.agentkit import IMAGE, AgentProcess, Renewer, Workload, agent_of, apply, wait

pytestmark = pytest.mark.node

SPEC = 204  # shares of a request of 200m
UP = 199  # within the dead band of 2 %
CONTAINER = {"resources": {"requests": {"cpu": "200m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}}
# Busy in the background until the file is there.
WORK = "(while [ ! -e /tmp/stop ]; do :; done) > /dev/null 2>&1 < /dev/null &"


def plan(workload: Workload, **change: Any) -> None:
    """Control by weight at half of the time waiting, floor 20m."""
    entry = {
        "owner": {"kind": "Deployment", "name": "cart"},
        "group": "all",
        "throttlePermille": 500,
        "containers": [{"name": "*", "control": "Auto", "minMilli": 20}],
    }
    workload.plan(**({"weight": True, "workloads": [entry]} | change))


@pytest.fixture
def workload(installed: Cluster, node_namespace: str) -> Workload:
    return Workload(installed, node_namespace, CONTAINER)


@pytest.fixture
def agent(installed: Cluster, renewer: Renewer, workload: Workload, tmp_path: Path) -> Iterator[AgentProcess]:
    """A running agent, a plan, and the workload's weight lowered by it."""
    group = workload.running()
    assert both(group) == (SPEC, SPEC), "what the kubelet makes of 200m, at both levels"
    plan(workload)
    with agent_of(installed, tmp_path) as agent:
        wait(lambda: max(both(group)) < SPEC // 2, 90, "the weights are lowered", agent.log)
        yield agent


def both(group: Path) -> tuple[int, int]:
    """The weight of the container and that of its pod."""
    return int((group / "cpu.shares").read_text()), int((group.parent / "cpu.shares").read_text())


def given_back(group: Path, agent: AgentProcess, spec: int = SPEC) -> bool:
    return both(group) == (spec, spec) and not list(agent.journal.iterdir())


def test_an_idle_container_comes_down_to_its_floor_is_held_there_past_the_kubelets_rounds_and_counted(
    agent: AgentProcess, workload: Workload
) -> None:
    group = workload.running()
    wait(lambda: agent.metric("flyball_agent_weight_cores") < 0.05, 120, "the weight comes down by a twentieth a second at most", agent.log)
    held = agent.metric("flyball_agent_request_core_seconds_total")
    # The kubelet goes through its QoS groups every minute; it must leave pods and containers alone.
    wait(lambda: agent.metric("flyball_agent_request_core_seconds_total") > held + 0.2 * 65, 90, "65 s pass", agent.log)
    assert max(both(group)) < SPEC // 2
    assert agent.metric("flyball_agent_containers", state="controlled", slo_namespace=workload.namespace) == 1
    assert agent.metric("flyball_agent_request_cores") == pytest.approx(0.2)
    assert agent.metric("flyball_agent_drift_total") == 0
    assert agent.metric("flyball_agent_writes_total") > 5
    assert agent.stop() < 2.0
    assert given_back(group, agent)


def test_beside_a_neighbour_that_takes_every_cpu_the_weights_go_up_to_the_requests(
    agent: AgentProcess, workload: Workload, node_namespace: str
) -> None:
    group = workload.running()
    hog = ["/bin/sh", "-c", "trap exit TERM; for n in 1 2 3 4; do while :; do :; done & done; wait"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "hog", "namespace": node_namespace},
        "spec": {
            "dnsPolicy": "Default",
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "app", "image": IMAGE, "command": hog, "resources": {"requests": {"cpu": "500m", "memory": "16Mi"}}}],
        },
    }
    apply(workload.cluster, pod)
    workload.cluster.kubectl("wait", "--for=condition=Ready", "pod/hog", "-n", node_namespace, "--timeout=60s")
    workload.cluster.kubectl("exec", workload.pods()[0]["metadata"]["name"], "-n", node_namespace, "--", "/bin/sh", "-c", WORK)
    wait(lambda: min(both(group)) >= UP, 60, "the weights are the requests'", agent.log)
    workload.cluster.kubectl("delete", "pod", "hog", "-n", node_namespace, "--now")
    workload.cluster.kubectl("exec", workload.pods()[0]["metadata"]["name"], "-n", node_namespace, "--", "touch", "/tmp/stop")
    wait(lambda: max(both(group)) < SPEC // 2, 90, "with nobody beside it they come down again", agent.log)


def test_after_sigkill_the_next_agent_goes_on_or_gives_back(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    agent.kill()
    assert max(both(group)) < SPEC // 2, "nobody gave it back"
    agent.start()
    assert max(both(group)) < SPEC // 2
    agent.kill()
    workload.cluster.kubectl("delete", "throttleplan", "shop", "-n", workload.namespace)
    agent.start()
    wait(lambda: given_back(group, agent), 2, "given back by the journal", agent.log)


def test_a_plan_without_weights_and_a_deleted_plan_give_back(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    plan(workload, weight=False)
    wait(lambda: given_back(group, agent), 3, "given back", agent.log)
    assert agent.metric("flyball_agent_hands_off", reason="NoLimit") == 1
    plan(workload)
    wait(lambda: max(both(group)) < SPEC // 2, 60, "lowered again", agent.log)
    workload.cluster.kubectl("delete", "throttleplan", "shop", "-n", workload.namespace)
    wait(lambda: given_back(group, agent), 3, "given back", agent.log)


def test_an_old_lease_gives_back(agent: AgentProcess, workload: Workload, renewer: Renewer) -> None:
    group = workload.running()
    renewer.stop()
    wait(lambda: given_back(group, agent), 12, "given back when the Lease is old", agent.log)


def test_somebody_changes_the_request_and_the_kubelet_writes_both_levels(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    workload.resize(requests={"cpu": "300m"})
    wait(lambda: agent.metric("flyball_agent_request_cores") == pytest.approx(0.3), 20, "the new request is known", agent.log)
    wait(lambda: max(both(group)) < SPEC // 2, 90, "control goes on", agent.log)
    assert agent.metric("flyball_agent_drift_total") == 0
    assert agent.stop() < 2.0
    assert given_back(group, agent, 307)
