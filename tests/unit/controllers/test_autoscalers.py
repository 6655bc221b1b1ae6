"""Others' claims are listed once for all looks that run side by side."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from flyball.api.meta import Owner
from flyball.controllers.shared.autoscalers import REFRESH_SECONDS, Autoscalers
from flyball.kube import paths
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


def claim(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": name}, "spec": spec}


def target(name: str = "web", kind: str = "Deployment") -> dict[str, Any]:
    return {"kind": kind, "name": name}


@pytest.mark.parametrize(
    ("what", "path", "odd", "left"),
    [
        ("a name that no object has", paths.autoscalers(), claim("odd", scaleTargetRef=target("a" * 254)), 2),
        ("a kind that no object has", paths.autoscalers(), claim("odd", scaleTargetRef=target(kind="K" * 64)), 2),
        ("no name", paths.vertical_autoscalers(), claim("odd", targetRef=target("")), 2),
        ("no target", paths.vertical_autoscalers(), claim("odd"), 1),
        ("half a target", paths.vertical_autoscalers(), claim("odd", targetRef={"kind": "Deployment"}), 1),
        ("no reference", paths.autoscalers(), claim("odd"), 1),
        ("no spec", paths.vertical_autoscalers(), {"metadata": {"namespace": "shop", "name": "odd"}}, 1),
        ("metrics of another make", paths.autoscalers(), claim("odd", scaleTargetRef=target(), metrics=["cpu"]), 1),
    ],
)
async def test_an_odd_object_takes_no_other_along(what: str, path: str, odd: dict[str, Any], left: int, kube: Server) -> None:
    kube.objects[f"{path}/odd"] = odd
    kube.objects[f"{paths.autoscalers()}/sound"] = claim("sound", scaleTargetRef=target(), minReplicas=3)
    known = await Autoscalers(cast(Kube, kube)).known(1000.0)
    assert len(known) == left, what
    (sound,) = (its for its in known if its.name == "sound")
    assert (sound.target, sound.floor) == (Owner(kind="Deployment", name="web"), 3)


async def test_an_object_that_cannot_be_read_is_told_once(kube: Server, caplog: pytest.LogCaptureFixture) -> None:
    its = Autoscalers(cast(Kube, kube))
    for minute in range(5):
        kube.objects[f"{paths.autoscalers()}/odd"] = claim("odd")
        if minute == 3:
            del kube.objects[f"{paths.autoscalers()}/odd"]
        await its.known(1000.0 + minute * REFRESH_SECONDS)
    assert [message.split(" is left out")[0] for message in caplog.messages] == ["the horizontal autoscaler shop/odd"] * 2
