"""How busy the machine is, from /proc/stat."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hack.demo import machine


def test_work_and_what_the_hypervisor_took_count_as_busy_and_waiting_for_disks_does_not(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    #                     user nice system idle iowait irq softirq steal guest guest_nice
    stat.write_text("cpu  1000  100   200  9000    500  10      20    70     5          5\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    assert machine.busy_core_seconds(stat) == pytest.approx(1400 / os.sysconf("SC_CLK_TCK"))


def test_where_there_is_no_such_file_nothing_is_claimed(tmp_path: Path) -> None:
    assert machine.busy_core_seconds(tmp_path / "none") is None
