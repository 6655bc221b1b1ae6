"""Objects as the API delivers them, and a node of folders and fake time on which the governor runs whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flyball.agent.governor import Governor
from flyball.agent.plans import parse_plan
from flyball.agent.pods import parse_pod
from flyball.agent.settings import Settings
from flyball.cgroup.layout import detect
from tests.unit.cgroup.trees import v1_tree

WALL = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
CONTAINER_ID = "c" * 64


def stamp(seconds_ago: float) -> str:
    return datetime.fromtimestamp(WALL - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(name: str = "cart-7d4-x", **change: Any) -> dict[str, Any]:
    """A pod of Deployment cart, Ready for an hour, with one container `app` of one core."""
    options: dict[str, Any] = {
        "uid": "uid-1",
        "limit": "1",
        "request": "10m",
        "actual": None,
        "actual_request": None,
        "ready": True,
        "ready_for": 3600.0,
        "restarts": 0,
        "ended_ago": None,
        "container_id": CONTAINER_ID,
        "annotations": {},
        "labels": {"app": "cart", "pod-template-hash": "7d4"},
        "conditions": [],
        "memory": "64Mi",
        "deleted": False,
        "spec": {},
    } | change
    limit = options["limit"]
    requests = {"cpu": options["request"]} if options["request"] else {}
    resources = {"limits": {"memory": options["memory"]} | ({"cpu": limit} if limit else {}), "requests": requests}
    actual = options["actual"] or limit
    actual_request = options["actual_request"] or options["request"]
    status = {
        "name": "app",
        "containerID": f"containerd://{options['container_id']}",
        "restartCount": options["restarts"],
        "state": {"running": {"startedAt": stamp(100)}} if options["container_id"] else {"waiting": {"reason": "CrashLoopBackOff"}},
        "resources": {"limits": {"cpu": actual} if actual else {}, "requests": {"cpu": actual_request} if actual_request else {}},
    }
    if options["ended_ago"] is not None:
        status["lastState"] = {"terminated": {"finishedAt": stamp(options["ended_ago"])}}
    meta = {
        "name": name,
        "namespace": "shop",
        "uid": options["uid"],
        "labels": options["labels"],
        "annotations": options["annotations"],
        "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-7d4", "controller": True}],
    }
    if options["deleted"]:
        meta["deletionTimestamp"] = stamp(0)
    ready = {"type": "Ready", "status": str(options["ready"]), "lastTransitionTime": stamp(options["ready_for"])}
    return {
        "metadata": meta,
        "spec": {"nodeName": "node-1", "containers": [{"name": "app", "resources": resources}], **options["spec"]},
        "status": {
            "phase": "Running",
            "conditions": [ready, *({"type": kind, "status": "True"} for kind in options["conditions"])],
            "containerStatuses": [status],
        },
    }


def plan(name: str = "shop", **change: Any) -> dict[str, Any]:
    """A plan that controls Deployment cart at target 0."""
    options: dict[str, Any] = {
        "action": "Control",
        "quota": True,
        "burst": True,
        "weight": False,
        "canary": 100,
        "keep": 0,
        "permille": 0,
        "owner": ("Deployment", "cart"),
        "selector": {},
        "containers": [{"name": "*", "control": "Auto", "minMilli": 50}],
    } | change
    kind, owner = options["owner"]
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"plan-{name}"},
        "spec": {
            "action": options["action"],
            "quota": options["quota"],
            "burst": options["burst"],
            "weight": options["weight"],
            "canaryPercent": options["canary"],
            "keepPermille": options["keep"],
            "workloads": [
                {
                    "owner": {"kind": kind, "name": owner},
                    "selector": options["selector"],
                    "group": "high",
                    "throttlePermille": options["permille"],
                    "containers": options["containers"],
                }
            ],
        },
    }


class Node:
    """One node: a v1 tree of files, a governor, and a clock that moves when told to."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(node_name="node-1", cgroup_root=folder / "cgroup", journal_dir=folder / "run")
        self.folder = folder
        v1_tree(folder / "cgroup")
        self.now = 1000.0
        self.restart()

    def restart(self) -> None:
        """A new agent on the same node."""
        self.governor = Governor(self.settings, detect(self.settings.cgroup_root), wall=lambda: WALL + self.now - 1000.0)
        self._renewals = 0

    def group(self, container_id: str = CONTAINER_ID, uid: str = "uid-1") -> Path:
        return self.settings.cgroup_root / "cpu" / "kubepods" / f"pod{uid}" / container_id

    def make(self, container_id: str = CONTAINER_ID, uid: str = "uid-1", quota: int = 100_000) -> None:
        """A pod's and a container's cgroup."""
        v1_tree(self.settings.cgroup_root, "kubepods", f"kubepods/pod{uid}", f"kubepods/pod{uid}/{container_id}")
        self.write(quota, container_id, uid)

    def write(self, quota: int, container_id: str = CONTAINER_ID, uid: str = "uid-1") -> None:
        """As the kubelet or somebody else would: the quota, not the burst."""
        (self.group(container_id, uid) / "cpu.cfs_quota_us").write_text(f"{quota}\n")

    def quota(self, container_id: str = CONTAINER_ID) -> int:
        return int((self.group(container_id) / "cpu.cfs_quota_us").read_text())

    def burst(self, container_id: str = CONTAINER_ID) -> int:
        return int((self.group(container_id) / "cpu.cfs_burst_us").read_text())

    def see(self, raw: dict[str, Any]) -> None:
        self.governor.pod_seen(parse_pod(raw), self.now)

    def planned(self, raw: dict[str, Any]) -> None:
        self.governor.plan_seen(parse_plan(raw))

    def renew(self) -> None:
        self._renewals += 1
        self.governor.freshness.seen(f"renewal {self._renewals}", 0.0, self.now)

    def run(self, seconds: int, *, cores: float = 0.2, throttled: int = 0, renew: bool = True, container_id: str = CONTAINER_ID) -> None:
        """Seconds of life: the container uses `cores` and is throttled in so many periods each second."""
        group = self.group(container_id)
        usage = self.settings.cgroup_root / "cpuacct" / group.relative_to(self.settings.cgroup_root / "cpu") / "cpuacct.usage"
        for _ in range(seconds):
            self.now += 1.0
            if group.is_dir():
                usage.write_text(str(int(usage.read_text()) + int(cores * 1e9)))
                count = int((group / "cpu.stat").read_text().split()[3]) + throttled
                (group / "cpu.stat").write_text(f"nr_periods 10\nnr_throttled {count}\nthrottled_time 0\n")
            if renew:
                self.renew()
            self.governor.tick(self.now)

    def tally(self) -> Any:
        """The only tally."""
        (only,) = self.governor.tallies.by_key.values()
        return only

    def controlled(self) -> Node:
        """With one controlled container that was lowered."""
        self.make()
        self.planned(plan())
        self.renew()
        self.see(pod())
        self.run(50)  # cuts are a tenth every three ticks
        assert self.quota() < 40_000
        assert self.burst() > 0
        return self


class Crowd:
    """Tasks wait as told."""

    def __init__(self, *, stalls: bool = False) -> None:
        self.total, self.stalls, self.closed, self.idle = 0.0, stalls, False, 0.0

    def read(self) -> float:
        return self.total

    def close(self) -> None:
        self.closed = True

    def run(self, node: Node, seconds: int, *, waited: float, cores: float) -> None:
        for _ in range(seconds):
            self.total += waited
            node.run(1, cores=cores)
