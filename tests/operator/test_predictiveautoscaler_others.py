"""The loop of one PredictiveAutoscaler and others: modes, autoscalers and managers that own the field, HPA floors, targets and rights."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import generate_latest

from flyball.api.meta import Mode
from flyball.controllers.shared.autoscalers import FRESH_SECONDS
from flyball.kube.client import KubeError, NotFound
from tests.operator.replicas import HPA, KEY, SCALE, Scene, enforced


@pytest.fixture
def scene() -> Scene:
    return enforced()


@pytest.mark.parametrize("mode", ["Observe", "Recommend"])
def test_looking_on_says_what_it_would_do_and_writes_nothing_else(scene: Scene, mode: str) -> None:
    scene.pas(mode=mode)
    scene.answers.demand = 450
    scene.look()
    assert scene.replicas == 2
    assert scene.writes(SCALE) == 0
    assert scene.status["replicas"]["wanted"] == 5
    assert scene.condition("Scaling") == ("False", f"Mode{mode}")


def test_the_cluster_wide_brake_holds() -> None:
    scene = Scene(max_mode=Mode.RECOMMEND)
    scene.pas(mode="Enforce")
    scene.answers.demand = 450
    scene.look()
    assert scene.writes(SCALE) == 0
    assert "--max-mode caps it" in scene.message("Scaling")


def test_an_hpa_that_owns_the_replicas_is_told_and_left_alone(scene: Scene) -> None:
    scene.hpa()
    scene.answers.demand = 450
    scene.look()
    assert scene.writes(SCALE) == 0
    assert scene.condition("Conflicted") == ("True", "HorizontalPodAutoscaler")
    assert "use via HPAFloor" in scene.message("Conflicted")


def test_an_hpa_made_just_before_the_object_was_changed_is_seen_at_the_next_look(scene: Scene) -> None:
    scene.look()
    scene.controller._autoscalers._listed_at -= 2 * FRESH_SECONDS
    scene.hpa()
    scene.answers.demand = 450
    scene.pas(mode="Enforce", maxReplicas=9)
    scene.look()
    assert scene.condition("Conflicted") == ("True", "HorizontalPodAutoscaler")
    assert scene.writes(SCALE) == 0


def test_keda_is_told_apart_from_an_hpa_of_ones_own(scene: Scene) -> None:
    scene.hpa(ownerReferences=[{"kind": "ScaledObject", "name": "web"}])
    scene.pas(mode="Enforce", via="HPAFloor")
    scene.look()
    assert scene.condition("Conflicted") == ("True", "ScaledObject")


def test_of_two_objects_on_one_target_the_older_scales(scene: Scene) -> None:
    scene.pas("late", mode="Enforce", created="2026-11-21T07:00:00Z")
    scene.answers.demand = 450
    scene.look("late")
    assert scene.replicas == 2
    scene.look()
    assert scene.replicas == 5


@pytest.mark.parametrize(("manager", "fought"), [("argocd-controller", False), ("kustomize-controller", False), ("kubectl", True)])
def test_a_field_kept_from_a_repository_is_not_fought_over(scene: Scene, manager: str, fought: bool) -> None:
    scene.kube.keeper = manager
    scene.answers.demand = 450
    scene.look()
    assert (scene.replicas == 5) is fought
    assert scene.condition("Conflicted")[0] == ("False" if fought else "True")
    assert fought or manager in scene.message("Conflicted")


def test_the_floor_of_an_hpa_follows_and_is_given_back(scene: Scene) -> None:
    scene.hpa(floor=2, ceiling=6)
    scene.pas(mode="Enforce", via="HPAFloor")
    scene.answers.demand = 450
    scene.look()
    assert (scene.floor, scene.status["hpaFloor"]) == (5, 2)
    scene.answers.demand = 950
    scene.pass_time(30)
    assert scene.floor == 6
    scene.restart()
    scene.pas(mode="Enforce", via="HPAFloor", suspend=True)
    scene.look()
    assert scene.floor == 2
    assert scene.writes(SCALE) == 0


def test_an_hpas_floor_goes_back_when_the_object_is_deleted(scene: Scene) -> None:
    scene.hpa(floor=2, ceiling=6)
    scene.pas(mode="Enforce", via="HPAFloor")
    scene.answers.demand = 450
    scene.look()
    assert scene.floor == 5
    scene.controller.objects = {}
    asyncio.run(scene.controller.look(KEY))
    assert scene.floor == 2
    assert 'pas="web"' not in generate_latest(scene.metrics.registry).decode()


def test_via_hpa_floor_without_an_hpa_says_what_is_missing(scene: Scene) -> None:
    scene.pas(mode="Enforce", via="HPAFloor")
    scene.look()
    assert scene.condition("Conflicted") == ("True", "NoHorizontalPodAutoscaler")
    assert scene.writes(HPA) == 0


def test_a_target_that_is_not_there_is_told_and_found_later(scene: Scene) -> None:
    scale = scene.kube.objects.pop(SCALE)
    asyncio.run(scene.controller.look(KEY))
    assert scene.condition("Ready") == ("False", "TargetNotFound")
    scene.kube.objects[SCALE] = scale
    scene.look()
    assert scene.condition("Ready") == ("True", "Reconciled")


def test_missing_rights_name_the_rule_that_is_missing(scene: Scene) -> None:
    scene.look()
    scene.kube.refused[SCALE] = KubeError(403, "forbidden")
    scene.answers.demand = 450
    scene.pass_time(15)
    assert scene.condition("Ready") == ("False", "TargetForbidden")
    assert "deployments/scale, get and patch" in scene.message("Ready")


def test_a_kind_that_the_cluster_does_not_know_is_told(scene: Scene) -> None:
    scene.pas(scaleTargetRef={"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"})
    scene.look()
    assert scene.condition("Ready") == ("False", "TargetNotFound")
    assert "does not serve argoproj.io/v1alpha1" in scene.message("Ready")


def test_a_plural_of_another_group_is_looked_up_once(scene: Scene) -> None:
    path = "/apis/argoproj.io/v1alpha1"
    scene.kube.objects[path] = {"resources": [{"name": "rollouts", "kind": "Rollout"}, {"name": "rollouts/scale", "kind": "Scale"}]}
    scene.kube.objects[f"{path}/namespaces/default/rollouts/web/scale"] = scene.kube.objects[SCALE]
    scene.pas(scaleTargetRef={"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"})
    scene.look()
    assert scene.condition("Ready") == ("True", "Reconciled")
    del scene.kube.objects[path]
    scene.pass_time(15)
    assert scene.condition("Ready") == ("True", "Reconciled")
    assert NotFound.__name__ not in scene.message("Ready")
