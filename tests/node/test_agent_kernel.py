"""The governor on this machine's kernel: real counters, real throttling, a real tree of busy processes; needs root and cgroup v1, no cluster."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyball.agent.governor import Governor
from flyball.agent.plans import parse_plan
from flyball.agent.pods import parse_pod
from flyball.agent.settings import Settings
from flyball.cgroup.layout import detect
from hack.cluster.process import poll
from tests.node.agentkit import burst, quota
from tests.node.kernelkit import Tree, neighbours, tick_until
from tests.unit.agent.builders import CONTAINER_ID, plan, pod
from tests.unit.cgroup.trees import ROOT, make_group, needs_kernel, real_root

pytestmark = [pytest.mark.node, needs_kernel]

LIMIT_US = 10_000


@pytest.fixture
def group() -> Iterator[Path]:
    with real_root() as root:
        (make_group(root) / "cpu.shares").write_text("262144")  # whoever else works on the machine leaves it the CPUs
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
    with neighbours(group) as processes:
        yield processes


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
