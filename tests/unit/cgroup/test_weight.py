"""Weights: conversions by the reference's table, which of them a node uses, and reading and writing on files and on the real kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.cgroup.errors import CgroupGone
from flyball.cgroup.layout import detect
from flyball.cgroup.weight import (
    SHARES_MAX,
    SHARES_MIN,
    WeightHandle,
    WeightReading,
    conversion,
    shares,
    shares_in_force,
    shares_of_cores,
    v1,
    v2_linear,
    v2_quadratic,
)
from tests.unit.cgroup.trees import ROOT, make_group, needs_kernel, play_kernel, real_root, v1_tree, v2_tree

__all__ = ["play_kernel"]


@pytest.mark.parametrize(("milli", "expected"), [(0, 2), (1, 2), (100, 102), (250, 256), (1000, 1024), (256_000, 262_144), (300_000, 262_144)])
def test_a_request_becomes_the_shares_that_the_kubelet_writes(milli: int, expected: int) -> None:
    assert shares(milli) == expected


@pytest.mark.parametrize(
    ("milli", "linear", "quadratic"), [(0, 1, 1), (100, 4, 17), (250, 10, 35), (500, 20, 59), (1000, 39, 100), (2000, 79, 174), (8000, 313, 532)]
)
def test_shares_become_the_weights_of_the_older_and_the_newer_formula(milli: int, linear: int, quadratic: int) -> None:
    assert (v2_linear(shares(milli)), v2_quadratic(shares(milli))) == (linear, quadratic)


def test_the_largest_shares_become_the_largest_weight() -> None:
    assert v2_linear(SHARES_MAX) == v2_quadratic(SHARES_MAX) == 10_000


@pytest.mark.parametrize(
    ("version", "weight", "expected"), [(1, 1024, v1), (1, 1000, None), (2, 39, v2_linear), (2, 100, v2_quadratic), (2, 50, None)]
)
def test_which_formula_a_node_uses_is_seen_from_a_known_request(version: int, weight: int, expected: Callable[[int], int] | None) -> None:
    assert conversion(version, 1024, weight) is expected


@given(st.floats(0.0, 300.0))
def test_a_decided_weight_is_rounded_up(cores: float) -> None:
    made = shares_of_cores(cores)
    assert SHARES_MIN <= made <= SHARES_MAX
    assert made >= min(SHARES_MAX, cores * 1024 - 1e-6)


@given(st.sampled_from([v1, v2_linear, v2_quadratic]), st.integers(SHARES_MIN, SHARES_MAX), st.integers(SHARES_MIN, SHARES_MAX))
def test_what_is_in_force_is_read_back_as_no_less_than_was_written_and_no_more_than_the_request(
    convert: Callable[[int], int], written: int, most: int
) -> None:
    written = min(written, most)
    back = shares_in_force(convert, convert(written), most)
    assert written <= back <= most
    assert convert(back) == convert(written)


def test_v1_and_v2_files_are_read_and_written(tmp_path: Path, play_kernel: list[tuple[str, str]]) -> None:
    old = WeightHandle(detect(v1_tree(tmp_path / "v1", "c")), tmp_path / "v1" / "cpu" / "c")
    assert old.read() == WeightReading(2_500_000, 1024)
    assert old.write(205) == 205
    new = WeightHandle(detect(v2_tree(tmp_path / "v2", "c", weight=39)), tmp_path / "v2" / "c")
    assert new.read() == WeightReading(2_500_000, 39)
    assert new.write(8) == 8
    assert play_kernel == [("cpu.shares", "205"), ("cpu.weight", "8")]
    old.close()
    new.close()


def test_a_group_that_is_not_there_is_gone(tmp_path: Path) -> None:
    layout = detect(v2_tree(tmp_path, "c"))
    (tmp_path / "c" / "cpu.stat").unlink()
    for group in ("c", "d"):
        with pytest.raises(CgroupGone):
            WeightHandle(layout, tmp_path / group)


@needs_kernel
def test_the_kernel_takes_a_weight_and_says_so_until_the_group_is_removed() -> None:
    with real_root() as name:
        group = make_group(f"{name}/pod")
        handle = WeightHandle(detect(ROOT), group)
        assert handle.read().weight == 1024
        assert handle.write(205) == 205
        assert handle.read().weight == 205
        for controller in ("cpu", "cpuacct"):
            (ROOT / controller / name / "pod").rmdir()
        with pytest.raises(CgroupGone):
            handle.read()
        with pytest.raises(CgroupGone):
            handle.write(300)
        handle.close()
