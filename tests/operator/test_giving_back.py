"""What stands between the operator and giving back: others' claims on its plan, policies that refuse it, objects that it cannot read."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import aiohttp
import pytest

from flyball.controllers.latencyslo.plans import NotGivenBack
from flyball.kube import paths
from flyball.kube.client import Conflict, Kube, KubeError
from flyball.runtime.app import App
from flyball.runtime.queue import WorkQueue
from tests.operator.fake_kube import FakeKube
from tests.operator.objects import fixed
from tests.operator.scene import KEY, PLAN, STATUS, Scene
from tests.unit.faketime import clock, run

EDITED = Conflict(409, 'Apply failed with 1 conflict: conflict with "kubectl-edit": .spec.workloads')
POLICY = KubeError(422, 'admission webhook "policy.example" denied the request: targets are frozen')
Body = Mapping[str, Any]


class Server(FakeKube):
    """Refuses what `refuses` has an error for: a verb and whether it is by force."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses: Callable[[str, bool], KubeError | None] = lambda verb, force: None

    async def apply(self, path: str, body: Body, *, force: bool = False) -> dict[str, Any]:
        if path == PLAN and (error := self.refuses("apply", force)):
            raise error
        return await super().apply(path, body, force=force)

    async def delete(self, path: str) -> None:
        if path == PLAN and (error := self.refuses("delete", False)):
            raise error
        await super().delete(path)


@pytest.fixture
def kube() -> Server:
    return Server()


@pytest.fixture
def scene(kube: Server) -> Scene:
    """An application with five minutes of budget to spare, and targets above 10."""
    its = Scene()
    its.kube = kube
    its.restart()
    its.pod("cart")
    its.answers.cpu = {"Deployment/cart": (0.6, 0.9, 2.0)}
    its.slo(mode="Enforce")
    its.look()
    its.pass_time(300)
    assert its.target > 10
    return its


def surge(scene: Scene) -> None:
    """Slow requests such that the guard gives back."""
    scene.answers.slow_share = 0.5
    scene.now += 15


def message(scene: Scene, kind: str) -> str:
    return next(str(its["message"]) for its in scene.status["conditions"] if its["type"] == kind)


def events(kube: Server) -> list[str]:
    return [body["reason"] for verb, path, body in kube.writes if verb == "create" and "/events/" in path]


def test_a_plan_that_somebody_edited_is_written_over_to_give_back_and_it_is_told(scene: Scene, kube: Server) -> None:
    kube.refuses = lambda verb, force: EDITED if verb == "apply" and not force else None
    surge(scene)
    scene.look()
    assert scene.reasons()[-1] == "Guard"
    assert scene.plan is not None
    assert (scene.plan["action"], scene.target) == ("Measure", 0)
    assert scene.condition("Ready") == ("False", "FieldOwned")
    assert "kubectl-edit" in message(scene, "Ready")
    assert "FieldOwned" in events(kube)


def test_a_plan_that_somebody_edited_is_not_written_over_to_take_more(scene: Scene, kube: Server) -> None:
    before = scene.target
    kube.refuses = lambda verb, force: EDITED if verb == "apply" and not force else None
    scene.pass_time(120)
    assert scene.target == before
    assert scene.condition("Ready") == ("False", "FieldOwned")


def test_targets_that_somebody_raised_go_back_to_what_was_decided(scene: Scene, kube: Server) -> None:
    scene.slo(mode="Enforce", policy=fixed("5"))
    scene.pass_time(15)
    kube.refuses = lambda verb, force: EDITED if verb == "apply" and not force else None
    body = kube.objects[PLAN]
    body["spec"]["workloads"][0]["throttlePermille"] = 500
    scene.controller.plans.take(KEY, body["spec"])
    scene.pass_time(15)
    assert scene.target == 50


@pytest.mark.parametrize("refusal", [POLICY, KubeError(400, "strict decoding error"), KubeError(500, "failed calling webhook")])
def test_a_plan_that_may_not_be_written_to_give_back_goes(scene: Scene, kube: Server, refusal: KubeError) -> None:
    kube.refuses = lambda verb, force: refusal if verb == "apply" else None
    surge(scene)
    with pytest.raises(KubeError) as caught:
        scene.look()
    assert caught.value is refusal
    assert scene.plan is None
    assert scene.condition("Ready") == ("False", "APIError")


def test_a_conflict_that_force_does_not_end_is_no_reason_to_leave_the_plan(scene: Scene, kube: Server) -> None:
    kube.refuses = lambda verb, force: EDITED if verb == "apply" else None
    surge(scene)
    with pytest.raises(Conflict):
        scene.look()
    assert scene.plan is None


def test_a_plan_that_may_not_be_written_to_take_more_stays(scene: Scene, kube: Server) -> None:
    before = scene.target
    kube.refuses = lambda verb, force: POLICY if verb == "apply" else None
    scene.now += 60
    with pytest.raises(KubeError):
        scene.look()
    assert scene.target == before


@pytest.mark.parametrize("ask", ["a surge", "suspend", "an object that cannot be read", "the object is deleted"])
def test_a_plan_that_stays_in_force_whatever_is_done_makes_the_plans_old(scene: Scene, kube: Server, ask: str) -> None:
    kube.refuses = lambda verb, force: POLICY
    if ask == "a surge":
        surge(scene)
    elif ask == "suspend":
        scene.slo(mode="Enforce", suspend=True)
    elif ask == "an object that cannot be read":
        scene.slo(mode="Enforce", objectives=[])
    else:
        del scene.controller.objects[KEY]
    with pytest.raises(NotGivenBack) as caught:
        scene.look()
    assert not caught.value.about_object, "agents see an old Lease and give back"
    kube.refuses = lambda verb, force: None
    scene.look()
    assert scene.plan is None or scene.plan["action"] == "Measure"


def test_a_plan_that_takes_nothing_may_stay(scene: Scene, kube: Server) -> None:
    scene.slo(mode="Observe")
    scene.pass_time(15)
    kube.refuses = lambda verb, force: POLICY
    scene.slo(mode="Observe", suspend=True)
    with pytest.raises(KubeError) as caught:
        scene.look()
    assert caught.value.about_object


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            paths.autoscalers(),
            {"metadata": {"namespace": "bank", "name": "odd"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "a" * 254}}},
        ),
        (paths.vertical_autoscalers(), {"metadata": {"namespace": "bank", "name": "odd"}, "spec": {"targetRef": {"kind": "Deployment", "name": ""}}}),
        (paths.autoscalers(), {"metadata": {"namespace": "bank", "name": "odd"}, "spec": {}}),
    ],
)
def test_an_odd_autoscaler_of_another_namespace_does_not_keep_the_guard_away(scene: Scene, kube: Server, path: str, body: Body) -> None:
    kube.objects[f"{path}/odd"] = dict(body)
    scene.restart()
    surge(scene)
    scene.look()
    assert scene.plan is not None
    assert scene.plan["action"] == "Measure"


def test_the_operator_gives_back_what_its_own_defect_leaves_unguarded(scene: Scene, kube: Server) -> None:
    async def main() -> None:
        app = App(scene.settings, cast(Kube, kube), cast(aiohttp.ClientSession, None))
        app.controller.objects = scene.controller.objects
        app.controller.plans.take(KEY, scene.plan)
        app.controller.look = defect  # type: ignore[method-assign]
        app.quotas_lane.queue = WorkQueue(clock)
        app.quotas_lane.queue.add(KEY)
        task = asyncio.create_task(app.quotas_lane.work())
        await asyncio.sleep(10)
        task.cancel()

    async def defect(key: tuple[str, str]) -> None:
        raise RuntimeError("a defect")

    assert scene.plan is not None
    run(main())
    assert scene.plan is None


def test_an_object_that_gives_back_by_a_defect_begins_at_zero_again(scene: Scene) -> None:
    asyncio.run(scene.controller.give_back(KEY))
    scene._echo("shop")
    assert scene.plan is None
    scene.look()
    assert scene.target == 0
    assert scene.writes(STATUS) > 0


SERIES = ("budget_left_ratio", "burn_rate", "slow_ratio", "minutes_above", "requests", "saved_ratio")


def exposed(scene: Scene) -> dict[str, float]:
    """Series of the object by name, labels left out."""
    samples = (sample for family in scene.metrics.registry.collect() for sample in family.samples if sample.labels.get("slo") == "shop")
    return {sample.name: sample.value for sample in samples}


def test_an_object_at_rest_has_no_series_of_what_once_was(scene: Scene) -> None:
    assert {f"flyball_slo_{name}" for name in SERIES} | {"flyball_tower_target_ratio"} <= set(exposed(scene))
    for rest in ({"suspend": True}, {"objectives": []}):
        scene.slo(mode="Enforce", **rest)
        scene.look()
        assert {name for name in exposed(scene) if name.startswith(("flyball_slo", "flyball_tower_target"))} == set()
        assert "flyball_tower_decisions_total" in exposed(scene), "what was counted stays counted"
        scene.slo(mode="Enforce")
        scene.pass_time(30)
        assert exposed(scene)["flyball_slo_burn_rate"] == pytest.approx(0.1)


def test_how_fast_the_budget_goes_is_unknown_while_nothing_is_read(scene: Scene) -> None:
    scene.prometheus.away = True
    scene.pass_time(30)
    assert math.isnan(exposed(scene)["flyball_slo_burn_rate"])
    assert "flyball_slo_saved_ratio" not in exposed(scene)
    scene.prometheus.away = False
    scene.answers.rate = 0
    scene.pass_time(30)
    assert exposed(scene)["flyball_slo_burn_rate"] == 0


def test_what_is_known_is_exported_also_where_the_status_cannot_be_written(scene: Scene, kube: Server) -> None:
    kube.refused[STATUS] = KubeError(422, "status.objectives: too many")
    scene.answers.slow_share = 0.005
    scene.now += 60
    with pytest.raises(KubeError):
        scene.look()
    assert exposed(scene)["flyball_slo_burn_rate"] == pytest.approx(0.5)
