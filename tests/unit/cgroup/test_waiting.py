"""How long a group's tasks waited for a CPU: each source, and that what cannot be known is NaN and not zero."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from flyball.cgroup.layout import Layout
from flyball.cgroup.waiting import TASKS_MOST, Counter, Room, Tasks, open_waiting


class Group:
    """A group whose tasks wait as told, as files."""

    def __init__(self, folder: Path, version: int = 1) -> None:
        self.path, self.proc = folder / "group", folder / "proc"
        self.layout = Layout(version, folder, folder)
        self.path.mkdir()
        self.delays: dict[int, int] = {}
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self" / "schedstat").write_text("1 2 3\n")
        self.listing = self.path / ("tasks" if version == 1 else "cgroup.threads")
        self.set()

    def set(self, **delays: int) -> None:
        """The tasks there are, `t7` for task 7, and for how many nanoseconds each has waited in its life."""
        for name, delay in delays.items():
            folder = self.proc / name[1:]
            folder.mkdir(exist_ok=True)
            (folder / "schedstat").write_text(f"5 {delay} 9\n")
        self.listing.write_text("".join(f"{name[1:]}\n" for name in delays))

    def open(self, room: Room | None = None) -> Tasks:
        found = open_waiting(self.layout, self.path, room or Room(), self.proc)
        assert isinstance(found, Tasks)
        return found


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path)


def test_what_tasks_waited_before_the_first_look_does_not_count_and_what_they_wait_afterwards_does(group: Group) -> None:
    group.set(t7=4_000_000_000, t8=0)
    tasks = group.open()
    assert tasks.read() == 0.0
    group.set(t7=4_500_000_000, t8=250_000_000)
    assert tasks.read() == pytest.approx(0.75)


def test_tasks_come_and_go_and_the_sum_never_falls(group: Group) -> None:
    group.set(t7=1_000_000_000)
    tasks = group.open()
    tasks.read()
    group.set(t7=2_000_000_000, t9=300_000_000)
    assert tasks.read() == pytest.approx(1.3)  # the new one began in the group
    group.set(t9=400_000_000)
    assert tasks.read() == pytest.approx(1.4)


def test_descriptors_are_given_back_when_tasks_end_and_when_it_is_closed(group: Group) -> None:
    room = Room(10)
    group.set(t7=0, t8=0)
    tasks = group.open(room)
    tasks.read()
    assert room.left == 8
    group.set(t8=0)
    tasks.read()
    assert room.left == 9
    tasks.close()
    assert room.left == 10


def test_a_node_without_room_for_the_tasks_says_that_it_does_not_know(group: Group) -> None:
    room = Room(1)
    group.set(t7=0, t8=0)
    tasks = group.open(room)
    assert math.isnan(tasks.read())
    assert room.left == 1
    group.set(t8=5)
    assert tasks.read() == 0.0


def test_too_many_tasks_are_not_known_and_not_read(group: Group) -> None:
    group.set(**{f"t{number}": 0 for number in range(100, 101 + TASKS_MOST)})
    room = Room()
    before = room.left
    assert math.isnan(group.open(room).read())
    assert room.left == before


def test_tasks_of_a_namespace_that_cannot_be_seen_are_not_known(group: Group) -> None:
    tasks = group.open()
    group.listing.write_text("0\n0\n")
    assert math.isnan(tasks.read())


def test_a_task_that_ends_while_it_is_looked_at_is_passed_over(group: Group) -> None:
    group.set(t7=0)
    group.listing.write_text("7\n8\n")
    assert group.open().read() == 0.0


def test_pressure_of_the_group_comes_first_on_v2(tmp_path: Path) -> None:
    group = Group(tmp_path, 2)
    (group.path / "cpu.pressure").write_text("some avg10=1.00 avg60=0.5 avg300=0.1 total=2500000\nfull avg10=0.0 avg60=0.0 avg300=0.0 total=7\n")
    found = open_waiting(group.layout, group.path, Room(), group.proc)
    assert isinstance(found, Counter)
    assert found.stalls
    assert found.read() == pytest.approx(2.5)


def test_a_kernel_without_pressure_on_v2_falls_back_to_the_tasks(tmp_path: Path) -> None:
    group = Group(tmp_path, 2)
    group.set(t7=5)
    assert not group.open().stalls


def test_where_v1_counts_the_waiting_of_groups_it_is_taken(group: Group) -> None:
    (group.path / "cpu.stat").write_text("nr_periods 0\nnr_throttled 0\nthrottled_time 0\nwait_sum 1500000000\n")
    found = open_waiting(group.layout, group.path, Room(), group.proc)
    assert isinstance(found, Counter)
    assert not found.stalls
    assert found.read() == pytest.approx(1.5)


def test_without_any_source_there_is_none(group: Group) -> None:
    (group.proc / "self" / "schedstat").unlink()
    assert open_waiting(group.layout, group.path, Room(), group.proc) is None
