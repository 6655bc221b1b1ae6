"""A lane whose looks at an object fail: what was taken for it goes back, or the plans are not called fresh."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from flyball.kube.client import KubeError
from flyball.runtime.lane import STUMBLES, Lane
from flyball.runtime.metrics import Metrics
from flyball.runtime.passes import Passes
from flyball.runtime.queue import WorkQueue
from tests.unit.faketime import clock, run

TICK = 15.0
Key = tuple[str, str]
WEB, PAY = ("shop", "web"), ("shop", "pay")


@dataclass
class Shop:
    """A controller of two objects; looks at `web` raise what is next in `faults`, and come to their end where there is nothing."""

    faults: list[Exception | None] = field(default_factory=list)
    stuck: Exception | None = None
    """Raised when something is to be given back."""
    objects: dict[Key, Mapping[str, Any]] = field(default_factory=lambda: {WEB: {}, PAY: {}})
    looks: int = 0
    given_back: list[Key] = field(default_factory=list)

    async def look(self, key: Key) -> None:
        if key == WEB:
            self.looks += 1
            fault = self.faults.pop(0) if self.faults else None
            if fault:
                raise fault

    async def give_back(self, key: Key) -> None:
        if self.stuck:
            raise self.stuck
        self.given_back.append(key)


def late(shop: Shop, seconds: float, gone: bool = False) -> str | None:
    """Why the plans' Lease would not be renewed after so long."""

    async def main() -> str | None:
        lane = Lane(shop, Metrics(), TICK, 4, shop.give_back)
        lane.queue, lane.passes = WorkQueue(clock), Passes(clock)
        for key in (WEB, PAY):
            lane.queue.add(key)
        if gone:
            del shop.objects[WEB]
        task = asyncio.create_task(lane.work())
        await asyncio.sleep(seconds)
        found = lane.late(2)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return found

    return run(main())


@pytest.mark.parametrize("fault", [RuntimeError("a defect"), KubeError(422, "spec.workloads: too many")])
def test_looks_that_fail_again_and_again_give_back_what_was_taken_and_keep_nobody_elses_plan_old(fault: Exception) -> None:
    shop = Shop([fault] * 100)
    assert late(shop, 45) is None
    assert set(shop.given_back) == {WEB}
    assert shop.looks - len(shop.given_back) == STUMBLES - 1


def test_a_few_failures_or_many_with_a_success_between_take_nothing_back() -> None:
    few: list[Exception | None] = [RuntimeError("a defect")] * (STUMBLES - 1)
    shop = Shop([*few, None, *few])
    assert late(shop, 120) is None
    assert shop.given_back == []
    assert shop.looks > STUMBLES


def test_what_cannot_be_given_back_lets_the_lease_grow_old() -> None:
    shop = Shop([RuntimeError("a defect")] * 100, stuck=KubeError(422, "denied"))
    told = late(shop, 45)
    assert told is not None
    assert told.startswith("shop/web was last looked at")


def test_an_api_server_that_is_away_is_nobodys_own_trouble() -> None:
    shop = Shop([KubeError(500, "etcd is away")] * 100)
    assert late(shop, 120) is not None
    assert shop.given_back == []


def test_of_an_object_that_is_gone_nothing_may_be_left_in_force() -> None:
    shop = Shop([KubeError(500, "its plan cannot be deleted")] * 100)
    told = late(shop, 120, gone=True)
    assert told is not None
    assert "shop/web" in told
    assert late(Shop([KubeError(500, "its plan cannot be deleted")] * 3), 120, gone=True) is None
