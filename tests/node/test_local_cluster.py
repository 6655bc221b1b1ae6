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

from hack.cluster import Cluster, ClusterError, Flavour, cgroups, components, layout, leftovers
from hack.cluster.images import BUSYBOX_IMAGE
from hack.cluster.monitoring import query
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
def other(node_cluster: Cluster) -> Iterator[Cluster]:
    """A second cluster beside the tests' own."""
    with Cluster.start(f"other-{os.getpid()}", Flavour.API, owned=True) as cluster:
        yield cluster


def test_a_pod_runs_under_its_limit_and_a_resize_moves_it(node_cluster: Cluster, node_namespace: str) -> None:
    node_cluster.kubectl("apply", "-n", node_namespace, "-f", "-", input=pod("one", "100m"))
    node_cluster.kubectl("wait", "-n", node_namespace, "pod/one", "--for=condition=Ready", "--timeout=60s")
    uid = node_cluster.kubectl("get", "pod", "one", "-n", node_namespace, "-o", "jsonpath={.metadata.uid}")
    assert quota(node_cluster, uid) == {"10000"}
    resize = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "250m"}}}]}}
    node_cluster.kubectl("patch", "pod", "one", "-n", node_namespace, "--subresource=resize", "-p", json.dumps(resize))
    assert poll(lambda: quota(node_cluster, uid) == {"25000"}, 15)


def test_two_clusters_side_by_side_know_nothing_of_each_other(node_cluster: Cluster, other: Cluster) -> None:
    other.kubectl("create", "namespace", "only-there")
    assert other.api_url != node_cluster.api_url
    assert "only-there" not in node_cluster.kubectl("get", "namespaces")
    assert "flyball-node" not in other.kubectl("get", "nodes", check=False)


def test_a_component_can_be_killed_frozen_and_brought_back(other: Cluster) -> None:
    server = other.component("kube-apiserver")
    server.kill()
    assert server.process is None
    with pytest.raises(ClusterError):
        other.kubectl("get", "namespaces", "--request-timeout=2s")
    server.start()
    other.wait_for_api(60)
    server.freeze()
    with pytest.raises(OSError):
        other.get("/readyz")
    server.thaw()
    other.wait_for_api(30)


def test_a_service_account_has_its_rights_alone(other: Cluster) -> None:
    config = other.kubeconfig_for("default", "default")
    said = other.kubectl("get", "pods", "--kubeconfig", str(config), check=False)
    assert "forbidden" in said.lower()


def test_a_second_cluster_of_the_same_name_is_refused(other: Cluster) -> None:
    with pytest.raises(ClusterError, match="is running"):
        Cluster.start(other.name, Flavour.API)


def test_nothing_is_left_of_a_node_that_ran_pods() -> None:
    before = machine()
    with Cluster.start(f"gone-{os.getpid()}", Flavour.NODE, owned=True) as cluster:
        cluster.kubectl("apply", "-f", "-", input=pod("one", "100m"))
        cluster.kubectl("wait", "pod/one", "--for=condition=Ready", "--timeout=60s")
        assert machine() != before
    assert machine() == before
    assert not layout.home(cluster.name).exists()


@pytest.mark.parametrize("deleted", [False, True], ids=["its folder is there", "its folder was deleted"])
def test_a_cluster_that_nobody_will_stop_any_more_is_cleared_away(node_cluster: Cluster, deleted: bool) -> None:
    # The node has made the mount points below /var/lib: which of them were new, a deleted folder cannot tell any more.
    before = machine()
    name = f"crash-{os.getpid()}"
    start = f"Cluster.start({name!r}, Flavour.API, owned=True); print('up', flush=True); time.sleep(60)"
    script = f"from hack.cluster import Cluster, Flavour; import time; {start}"
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"up\n"
        starter.send_signal(signal.SIGKILL)
    if deleted:
        subprocess.run(["rm", "-r", str(layout.home(name))], check=True)
    with leftovers.one_at_a_time():
        leftovers.clear(print)
    assert poll(lambda: machine() == before, 20), "the kernel takes a veth pair away a moment after its namespace"
    assert not layout.home(name).exists()


def test_a_cluster_that_was_left_running_on_purpose_stays(node_cluster: Cluster) -> None:
    name = f"kept-{os.getpid()}"
    here = [sys.executable, "-m", "hack.cluster"]
    script = f"from hack.cluster import Cluster, Flavour; Cluster.start({name!r}, Flavour.API)"
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True, stderr=subprocess.DEVNULL)
    with leftovers.one_at_a_time():
        leftovers.clear(print)
    said = subprocess.run([*here, "status"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    assert f"{name}\trunning, api" in said
    assert f"{node_cluster.name}\trunning, node" in said
    subprocess.run([*here, "down", "--name", name], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    assert Cluster.find(name) is None


def test_prometheus_scrapes_annotated_pods_the_kubelet_and_programs_of_the_machine(node_cluster: Cluster, node_namespace: str) -> None:
    manifest = json.loads(pod("scraped", "100m"))
    manifest["metadata"] |= {
        "labels": {"app.kubernetes.io/name": "cart"},
        "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/www/m.txt"},
    }
    serve = "mkdir /www; echo answered 42 > /www/m.txt; httpd -f -p 8080 -h /"
    manifest["spec"]["containers"][0]["command"] = ["sh", "-c", serve]
    node_cluster.kubectl("apply", "-n", node_namespace, "-f", "-", input=json.dumps(manifest))
    prometheus = node_cluster.prometheus(1)
    own = {"itself": [prometheus.url.removeprefix("http://")]}
    try:
        prometheus.targets(own)
        ours = f'answered{{namespace="{node_namespace}", pod="scraped", node="{node_cluster.node_name}", app="cart"}}'
        assert poll(lambda: query(prometheus.url, f"{ours} == 42"), 60, step=0.5), "the pod was not scraped, or its labels are others"
        assert poll(lambda: query(prometheus.url, f'container_cpu_cfs_periods_total{{namespace="{node_namespace}", container="app"}}'), 60, step=0.5)
        assert poll(lambda: query(prometheus.url, 'up{job="itself"} == 1'), 60, step=0.5)
        prometheus.kill()
        with pytest.raises(ClusterError, match="did not answer"):
            query(prometheus.url, "up")
        prometheus.start()
        assert poll(lambda: query(prometheus.url, ours), 60, step=0.5)
    finally:
        prometheus.stop()


def test_a_component_that_does_not_come_up_is_named_with_its_log(node_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "apiserver", lambda its: ["kube-apiserver", "--no-such-flag"])
    name = f"bad-{os.getpid()}"
    with pytest.raises(ClusterError, match=r"kube-apiserver ended while starting(.|\n)*no-such-flag"):
        Cluster.start(name, Flavour.API)
    logs = layout.home(name) / "logs"
    assert "no-such-flag" in (logs / "kube-apiserver.log").read_text()
    subprocess.run(["rm", "-r", str(layout.home(name))], check=True)
