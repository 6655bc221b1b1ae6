"""via HPAFloor: what was raised is given back, whatever became of the object that raised it, and an owner's word counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flyball.controllers.shared.autoscalers import REFRESH_SECONDS
from flyball.controllers.shared.raised import BY, OWN, TO
from flyball.kube import paths
from flyball.kube.client import KubeError, Unreachable
from tests.operator.replicas import HPA, KEY, Scene

API = paths.autoscaler("default", "api")
RAISED = {OWN: "2", TO: "5", BY: "web"}


@pytest.fixture
def scene() -> Scene:
    """The floor of `web`, 2 by its owner, raised to 5; beside it `api`, 4 by its owner."""
    its = Scene()
    its.kube.objects[paths.scale("apps/v1", "deployments", "default", "api")] = {"spec": {"replicas": 4}, "status": {}}
    its.hpa(floor=2, ceiling=8)
    its.hpa(floor=4, ceiling=8, name="api")
    its.answers.demand = 450
    enforce(its)
    its.look()
    assert (floor(its, HPA), noted(its, HPA)) == (5, RAISED)
    return its


def enforce(scene: Scene, target: str = "web", **spec: Any) -> None:
    scene.pas(**{"mode": "Enforce", "via": "HPAFloor", "scaleTargetRef": {"kind": "Deployment", "name": target}, **spec})


def floor(scene: Scene, path: str) -> int:
    found: int = scene.kube.objects[path]["spec"]["minReplicas"]
    return found


def noted(scene: Scene, path: str) -> dict[str, str]:
    found: dict[str, str] = scene.kube.objects[path]["metadata"].get("annotations") or {}
    return found


def edited(scene: Scene, replicas: int) -> None:
    """The owner sets minReplicas; annotations stay, as kubectl apply and Helm leave them."""
    scene.kube.objects[HPA]["spec"]["minReplicas"] = replicas


def listed_again(scene: Scene) -> None:
    scene.controller._autoscalers._listed_at -= REFRESH_SECONDS


def arrived(scene: Scene) -> Callable[..., Awaitable[None]]:
    """Requests that wait for nothing, while sleeping is the test's."""

    async def arrive(path: str | None = None) -> None:
        if scene.kube.fault:
            raise scene.kube.fault

    return arrive


def orphans(scene: Scene) -> None:
    asyncio.run(scene.controller.give_back_orphans())


def test_an_object_that_points_at_another_target_gives_back_the_first_ones_floor_and_keeps_the_seconds(scene: Scene) -> None:
    enforce(scene, "api")
    scene.look()
    assert (floor(scene, HPA), noted(scene, HPA)) == (2, {})
    assert (floor(scene, API), noted(scene, API)) == (5, {OWN: "4", TO: "5", BY: "web"})
    assert scene.status["hpaFloor"] == 4
    scene.restart()
    enforce(scene, "api", suspend=True)
    scene.look()
    assert (floor(scene, HPA), floor(scene, API), noted(scene, API)) == (2, 4, {})


def test_an_object_that_points_at_nothing_gives_back_as_well(scene: Scene) -> None:
    enforce(scene, "gone")
    scene.look()
    assert scene.condition("Ready") == ("False", "TargetNotFound")
    assert floor(scene, HPA) == 2


@pytest.mark.parametrize("spec", [{"mode": "Recommend"}, {"via": "Scale"}, {"suspend": True}, {"demands": "none"}])
def test_an_object_that_acts_otherwise_or_not_at_all_gives_back(scene: Scene, spec: dict[str, Any]) -> None:
    scene.restart()
    enforce(scene, **spec)
    scene.look()
    assert (floor(scene, HPA), noted(scene, HPA)) == (2, {})
    assert "hpaFloor" not in scene.status


def test_what_an_object_raised_that_was_deleted_while_nobody_led_is_given_back_at_the_start(scene: Scene) -> None:
    scene.restart()
    orphans(scene)
    assert floor(scene, HPA) == 5
    scene.restart()
    scene.controller.objects = {}
    orphans(scene)
    assert (floor(scene, HPA), noted(scene, HPA), floor(scene, API)) == (2, {}, 4)
    before = len(scene.kube.writes)
    orphans(scene)
    assert len(scene.kube.writes) == before


async def test_the_leader_gives_back_from_its_start_on_and_goes_on_when_the_api_server_is_away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        scene.kube.fault = None
        if len(rests) == 2:
            raise asyncio.CancelledError

    scene.restart()
    scene.controller.objects = {}
    scene.kube.fault = Unreachable(0, "away")
    monkeypatch.setattr("flyball.controllers.predictiveautoscaler.controller.asyncio.sleep", rest)
    monkeypatch.setattr(scene.kube, "_arrive", arrived(scene))
    with pytest.raises(asyncio.CancelledError):
        await scene.controller.run()
    assert rests == [REFRESH_SECONDS] * 2
    assert floor(scene, HPA) == 2


def test_of_several_floors_one_that_is_refused_does_not_keep_the_others(scene: Scene) -> None:
    enforce(scene, "api")
    scene.kube.objects[HPA]["metadata"]["annotations"] = {OWN: "2", TO: "5", BY: "other"}
    listed_again(scene)
    scene.look()
    scene.restart()
    scene.controller.objects = {}
    scene.kube.refused[HPA] = KubeError(422, "maxReplicas is below")
    orphans(scene)
    assert (floor(scene, HPA), floor(scene, API)) == (5, 4)
    del scene.kube.refused[HPA]
    orphans(scene)
    assert floor(scene, HPA) == 2


@pytest.mark.parametrize(("says", "replicas", "after", "back"), [("more than the wish", 7, 7, 7), ("less", 3, 5, 3), ("what it was", 2, 5, 2)])
def test_a_floor_that_its_owner_changes_meanwhile_is_theirs(scene: Scene, says: str, replicas: int, after: int, back: int) -> None:
    edited(scene, replicas)
    listed_again(scene)
    scene.pass_time(15)
    assert floor(scene, HPA) == after, says
    assert noted(scene, HPA).get(OWN, str(after)) == str(back)
    assert scene.status["hpaFloor"] == back
    enforce(scene, suspend=True)
    scene.look()
    assert (floor(scene, HPA), noted(scene, HPA)) == (back, {})


def test_a_floor_that_stands_is_not_written_again(scene: Scene) -> None:
    before = scene.writes(HPA)
    scene.pass_time(120)
    assert (floor(scene, HPA), scene.writes(HPA)) == (5, before)


def test_the_owners_floor_is_not_lowered_however_small_the_wish(scene: Scene) -> None:
    edited(scene, 7)
    listed_again(scene)
    scene.answers.demand = 50
    scene.pass_time(900)
    assert floor(scene, HPA) == 7


def test_what_another_object_has_raised_since_the_last_list_is_left_to_it(scene: Scene) -> None:
    scene.kube.objects[HPA]["metadata"]["annotations"][BY] = "other"
    enforce(scene, suspend=True)
    scene.look()
    assert floor(scene, HPA) == 5


def test_what_the_owner_changed_since_the_last_list_is_not_written_over(scene: Scene) -> None:
    edited(scene, 3)
    scene.answers.demand = 650
    scene.pass_time(15)
    assert (floor(scene, HPA), noted(scene, HPA)[OWN]) == (7, "3")


def test_a_floor_that_a_repository_has_come_to_want_stays_and_is_no_longer_ours_to_give_back(scene: Scene) -> None:
    scene.kube.keeper = "argocd-controller"
    enforce(scene, suspend=True)
    scene.look()
    assert (floor(scene, HPA), noted(scene, HPA)) == (5, {})
    assert "hpaFloor" not in scene.status


def test_a_wish_at_or_below_the_owners_floor_leaves_it_and_no_record(scene: Scene) -> None:
    scene.answers.demand = 150
    scene.pass_time(600)
    assert (floor(scene, HPA), noted(scene, HPA)) == (2, {})
    before = scene.writes(HPA)
    scene.pass_time(60)
    assert scene.writes(HPA) == before


def test_an_hpa_that_goes_between_two_lists_is_not_made_anew(scene: Scene) -> None:
    del scene.kube.objects[HPA]
    scene.answers.demand = 650
    scene.pass_time(15)
    assert scene.condition("Conflicted") == ("True", "NoHorizontalPodAutoscaler")
    assert HPA not in scene.kube.objects
    assert "hpaFloor" not in scene.status


def test_an_object_that_takes_a_target_over_takes_the_record_over(scene: Scene) -> None:
    scene.pas("other", mode="Enforce", via="HPAFloor", created="2026-11-21T07:00:00Z", scaleTargetRef={"kind": "Deployment", "name": "web"})
    scene.controller.objects = {key: body for key, body in scene.controller.objects.items() if key != KEY}
    scene.look("other")
    assert (floor(scene, HPA), noted(scene, HPA)) == (5, {**RAISED, BY: "other"})
    orphans(scene)
    assert floor(scene, HPA) == 5
