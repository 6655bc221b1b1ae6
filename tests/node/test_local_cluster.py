"""The local cluster itself: pods run, faults can be made, and nothing is left when it goes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster, ClusterError, Flavour, cgroups, components, layout
from hack.cluster.images import BUSYBOX_IMAGE
from hack.cluster.process import poll

REPOSITORY = layout.REPOSITORY


def machine() -> dict[str, object]:
    """What a cluster could leave on the machine."""

    def said(*command: str) -> list[str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return sorted(line for line in done.stdout.splitlines() if not line.startswith("#"))

    knobs = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")
    return {
        "interfaces": sorted(entry.name for entry in Path("/sys/class/net").iterdir()),
        "routes": said("ip", "route", "show", "table", "all"),
        "mounts": len(Path("/proc/self/mountinfo").read_text().splitlines()),
        "cgroups": sorted(str(entry) for root in cgroups.hierarchies() for entry in root.iterdir() if entry.is_dir()),
        "iptables": said("iptables-save"),
        "sysctls": {knob: Path("/proc/sys", knob).read_text() for knob in knobs},
        "folders": sorted(folder for folder in ("/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd") if Path(folder).exists()),
    }


def pod(name: str, cpu: str) -> str:
    container = {
        "name": "app",
        "image": BUSYBOX_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sleep", "1000"],
        "resources": {"requests": {"cpu": "20m"}, "limits": {"cpu": cpu}},
    }
    spec = {"terminationGracePeriodSeconds": 1, "dnsPolicy": "Default", "containers": [container]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def quota(cluster: Cluster, uid: str) -> set[str]:
    """The quotas of all cgroups of a pod, pod and container, as the kernel shows them."""
    found = set()
    for root in cgroups.hierarchies():
        for folder, _, files in os.walk(root / cluster.cgroup_root):
            if uid in folder or uid.replace("-", "_") in folder:
                found |= {Path(folder, file).read_text().split()[0] for file in files if file in ("cpu.cfs_quota_us", "cpu.max")}
    return found - {"-1", "max"}


@pytest.fixture(scope="module")
def other(node_cluster: Cluster) -> Iterator[tuple[dict[str, object], Cluster]]:
    """A second cluster beside the tests' own, and the machine as it was before."""
    before = machine()
    cluster = Cluster.start(f"other-{os.getpid()}", Flavour.API)
    yield before, cluster
    cluster.stop()


def test_a_pod_runs_under_its_limit_and_a_resize_moves_it(node_cluster: Cluster, node_namespace: str) -> None:
    node_cluster.kubectl("apply", "-n", node_namespace, "-f", "-", input=pod("one", "100m"))
    node_cluster.kubectl("wait", "-n", node_namespace, "pod/one", "--for=condition=Ready", "--timeout=60s")
    uid = node_cluster.kubectl("get", "pod", "one", "-n", node_namespace, "-o", "jsonpath={.metadata.uid}")
    assert quota(node_cluster, uid) == {"10000"}
    resize = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "250m"}}}]}}
    node_cluster.kubectl("patch", "pod", "one", "-n", node_namespace, "--subresource=resize", "-p", json.dumps(resize))
    assert poll(lambda: quota(node_cluster, uid) == {"25000"}, 15)


def test_two_clusters_side_by_side_know_nothing_of_each_other(node_cluster: Cluster, other: tuple[dict[str, object], Cluster]) -> None:
    _, second = other
    second.kubectl("create", "namespace", "only-there")
    assert second.api_url != node_cluster.api_url
    assert "only-there" not in node_cluster.kubectl("get", "namespaces")
    assert "flyball-node" not in second.kubectl("get", "nodes", check=False)


def test_a_component_can_be_killed_frozen_and_brought_back(other: tuple[dict[str, object], Cluster]) -> None:
    _, cluster = other
    server = cluster.component("kube-apiserver")
    server.kill()
    assert server.process is None
    with pytest.raises(ClusterError):
        cluster.kubectl("get", "namespaces", "--request-timeout=2s")
    server.start()
    cluster.wait_for_api(60)
    server.freeze()
    with pytest.raises(OSError):
        cluster.get("/readyz")
    server.thaw()
    cluster.wait_for_api(30)


def test_a_service_account_has_its_rights_alone(other: tuple[dict[str, object], Cluster]) -> None:
    _, cluster = other
    config = cluster.kubeconfig_for("default", "default")
    said = cluster.kubectl("get", "pods", "--kubeconfig", str(config), check=False)
    assert "forbidden" in said.lower()


def test_a_second_cluster_of_the_same_name_is_refused(other: tuple[dict[str, object], Cluster]) -> None:
    _, cluster = other
    with pytest.raises(ClusterError, match="is running"):
        Cluster.start(cluster.name, Flavour.API)


def test_nothing_is_left_when_it_goes(other: tuple[dict[str, object], Cluster]) -> None:
    before, cluster = other
    cluster.stop()
    assert machine() == before
    assert not layout.home(cluster.name).exists()


def test_what_a_crash_left_is_cleared_away(node_cluster: Cluster) -> None:
    before = machine()
    name = f"crash-{os.getpid()}"
    script = f"from hack.cluster import Cluster, Flavour; import time; Cluster.start({name!r}, Flavour.API); print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"up\n"
        starter.send_signal(signal.SIGKILL)
    subprocess.run([sys.executable, "-m", "hack.cluster", "down", "--name", name], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    assert machine() == before


def test_a_component_that_does_not_come_up_is_named_with_its_log(node_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "apiserver", lambda its: ["kube-apiserver", "--no-such-flag"])
    name = f"bad-{os.getpid()}"
    with pytest.raises(ClusterError, match=r"kube-apiserver ended while starting(.|\n)*no-such-flag"):
        Cluster.start(name, Flavour.API)
    logs = layout.home(name) / "logs"
    assert "no-such-flag" in (logs / "kube-apiserver.log").read_text()
    subprocess.run(["rm", "-r", str(layout.home(name))], check=True)
