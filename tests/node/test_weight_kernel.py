"""Weights of containers without a limit on this machine's kernel: real waiting, real shares of a full CPU; needs root and cgroup v1, no cluster."""

from __future__ import annotations

import contextlib
import os
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
from tests.node.kernelkit import HOG, Tree, neighbours, tick_until, within
from tests.unit.agent.builders import CONTAINER_ID, plan, pod
from tests.unit.cgroup.trees import ROOT, make_group, needs_kernel, real_root

pytestmark = [pytest.mark.node, needs_kernel]

SPEC = 1024
LOW = round(1.04 * 102.4)  # of 100 m, within the dead bands of container and pod
UP = round(0.98 * SPEC)  # within the dead band


@pytest.fixture
def group() -> Iterator[Path]:
    """A container of a pod, both of one core requested and no limit."""
    with real_root() as root:
        make_group(f"{root}/poduid-1")
        yield make_group(f"{root}/poduid-1/{CONTAINER_ID}")


@pytest.fixture
def tree(group: Path) -> Iterator[Tree]:
    tree = Tree(group)
    yield tree
    tree.end()


def weight(group: Path) -> int:
    return int((group / "cpu.shares").read_text())


def both(group: Path) -> tuple[int, int]:
    """Of the container and of its pod."""
    return weight(group), weight(group.parent)


def controlled(journal: Path) -> Governor:
    """At a quarter of the time waiting, and at least 100 m."""
    governor = Governor(Settings(node_name="n", journal_dir=journal), detect(ROOT))
    governor.plan_seen(parse_plan(plan(weight=True, permille=250, containers=[{"name": "*", "minMilli": 100}])))
    governor.pod_seen(parse_pod(pod(limit=None, request="1")), time.monotonic())
    return governor


def test_the_weight_comes_down_to_the_floor_goes_up_to_the_requests_with_a_neighbour_and_comes_back_at_the_end(
    group: Path, tree: Tree, tmp_path: Path
) -> None:
    governor = controlled(tmp_path)
    tick_until(governor, lambda: max(both(group)) <= LOW, 90)
    with neighbours(group):
        tree.work(0.4)
        tick_until(governor, lambda: min(both(group)) >= UP, 30)
    tree.end()
    tick_until(governor, lambda: max(both(group)) < SPEC // 2, 60)
    assert governor.release_all("Shutdown") == 0
    assert both(group) == (SPEC, SPEC)
    assert not list(tmp_path.iterdir())
    governor.close()


def test_what_a_killed_agent_lowered_the_next_one_holds_or_gives_back(group: Path, tmp_path: Path) -> None:
    governor = controlled(tmp_path)
    tick_until(governor, lambda: max(both(group)) < SPEC // 2, 60)
    governor.close()
    before = both(group)
    second = controlled(tmp_path)
    second.inherit(second.journal.entries())
    second.freshness.seen("renewed", 0.0, time.monotonic())
    second.settle_inheritance(time.monotonic())
    assert both(group) == before
    second.close()
    third = Governor(Settings(node_name="n", journal_dir=tmp_path), detect(ROOT))
    third.inherit(third.journal.entries())
    third.settle_inheritance(time.monotonic())
    assert both(group) == (SPEC, SPEC)
    assert not list(tmp_path.iterdir())
    third.close()


@contextlib.contextmanager
def busy(*groups: Path) -> Iterator[None]:
    """One process in each group, all on the same CPU."""
    cpu = max(os.sched_getaffinity(0))
    processes = [subprocess.Popen(within(group, f"os.sched_setaffinity(0, {{{cpu}}})\n{HOG}")) for group in groups]
    try:
        assert poll(lambda: all((group / "cgroup.procs").read_text().strip() for group in groups), 20)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def share(group: Path, other: Path, seconds: float = 3.0) -> float:
    """What `group` gets of what both use."""

    def used() -> list[int]:
        return [int((ROOT / "cpuacct" / each.relative_to(ROOT / "cpu") / "cpuacct.usage").read_text()) for each in (group, other)]

    before = used()
    time.sleep(seconds)
    mine, theirs = (after - earlier for after, earlier in zip(used(), before, strict=True))
    return mine / (mine + theirs)


@pytest.mark.parametrize(
    ("container", "pod_weight", "expected"),
    [(SPEC, SPEC, 1 / 2), (SPEC // 4, SPEC, 1 / 2), (SPEC // 4, SPEC // 4, 1 / 5)],
    ids=["neither is lowered", "the container's alone changes nothing between pods", "with the pod's it does"],
)
def test_between_pods_the_weight_of_the_pods_group_decides(group: Path, container: int, pod_weight: int, expected: float) -> None:
    root = group.parent.parent
    (root / "cpu.shares").write_text("262144")
    other = make_group(str((root / "poduid-2" / CONTAINER_ID).relative_to(ROOT / "cpu")))
    (group / "cpu.shares").write_text(str(container))
    (group.parent / "cpu.shares").write_text(str(pod_weight))
    with busy(group, other):
        assert share(group, other) == pytest.approx(expected, abs=0.05)
