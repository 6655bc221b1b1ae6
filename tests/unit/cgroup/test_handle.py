"""Reading and writing CPU files: v2 on file trees with the kernel's answers played, v1 on the real kernel."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyball.cgroup.errors import CgroupGone, QuotaRefused
from flyball.cgroup.handle import UNLIMITED, ContainerHandle, PodHandle, Reading, quota_us
from flyball.cgroup.layout import detect
from tests.unit.cgroup.trees import ROOT, make_group, needs_kernel, play_kernel, real_root, v1_tree, v2_tree

__all__ = ["play_kernel"]


@pytest.fixture
def v2(tmp_path: Path) -> ContainerHandle:
    v2_tree(tmp_path, "pod/c")
    return ContainerHandle(detect(tmp_path), tmp_path / "pod" / "c")


@pytest.fixture
def kernel() -> Iterator[ContainerHandle]:
    """A container of 50 m in a pod of 100 m, real."""
    with real_root() as name:
        pod = make_group(f"{name}/pod")
        (pod / "cpu.cfs_quota_us").write_text("10000")
        container = make_group(f"{name}/pod/c")
        (container / "cpu.cfs_quota_us").write_text("5000")
        handle = ContainerHandle(detect(ROOT), container)
        yield handle
        handle.close()


def test_v2_files_are_read(v2: ContainerHandle) -> None:
    assert v2.read() == Reading(usage_ns=2_500_000, throttled=3, quota_us=100_000, period_us=100_000, burst_us=0)


def test_v1_files_are_read(tmp_path: Path) -> None:
    handle = ContainerHandle(detect(v1_tree(tmp_path, "c")), tmp_path / "cpu" / "c")
    assert handle.read() == Reading(usage_ns=2_500_000, throttled=3, quota_us=100_000, period_us=100_000, burst_us=0)


def test_v2_without_a_limit(tmp_path: Path) -> None:
    v2_tree(tmp_path, "c", limit="max 100000")
    assert ContainerHandle(detect(tmp_path), tmp_path / "c").read().quota_us == UNLIMITED


def test_a_kernel_without_burst_is_served_without_it(tmp_path: Path, play_kernel: list[tuple[str, str]]) -> None:
    v1_tree(tmp_path, "c")
    (tmp_path / "cpu" / "c" / "cpu.cfs_burst_us").unlink()
    handle = ContainerHandle(detect(tmp_path), tmp_path / "cpu" / "c")
    assert not handle.has_burst
    assert handle.read().burst_us == 0


def test_a_group_without_bandwidth_control_counts_nothing(tmp_path: Path) -> None:
    v2_tree(tmp_path, "c")
    (tmp_path / "c" / "cpu.stat").write_text("usage_usec 7\nuser_usec 7\nsystem_usec 0\n")
    assert ContainerHandle(detect(tmp_path), tmp_path / "c").read().throttled == 0


def test_the_order_is_burst_down_quota_burst_up(v2: ContainerHandle, play_kernel: list[tuple[str, str]]) -> None:
    v2.write(60_000, 40_000)
    assert play_kernel == [("cpu.max", "60000"), ("cpu.max.burst", "40000")]
    play_kernel.clear()
    v2.write(30_000, 30_000)
    assert play_kernel == [("cpu.max.burst", "30000"), ("cpu.max", "30000")]
    play_kernel.clear()
    after = v2.write(100_000, 0)
    assert play_kernel == [("cpu.max.burst", "0"), ("cpu.max", "100000")]
    assert (after.quota_us, after.period_us, after.burst_us) == (100_000, 100_000, 0)


def test_what_is_in_force_is_not_written_again(v2: ContainerHandle, play_kernel: list[tuple[str, str]]) -> None:
    v2.write(100_000, 0)
    assert play_kernel == []


def test_v2_limits_can_be_taken_away(v2: ContainerHandle, play_kernel: list[tuple[str, str]]) -> None:
    v2.write(UNLIMITED, 0)
    assert play_kernel == [("cpu.max", "max")]


def test_a_burst_above_the_quota_is_cut_to_it(v2: ContainerHandle, play_kernel: list[tuple[str, str]]) -> None:
    assert v2.write(20_000, 90_000).burst_us == 20_000


def test_a_group_that_is_not_there_is_gone(tmp_path: Path) -> None:
    layout = detect(v2_tree(tmp_path))
    with pytest.raises(CgroupGone):
        ContainerHandle(layout, tmp_path / "c")
    with pytest.raises(CgroupGone):
        PodHandle(tmp_path / "c")


@pytest.mark.parametrize(("milli", "period", "quota"), [(1000, 100_000, 100_000), (417, 100_000, 41_700), (1, 100_000, 1000), (500, 50_000, 25_000)])
def test_a_limit_becomes_the_quota_that_the_kubelet_writes(milli: int, period: int, quota: int) -> None:
    assert quota_us(milli, period) == quota


@needs_kernel
def test_the_kernel_takes_quota_and_burst_and_says_so(kernel: ContainerHandle) -> None:
    after = kernel.write(3000, 2000)
    assert (after.quota_us, after.burst_us, after.period_us) == (3000, 2000, 100_000)
    after = kernel.write(1500, 1500)
    assert (after.quota_us, after.burst_us) == (1500, 1500)
    after = kernel.write(5000, 0)
    assert (after.quota_us, after.burst_us) == (5000, 0)


@needs_kernel
def test_the_kernel_refuses_more_than_the_parent_has_and_the_sentence_says_why(kernel: ContainerHandle) -> None:
    with pytest.raises(QuotaRefused, match="above the parent's quota") as caught:
        kernel.write(20_000, 0)
    assert caught.value.errno == errno.EINVAL
    assert kernel.read().quota_us == 5000


@needs_kernel
def test_below_a_millisecond_the_quota_is_a_millisecond(kernel: ContainerHandle) -> None:
    assert kernel.write(10, 0).quota_us == 1000


@needs_kernel
def test_a_removed_group_is_gone_for_open_handles(kernel: ContainerHandle) -> None:
    pod = PodHandle(kernel.path.parent)
    assert pod.throttled() == 0
    for controller in ("cpu", "cpuacct"):
        group = ROOT / controller / kernel.path.relative_to(ROOT / "cpu")
        group.rmdir()
        group.parent.rmdir()
    with pytest.raises(CgroupGone):
        kernel.read()
    with pytest.raises(CgroupGone):
        kernel.write_burst(0)
    with pytest.raises(CgroupGone):
        pod.throttled()
    pod.close()
