"""Benchmark `agent`: what the node agent costs, and how fast it answers throttling, on this machine's real cgroups.

`make bench SUITE=agent` writes build/bench/agent.json and prints a table. 100 containers (50 pods of two) in a cgroup tree of its own; the agent is a
process with the product's governor, tick loop, client and endpoints, its caches fed directly. Phase 1 measures cost with each container's quota
moving every 3 s. Phase 2 lets processes in 12 of them turn busy at random moments and measures from the first throttled period to the larger
quota, both seen in the kernel's files every 5 ms. Needs root and cgroup v1.
"""

from __future__ import annotations

import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from tests.benchmarks.agent_process import WORKLOADS
from tests.unit.cgroup.trees import ROOT, make_group, real_root, why_no_kernel

CONTAINERS = 100
PER_POD = 2
BUSY = 12
LIMIT_MILLI = 60
PERMILLE = 40
COST_SECONDS = 120
LATENCY_SECONDS = 150
POLL_SECONDS = 0.005
SEED = 20260101
OUT = Path(__file__).resolve().parents[2] / "build" / "bench" / "agent.json"
BUDGET = {"cpu_share_percent": 1.0, "rss_mb": 50.0, "tick_p99_ms": 20.0, "latency_p99_s": 1.5, "release_s": 2.0}
SPIN = "import os,signal\nos.kill(os.getpid(), signal.SIGSTOP)\nwhile True: pass\n"


def build(root: str) -> list[dict[str, Any]]:
    """The tree and the pods that it belongs to."""
    pods = []
    for number in range(CONTAINERS // PER_POD):
        uid = str(uuid.UUID(int=number + 1))
        containers, statuses = [], []
        pod = f"{root}/kubepods/pod{uid}"
        (make_group(pod) / "cpu.cfs_quota_us").write_text(str(LIMIT_MILLI * 100 * PER_POD))
        for index in range(PER_POD):
            container_id = f"{number:032x}{index:032x}"
            (make_group(f"{pod}/{container_id}") / "cpu.cfs_quota_us").write_text(str(LIMIT_MILLI * 100))
            containers.append({"name": f"c{index}", "resources": {"limits": {"cpu": f"{LIMIT_MILLI}m"}}})
            statuses.append({"name": f"c{index}", "containerID": f"containerd://{container_id}", "state": {"running": {}}, "restartCount": 0})
        owner = [{"kind": "ReplicaSet", "name": "cart-7d4", "controller": True}]
        meta = {
            "name": f"cart-{number}",
            "namespace": f"bench{number % WORKLOADS}",
            "uid": uid,
            "labels": {"pod-template-hash": "7d4"},
            "ownerReferences": owner,
        }
        ready = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
        pods.append({"metadata": meta, "spec": {"containers": containers}, "status": {"conditions": ready, "containerStatuses": statuses}})
    return pods


class Busy:
    """A process that turns busy at random moments in one container, and the time until the agent answers."""

    def __init__(self, group: Path, seed: int) -> None:
        self.group = group
        self.latencies: list[float] = []
        self._random = random.Random(seed)
        self._process = subprocess.Popen([sys.executable, "-S", "-c", SPIN])
        (group / "cgroup.procs").write_text(str(self._process.pid))
        self._thread = threading.Thread(target=self._run)
        self._end = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._end.set()
        self._thread.join()
        self._process.kill()
        self._process.wait()

    def _run(self) -> None:
        while not self._end.is_set():
            # Down to a fraction of the limit first: an idle container comes there in 10 to 15 s.
            if not self._until(lambda: self._quota() <= LIMIT_MILLI * 50, 40) or self._end.wait(self._random.random() * 2.0):
                continue
            before, throttled = self._quota(), self._throttled()
            self._process.send_signal(signal.SIGCONT)
            if self._until(lambda throttled=throttled: self._throttled() > throttled, 5):
                begun = time.monotonic()
                if self._until(lambda before=before: self._quota() > before * 1.05, 10):
                    self.latencies.append(time.monotonic() - begun)
            self._process.send_signal(signal.SIGSTOP)

    def _until(self, done: Any, seconds: float) -> bool:
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and not self._end.is_set():
            if done():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _quota(self) -> int:
        return int((self.group / "cpu.cfs_quota_us").read_text())

    def _throttled(self) -> int:
        return int((self.group / "cpu.stat").read_text().split()[3])


def share(values: list[float], part: float) -> float:
    """The smallest value that at least `part` of all do not exceed."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def measure() -> dict[str, Any]:
    with real_root() as root, tempfile.TemporaryDirectory() as folder:
        pods = build(root)
        agent = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.agent_process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert agent.stdin is not None and agent.stdout is not None
        agent.stdin.write(json.dumps({"journal": folder, "pods": pods, "permille": PERMILLE}) + "\n")
        agent.stdin.flush()
        port = int(agent.stdout.readline())

        def ask() -> dict[str, Any]:
            agent.send_signal(signal.SIGUSR1)
            return dict(json.loads(agent.stdout.readline()))  # type: ignore[union-attr]

        try:
            print(f"{CONTAINERS} containers; warming up 20 s, then {COST_SECONDS} s of cost", flush=True)
            time.sleep(20)
            warm = ask()
            for _ in range(COST_SECONDS // 5):
                time.sleep(5)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                    answer.read()
            cost = ask()
            print(f"{BUSY} busy processes, {LATENCY_SECONDS} s of answers to throttling", flush=True)
            groups = [
                ROOT / "cpu" / root / "kubepods" / f"pod{pod['metadata']['uid']}" / pod["status"]["containerStatuses"][0]["containerID"][13:]
                for pod in pods[:BUSY]
            ]
            busy = [Busy(group, SEED + number) for number, group in enumerate(groups)]
            for each in busy:
                each.start()
            time.sleep(LATENCY_SECONDS)
            under_load = ask()
            for each in busy:
                each.end()
            agent.terminate()
            ended = json.loads(agent.stdout.readline())
            agent.wait(10)
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()
            agent.stdin.close()
            agent.stdout.close()
    latencies = [latency for each in busy for latency in each.latencies]
    return {
        "suite": "agent",
        "seed": SEED,
        "machine": {
            "kernel": platform.release(),
            "python": platform.python_version(),
            "cpus": len(Path("/proc/cpuinfo").read_text().split("processor\t")) - 1,
        },
        "containers": CONTAINERS,
        "cpu_share_percent": 100.0 * cost["cpu_seconds"] / cost["seconds"],
        "us_per_container_and_tick": 1e6 * cost["cpu_seconds"] / (len(cost["ticks"]) * CONTAINERS),
        "writes_per_container_and_second": (cost["writes"] - warm["writes"]) / cost["seconds"] / CONTAINERS,
        "rss_mb": under_load["rss_bytes"] / 1e6,
        "tick_p50_ms": 1e3 * share(cost["ticks"], 0.5),
        "tick_p99_ms": 1e3 * share(cost["ticks"], 0.99),
        "tick_p99_ms_under_load": 1e3 * share(under_load["ticks"], 0.99),
        "tick_cpu_p99_ms": 1e3 * share(cost["tick_cpu"], 0.99),
        "load_average": os.getloadavg()[1],
        "ticks": len(cost["ticks"]) + len(under_load["ticks"]),
        "ticks_late": under_load["ticks_late"],
        "errors": under_load["errors"],
        "cpu_share_percent_under_load": 100.0 * under_load["cpu_seconds"] / under_load["seconds"],
        "latencies": len(latencies),
        "latency_p50_s": share(latencies, 0.5),
        "latency_p99_s": share(latencies, 0.99),
        "latency_max_s": max(latencies),
        "release_s": ended["release_seconds"],
        "not_given_back": ended["left"],
        "budget": BUDGET,
    }


def main() -> int:
    if reason := why_no_kernel():
        print(f"benchmark agent cannot run here: {reason}")
        return 1
    result = measure()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    print("other work on the machine lengthens ticks; with a load average above its CPUs, run it again")
    print(f"{'figure':<34}{'measured':>12}{'budget':>10}")
    for name, value in result.items():
        if isinstance(value, int | float):
            print(f"{name:<34}{value:>12.3f}{BUDGET.get(name, ''):>10}")
    print(f"written to {OUT.relative_to(OUT.parents[2])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
