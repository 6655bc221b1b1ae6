"""Others' claims are listed once for all looks that run side by side."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from flyball.controllers.shared.autoscalers import REFRESH_SECONDS, Autoscalers
from flyball.kube.client import Kube, KubeError
from tests.operator.fake_kube import FakeKube


class Server(FakeKube):
    lists = 0

    async def items(self, path: str, *, metadata_only: bool = False) -> list[dict[str, Any]]:
        self.lists += 1
        return await super().items(path, metadata_only=metadata_only)


@pytest.fixture
def kube() -> Server:
    return Server()


async def test_looks_that_run_side_by_side_share_one_list(kube: Server) -> None:
    its = Autoscalers(cast(Kube, kube))
    await asyncio.gather(*(its.known(1000.0) for _ in range(16)))
    assert kube.lists == 2, "HPAs and VPAs"
    await its.known(1000.0 + REFRESH_SECONDS - 1)
    assert kube.lists == 2
    await its.known(1000.0 + REFRESH_SECONDS)
    assert kube.lists == 4


async def test_a_list_that_failed_fails_for_all_who_wait_for_it_and_is_tried_again(kube: Server) -> None:
    its = Autoscalers(cast(Kube, kube))
    kube.fault = KubeError(500, "etcd is away")
    answers = await asyncio.gather(*(its.known(1000.0) for _ in range(16)), return_exceptions=True)
    assert all(isinstance(answer, KubeError) for answer in answers)
    assert kube.lists == 1
    kube.fault = None
    assert await its.known(1001.0) == []


async def test_a_look_that_is_cancelled_leaves_the_list_to_the_others(kube: Server) -> None:
    its = Autoscalers(cast(Kube, kube))
    given_up, other = (asyncio.create_task(its.known(1000.0)) for _ in range(2))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await other == []
