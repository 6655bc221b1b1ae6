"""For tests of the node agent: the agent as a process of this machine under its real service account, and what it acts on."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from flyball.cgroup.discovery import bare_id, find_container, find_pods
from hack.cluster import Cluster
from hack.cluster.process import poll

REPO = Path(__file__).resolve().parents[2]
CPU = Path("/sys/fs/cgroup/cpu")
SYSTEM = "flyball-agent-test"
IMAGE = "docker.io/flyball/busybox:1"
LEASE = "flyball-plans"
LIMIT_US = 20_000  # of a limit of 200m

PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from flyball.agent.main import run
from flyball.agent.settings import Settings
values = json.loads(sys.argv[1])
for name in ("cgroup_root", "journal_dir", "token_file", "ca_file"):
    if name in values:
        values[name] = Path(values[name])
sys.exit(asyncio.run(run(Settings(**values))))
"""


class AgentProcess:
    """`flyball agent` with short times, as a process."""

    def __init__(self, cluster: Cluster, folder: Path, **settings: Any) -> None:
        token = folder / "token"
        token.write_text(cluster.token(SYSTEM, "agent"))
        self.journal = folder / "journal"
        self.log = folder / "agent.log"
        self._settings = {
            "node_name": cluster.node_name,
            "operator_namespace": SYSTEM,
            "journal_dir": str(self.journal),
            "settle_seconds": 2.0,
            "release_hold_seconds": 6.0,
            "lease_timeout_seconds": 8.0,
            "api_server": cluster.api_url,
            "token_file": str(token),
            "ca_file": str(cluster.ca_file),
            "listen_host": "127.0.0.1",
            "listen_port": 0,
            "log_level": "debug",
        } | settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-c", PROGRAM, json.dumps(self._settings)], stdout=log, stderr=log)
        wait(lambda: self.get("/readyz", check=False).startswith("ok"), 20, "the agent is ready", self.log)

    def stop(self) -> float:
        """SIGTERM; seconds until it ended."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.terminate()
        assert self.process.wait(10) == 0, self.log.read_text()[-3000:]
        return time.monotonic() - begun

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def get(self, path: str, check: bool = True) -> str:
        try:
            port = self.log.read_text().rpartition("listening on port ")[2].split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (OSError, IndexError):
            if check:
                raise
            return ""

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's series with these labels."""
        total = 0.0
        for line in self.get("/metrics").splitlines():
            if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
                total += float(line.rpartition(" ")[2])
        return total


class Renewer:
    """Renews the Lease every two seconds, as the operator would every thirty, until told to stop."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._renew()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(2.0):
            self._renew()

    def _renew(self) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": "test", "leaseDurationSeconds": 90, "renewTime": now}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE, "namespace": SYSTEM}, "spec": spec}
        apply(self._cluster, lease)


class Workload:
    """A Deployment of idle pods with a limit of 200m, in a namespace of its own."""

    def __init__(self, cluster: Cluster, namespace: str, container: dict[str, Any] | None = None, **pod: Any) -> None:
        """`container` and `pod`: what to change in the specs of both."""
        self.cluster = cluster
        self.namespace = namespace
        self._container = container or {}
        self._pod = pod
        self.deploy()

    def deploy(self, replicas: int = 1, generation: str = "1", readiness: str | None = None) -> None:
        container: dict[str, Any] = {
            "name": "app",
            "image": IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/sh", "-c", "trap exit TERM; sleep 1000000 & wait"],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}},
            **self._container,
        }
        if readiness is not None:
            container["readinessProbe"] = {"exec": {"command": ["/bin/sh", "-c", readiness]}, "periodSeconds": 1, "failureThreshold": 1}
        meta = {"labels": {"app": "cart", "generation": generation}}
        template = {"metadata": meta, "spec": {"dnsPolicy": "Default", "terminationGracePeriodSeconds": 1, "containers": [container], **self._pod}}
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "cart"}}, "template": template}
        apply(self.cluster, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "namespace": self.namespace}, "spec": spec})

    def plan(self, **change: Any) -> None:
        """The plan for it: control at target 0, floor 20m."""
        spec = {
            "action": "Control",
            "workloads": [
                {
                    "owner": {"kind": "Deployment", "name": "cart"},
                    "group": "all",
                    "throttlePermille": 0,
                    "containers": [{"name": "*", "control": "Auto", "minMilli": 20}],
                }
            ],
        } | change
        apply(
            self.cluster,
            {"apiVersion": "flyball.dev/v1alpha1", "kind": "ThrottlePlan", "metadata": {"name": "shop", "namespace": self.namespace}, "spec": spec},
        )

    def pods(self) -> list[dict[str, Any]]:
        """Running pods that are not on their way out."""
        found = json.loads(self.cluster.kubectl("get", "pods", "-n", self.namespace, "-l", "app=cart", "-o", "json"))["items"]
        return [pod for pod in found if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]]

    def group(self) -> Path | None:
        """The CPU group of the only running pod's container."""
        pods = self.pods()
        if len(pods) != 1:
            return None
        state = pods[0]["status"]["containerStatuses"][0]
        uid = pods[0]["metadata"]["uid"]
        pod = find_pods(CPU, [uid]).get(uid)
        return find_container(pod, bare_id(state.get("containerID", ""))) if pod is not None and "running" in state["state"] else None

    def running(self) -> Path:
        """Wait for the only container's group."""
        wait(lambda: self.group() is not None, 40, "a container runs")
        group = self.group()
        assert group is not None
        return group

    def resize(self, **resources: dict[str, str]) -> None:
        """Change requests or limits of the only running pod's container in place."""
        pod = self.pods()[0]["metadata"]["name"]
        patch = {"spec": {"containers": [{"name": "app", "resources": resources}]}}
        self.cluster.kubectl("patch", "pod", pod, "-n", self.namespace, "--subresource=resize", "--patch", json.dumps(patch))

    def lowered(self) -> Path:
        """Wait until the only container has less than its limit, and a burst; its group."""
        group = self.running()
        wait(lambda: quota(group) < LIMIT_US and burst(group) > 0, 30, "the quota is lowered")
        return group


def quota(group: Path) -> int:
    return int((group / "cpu.cfs_quota_us").read_text())


def burst(group: Path) -> int:
    return int((group / "cpu.cfs_burst_us").read_text())


def given_back(group: Path, limit: int = LIMIT_US) -> bool:
    return quota(group) == limit and burst(group) == 0


def wait(done: Any, seconds: float, what: str, log: Path | None = None) -> float:
    """Seconds until `done`; fails after `seconds`."""
    begun = time.monotonic()
    if not poll(done, seconds):
        raise AssertionError(f"not within {seconds} s: {what}" + (f"\n{log.read_text()[-3000:]}" if log else ""))
    return time.monotonic() - begun


def apply(cluster: Cluster, *objects: dict[str, Any]) -> None:
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=yaml.safe_dump_all(objects))


def install(cluster: Cluster) -> None:
    """The kind of the plans, and the agent's service account with the rights that the chart gives it."""
    rules = REPO / "helm" / "flyball" / "rbac"
    kinds = "rbac.authorization.k8s.io/v1"
    subject = [{"kind": "ServiceAccount", "name": "agent", "namespace": SYSTEM}]
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "agent", "namespace": SYSTEM}},
    ]
    for scope, prefix, where in (("agent-cluster", "Cluster", {}), ("agent-namespace", "", {"namespace": SYSTEM})):
        meta = {"name": SYSTEM, **where}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{prefix}Role", "name": SYSTEM}
        objects.append(
            {"apiVersion": kinds, "kind": f"{prefix}Role", "metadata": meta, "rules": yaml.safe_load((rules / f"{scope}.yaml").read_text())}
        )
        objects.append({"apiVersion": kinds, "kind": f"{prefix}RoleBinding", "metadata": meta, "roleRef": reference, "subjects": subject})
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(REPO / "crds" / "throttleplans.yaml"))
    cluster.kubectl("wait", "--for=condition=Established", "crd/throttleplans.flyball.dev", "--timeout=30s")
    apply(cluster, *objects)


@contextlib.contextmanager
def agent_of(cluster: Cluster, folder: Path, **settings: Any) -> Iterator[AgentProcess]:
    """A started agent that is killed at the end, if the test has not ended it."""
    agent = AgentProcess(cluster, folder, **settings)
    try:
        agent.start()
        yield agent
    finally:
        agent.kill()
