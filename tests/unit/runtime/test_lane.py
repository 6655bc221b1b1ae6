"""A lane: bunches of looks, side by side as far as allowed, each object again after a tick, whatever one of them does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import pytest

from flyball.kube.client import KubeError
from flyball.runtime.lane import Lane
from flyball.runtime.metrics import Metrics
from flyball.runtime.queue import WorkQueue
from tests.unit.faketime import clock, run

TICK = 15.0
Key = tuple[str, str]


class Looks:
    """A controller whose looks take a second."""

    def __init__(self, objects: int) -> None:
        self.objects: dict[Key, Mapping[str, Any]] = {("shop", f"web-{number}"): {} for number in range(objects)}
        self.begun: dict[float, list[str]] = {}
        self.running = self.most = 0
        self.fault: Exception | None = None

    async def look(self, key: Key) -> None:
        self.begun.setdefault(round(clock(), 3), []).append(key[1])
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.fault and key[1] == "web-0":
                raise self.fault
            await asyncio.sleep(1)
        finally:
            self.running -= 1


def work(looks: Looks, abreast: int, seconds: float, apart: float = 0.0) -> Lane:
    async def main() -> Lane:
        lane = Lane(looks, Metrics(), TICK, abreast)
        lane.queue = WorkQueue(clock)
        for number, key in enumerate(looks.objects):
            lane.queue.add(key, apart * number)
        task = asyncio.create_task(lane.work())
        await asyncio.sleep(seconds)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return lane

    return run(main())


def test_objects_that_are_due_begin_together_and_come_due_together() -> None:
    looks = Looks(4)
    work(looks, abreast=8, seconds=2.1 * (TICK + 1), apart=0.05)
    assert [len(names) for names in looks.begun.values()][-2:] == [4, 4]


@pytest.mark.parametrize(("objects", "abreast"), [(10, 4), (3, 1), (40, 32)])
def test_no_more_run_than_may_and_all_are_looked_at_in_a_tick(objects: int, abreast: int) -> None:
    looks = Looks(objects)
    work(looks, abreast, seconds=TICK)
    assert looks.most == min(abreast, objects)
    assert sorted(name for names in looks.begun.values() for name in names) == sorted(name for _, name in looks.objects)


def test_the_rest_of_a_tick_begins_in_bunches_and_not_one_by_one() -> None:
    looks = Looks(16)
    work(looks, abreast=8, seconds=TICK)
    assert all(len(names) >= 4 for names in looks.begun.values())


@pytest.mark.parametrize("fault", [KubeError(500, "etcd is away"), RuntimeError("a defect")])
def test_one_look_that_fails_is_tried_again_sooner_and_keeps_nobody_up(fault: Exception) -> None:
    looks = Looks(3)
    looks.fault = fault
    lane = work(looks, abreast=2, seconds=TICK)
    names = [name for each in looks.begun.values() for name in each]
    assert names.count("web-0") > 3
    assert {"web-1", "web-2"} < set(names)
    assert not lane.passes.hanging()


def test_looks_that_run_end_with_the_lane() -> None:
    looks = Looks(3)
    work(looks, abreast=3, seconds=0.5)
    assert looks.running == 0
