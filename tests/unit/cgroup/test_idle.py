"""The node's idle share."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from flyball.cgroup.idle import NodeIdle


def stat(proc: Path, *values: int) -> None:
    (proc / "stat").write_text(f"cpu  {' '.join(map(str, values))}\ncpu0 1 2 3 4 5 6 7 8 9 10\n")


def test_idle_and_waiting_for_disks_count_as_idle_and_guests_are_not_counted_twice(tmp_path: Path) -> None:
    idle = NodeIdle(tmp_path)
    stat(tmp_path, 100, 0, 0, 1000, 10, 0, 0, 0, 50, 0)
    assert math.isnan(idle.read())
    stat(tmp_path, 160, 0, 10, 1020, 15, 0, 0, 5, 110, 0)
    assert idle.read() == pytest.approx(25 / 100)


def test_what_cannot_be_read_or_has_not_moved_is_unknown(tmp_path: Path) -> None:
    idle = NodeIdle(tmp_path)
    assert math.isnan(idle.read())
    for _ in range(2):
        stat(tmp_path, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
        assert math.isnan(idle.read())


def test_this_machine_says_a_share() -> None:
    idle = NodeIdle()
    idle.read()
    end = sum(number * number for number in range(300_000))
    assert end > 0
    share = idle.read()
    assert math.isnan(share) or 0.0 <= share <= 1.0
