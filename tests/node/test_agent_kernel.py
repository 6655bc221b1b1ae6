"""The governor on this machine's kernel: real counters, real throttling, a real tree of busy processes; needs root and cgroup v1, no cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flyball.agent.governor import Governor
from flyball.agent.plans import parse_plan
from flyball.agent.pods import parse_pod
from flyball.agent.settings import Settings
from flyball.cgroup.layout import detect
from hack.cluster.process import poll
from tests.node.agentkit import burst, quota
from tests.unit.agent.builders import CONTAINER_ID, plan, pod
from tests.unit.cgroup.trees import ROOT, make_group, needs_kernel, real_root

pytestmark = [pytest.mark.node, needs_kernel]

LIMIT_US = 10_000
HOG = "import os\nopen({procs!r}, 'w').write(str(os.getpid()))\nwhile True: pass\n"
# Two processes, parent and child, that work for the given share of each 50 ms.
WORK = """
import os, sys, time
os.fork()
share = float(sys.argv[1]) / 2
while True:
    end = time.process_time() + 0.05 * share
    while time.process_time() < end: pass
    time.sleep(max(0.0, 0.05 * (1 - share)))
"""


class Tree:
    """Busy processes in a group."""

    def __init__(self, group: Path) -> None:
        self._group = group
        self._processes: list[subprocess.Popen[bytes]] = []

    def work(self, cores: float) -> None:
        self._processes.append(
            subprocess.Popen(
                [
                    sys.executable,
                    "-S",
                    "-c",
                    f"import os\nopen({str(self._group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n{WORK}",
                    str(cores),
                ]
            )
        )

    def end(self) -> None:
        for pid in (self._group / "cgroup.procs").read_text().split():
            subprocess.run(["kill", "-9", pid], check=False)
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def group() -> Iterator[Path]:
    with real_root() as root:
        (make_group(f"{root}/poduid-1") / "cpu.cfs_quota_us").write_text(str(LIMIT_US))
        container = make_group(f"{root}/poduid-1/{CONTAINER_ID}")
        (container / "cpu.cfs_quota_us").write_text(str(LIMIT_US))
        yield container


@pytest.fixture
def tree(group: Path) -> Iterator[Tree]:
    tree = Tree(group)
    yield tree
    tree.end()


@pytest.fixture
def hogs(group: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Neighbours of the pod that want every CPU at ten times the pod's weight; nobody else on the machine comes between them and the pod."""
    root = group.parent.parent
    (root / "cpu.shares").write_text("262144")
    neighbour = make_group(str((root / "neighbour").relative_to(ROOT / "cpu")))
    (neighbour / "cpu.shares").write_text("10240")
    program = HOG.format(procs=str(neighbour / "cgroup.procs"))
    processes = [subprocess.Popen([sys.executable, "-S", "-c", program]) for _ in range(os.cpu_count() or 1)]
    assert poll(lambda: len((neighbour / "cgroup.procs").read_text().split()) == len(processes), 20)
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def tick_until(governor: Governor, done: Callable[[], bool], seconds: float) -> float:
    """Tick each second until `done`, which is asked every 10 ms; the seconds it took."""
    begun = time.monotonic()
    due = begun
    while time.monotonic() - begun < seconds:
        if time.monotonic() >= due:
            governor.freshness.seen(str(due), 0.0, time.monotonic())
            governor.tick(time.monotonic())
            due += 1.0
        if done():
            return time.monotonic() - begun
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s")


def test_a_quiet_tree_is_lowered_a_busy_one_gets_it_back_and_in_the_end_all_is_as_it_was(group: Path, tree: Tree, tmp_path: Path) -> None:
    governor = Governor(Settings(node_name="n", journal_dir=tmp_path), detect(ROOT))
    governor.plan_seen(parse_plan(plan(containers=[{"name": "*", "minMilli": 20}])))
    governor.pod_seen(parse_pod(pod(limit="100m")), time.monotonic())
    tree.work(0.02)
    tick_until(governor, lambda: quota(group) < LIMIT_US // 2, 40)
    assert burst(group) > 0
    low = quota(group)
    tree.work(0.08)
    tick_until(governor, lambda: quota(group) > 1.5 * low, 10)
    assert governor.release_all("Shutdown") == 0
    assert (quota(group), burst(group)) == (LIMIT_US, 0)
    assert not list(tmp_path.iterdir())
    governor.close()


def test_a_quota_is_not_cut_while_its_tasks_wait_for_neighbours_and_is_cut_when_nothing_waits(
    group: Path, tree: Tree, hogs: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    for level in (group.parent, group):
        (level / "cpu.cfs_quota_us").write_text("100000")
    governor = Governor(Settings(node_name="n", journal_dir=tmp_path), detect(ROOT))
    governor.plan_seen(parse_plan(plan(containers=[{"name": "*", "minMilli": 20}])))
    governor.pod_seen(parse_pod(pod(limit="1")), time.monotonic())
    tree.work(0.4)
    assert poll(lambda: len((group / "cgroup.procs").read_text().split()) == 2, 20)
    with pytest.raises(AssertionError, match="not within"):
        tick_until(governor, lambda: quota(group) < 100_000, 15)
    tree.end()
    tick_until(governor, lambda: quota(group) < 90_000, 40)
    governor.release_all("Shutdown")
    governor.close()
