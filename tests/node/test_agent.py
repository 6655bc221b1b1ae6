"""The node agent on a real node: real kubelet, runtime and kernel, under the rights that the chart gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyball.agent.record import GUARD_SECONDS
from hack.cluster import Cluster
from tests.node.agentkit import (
    LIMIT_US,
    SYSTEM,
    AgentProcess,
    Renewer,
    Workload,
    agent_of,
    burst,
    given_back,
    quota,
    wait,
)

pytestmark = pytest.mark.node


@pytest.fixture
def workload(installed: Cluster, node_namespace: str) -> Workload:
    return Workload(installed, node_namespace)


@pytest.fixture
def agent(installed: Cluster, renewer: Renewer, workload: Workload, tmp_path: Path) -> Iterator[AgentProcess]:
    """A running agent, a plan, and the workload lowered by it."""
    workload.plan()
    with agent_of(installed, tmp_path) as agent:
        workload.lowered()
        yield agent


def test_the_quota_is_lowered_and_held_and_counted(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    wait(lambda: quota(group) <= 3000, 90, "an idle container comes down to its floor, a tenth every three seconds", agent.log)
    writes = agent.metric("flyball_agent_writes_total", workload="Deployment/cart")
    assert writes >= 3
    assert agent.metric("flyball_agent_containers", state="controlled", slo_namespace=workload.namespace) == 1
    assert agent.metric("flyball_agent_grant_cores") == pytest.approx(0.2)
    assert agent.metric("flyball_agent_drift_total") == 0
    assert quota(group.parent) == LIMIT_US, "the pod's own quota is never touched"


def test_sigterm_gives_quota_and_burst_back_within_two_seconds(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    assert agent.stop() < 2.0
    assert given_back(group)
    assert not list(agent.journal.iterdir())


def test_after_sigkill_the_next_agent_goes_on_where_the_plan_still_holds(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    agent.kill()
    before = quota(group)
    assert before < LIMIT_US, "nobody gave it back"
    agent.start()
    assert quota(group) < LIMIT_US
    assert agent.stop() < 2.0
    assert given_back(group)


def test_after_sigkill_the_next_agent_gives_back_what_no_plan_covers(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    agent.kill()
    workload.cluster.kubectl("delete", "throttleplan", "shop", "-n", workload.namespace)
    agent.start()
    wait(lambda: given_back(group), 2, "given back by the journal", agent.log)


def test_after_sigkill_the_next_agent_gives_back_though_no_api_answers(agent: AgentProcess, workload: Workload, tmp_path: Path) -> None:
    group = workload.running()
    agent.kill()
    lonely = AgentProcess(workload.cluster, tmp_path, api_server="https://127.0.0.1:9")
    try:
        with pytest.raises(AssertionError, match="the agent is ready"):
            lonely.start()
        assert given_back(group)
    finally:
        lonely.kill()


def test_an_old_lease_gives_everything_back_and_a_renewed_one_goes_on(agent: AgentProcess, workload: Workload, renewer: Renewer) -> None:
    group = workload.running()
    renewer.stop()
    wait(lambda: given_back(group), 12, "given back when the Lease is old", agent.log)
    assert agent.metric("flyball_agent_releases_total", reason="PlansStale") == 1
    again = Renewer(workload.cluster)
    try:
        workload.lowered()
    finally:
        again.stop()


def test_a_deleted_plan_gives_back(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    workload.cluster.kubectl("delete", "throttleplan", "shop", "-n", workload.namespace)
    wait(lambda: given_back(group), 3, "given back after the plan was deleted", agent.log)


def test_a_plan_that_only_measures_gives_back_and_counts_on(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    workload.plan(action="Measure")
    wait(lambda: given_back(group), 3, "given back", agent.log)
    before = agent.metric("flyball_agent_wall_periods_total")
    wait(lambda: agent.metric("flyball_agent_wall_periods_total") > before, 3, "counted on")


def test_the_opt_out_annotation_gives_back(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    workload.cluster.kubectl("annotate", "namespace", workload.namespace, "flyball.dev/control=off")
    wait(lambda: given_back(group), 3, "given back after the namespace opted out", agent.log)
    workload.cluster.kubectl("annotate", "namespace", workload.namespace, "flyball.dev/control-")
    workload.lowered()
    pod = workload.pods()[0]["metadata"]["name"]
    workload.cluster.kubectl("annotate", "pod", pod, "-n", workload.namespace, "flyball.dev/control=off")
    wait(lambda: given_back(group), 3, "given back after the pod opted out", agent.log)


def test_a_restarted_container_is_left_alone_for_a_while_and_then_controlled(agent: AgentProcess, workload: Workload) -> None:
    old = workload.running()
    kill = ("kill", "1")  # the exec dies with the container as often as not: its answer says nothing
    workload.cluster.kubectl("exec", workload.pods()[0]["metadata"]["name"], "-n", workload.namespace, "--", *kill, check=False)
    wait(lambda: workload.group() not in (None, old), 30, "the container runs again")
    new = workload.running()
    assert given_back(new)
    wait(lambda: not list(agent.journal.iterdir()), 3, "the ended container's entry is gone")
    workload.lowered()
    assert agent.metric("flyball_agent_releases_total", reason="Restarted") == 1


def test_a_deleted_pod_and_its_replacement(agent: AgentProcess, workload: Workload) -> None:
    old = workload.running()
    workload.cluster.kubectl("delete", "pod", "-l", "app=cart", "-n", workload.namespace)
    wait(lambda: workload.group() not in (None, old), 30, "the replacement runs")
    new = workload.lowered()
    assert new != old
    assert [json.loads(file.read_text())["path"] for file in agent.journal.iterdir()] == [str(new)]


def test_a_new_replica_is_controlled_too(agent: AgentProcess, workload: Workload) -> None:
    workload.deploy(replicas=2)
    wait(lambda: agent.metric("flyball_agent_containers", state="controlled") == 2, 30, "both are controlled", agent.log)
    wait(lambda: len(list(agent.journal.iterdir())) == 2, 30, "both are lowered", agent.log)


def test_a_rollout_in_the_middle_of_control(agent: AgentProcess, workload: Workload) -> None:
    old = workload.running()
    workload.deploy(generation="2")
    wait(lambda: workload.group() not in (None, old), 40, "the new pod alone runs")
    workload.lowered()
    assert agent.metric("flyball_agent_errors_total") == 0


def test_lost_readiness_gives_back(agent: AgentProcess, workload: Workload) -> None:
    workload.deploy(generation="2", readiness="test ! -e /tmp/ill")
    wait(lambda: [pod["metadata"]["labels"]["generation"] for pod in workload.pods()] == ["2"], 40, "the new pod alone runs")
    group = workload.lowered()
    workload.cluster.kubectl("exec", workload.pods()[0]["metadata"]["name"], "-n", workload.namespace, "--", "touch", "/tmp/ill")
    wait(lambda: given_back(group), 10, "given back", agent.log)
    assert agent.metric("flyball_agent_releases_total", reason="LostReadiness") == 1


def test_somebody_shrinks_the_limit_to_a_quarter_while_a_burst_stands(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    wait(lambda: burst(group) >= 3000, 20, "a burst stands")
    workload.resize(limits={"cpu": "50m"})

    def resized() -> bool:
        status = workload.pods()[0]["status"]
        busy = {"PodResizeInProgress", "PodResizePending"} & {item["type"] for item in status["conditions"]}
        return status["containerStatuses"][0]["resources"]["limits"]["cpu"] == "50m" and not busy

    wait(resized, 15, "the resize is done", agent.log)
    wait(lambda: agent.metric("flyball_agent_grant_cores") == pytest.approx(0.05), 5, "the new grant is known", agent.log)
    wait(lambda: burst(group) > 0 and quota(group) < 5000, 20, "control goes on", agent.log)
    assert agent.metric("flyball_agent_drift_total") == 0
    assert agent.stop() < 2.0
    assert given_back(group, 5000)


def test_a_resize_that_never_ends_gives_back_and_control_goes_on_when_it_is_taken_back(agent: AgentProcess, workload: Workload) -> None:
    group = workload.running()
    pod = workload.pods()[0]["metadata"]["name"]
    workload.cluster.kubectl("exec", pod, "-n", workload.namespace, "--", "dd", "if=/dev/zero", "of=/dev/shm/held", "bs=1M", "count=32")
    workload.resize(limits={"memory": "20Mi"})

    def in_progress() -> bool:
        return "PodResizeInProgress" in {item["type"] for item in workload.pods()[0]["status"]["conditions"]}

    wait(in_progress, 20, "the kubelet refuses a limit below what is used", agent.log)
    assert quota(group) < LIMIT_US
    wait(lambda: given_back(group), GUARD_SECONDS + 10, "given back though the resize goes on", agent.log)
    assert in_progress()
    assert agent.metric("flyball_agent_releases_total", reason="Resizing") == 1
    workload.resize(limits={"memory": "64Mi"})
    wait(lambda: not in_progress(), 30, "the resize that was taken back is done", agent.log)
    workload.lowered()
    assert agent.metric("flyball_agent_drift_total") == 0


def test_it_has_no_right_to_write(installed: Cluster) -> None:
    who = f"--as=system:serviceaccount:{SYSTEM}:agent"
    for verb, what in (("patch", "pods"), ("create", "pods/exec"), ("update", "leases.coordination.k8s.io"), ("patch", "throttleplans.flyball.dev")):
        assert installed.kubectl("auth", "can-i", verb, what, who, "-A", check=False).strip().endswith("no"), f"{verb} {what}"
    assert installed.kubectl("auth", "can-i", "watch", "pods", who, "-A").strip() == "yes"
