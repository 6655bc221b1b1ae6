"""The loop of one PredictiveAutoscaler in faked time: what it asks for, what it leaves alone, what it says and what it survives."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import generate_latest

from flyball.api.meta import Mode
from flyball.forecast import Reason
from flyball.kube.client import KubeError, NotFound, Unreachable
from tests.operator.replicas import HPA, KEY, SCALE, STATUS, Scene


class Killed(Exception):
    """The operator ends here."""


@pytest.fixture
def scene() -> Scene:
    """Two replicas that serve 100 a second together, enforced."""
    its = Scene()
    its.pas(mode="Enforce")
    return its


def test_more_demand_brings_more_replicas_at_the_next_look(scene: Scene) -> None:
    scene.look()
    assert scene.replicas == 2
    scene.answers.demand = 450
    scene.pass_time(15)
    assert scene.replicas == 5
    assert scene.condition("Scaling") == ("True", "Demand")
    assert scene.status["decisions"][-1]["previous"] == 2
    assert scene.status["decisions"][-1]["replicas"] == 5


def test_demand_that_is_only_forecast_brings_replicas_before_it_comes(scene: Scene) -> None:
    scene.look()
    scene.forecasts.value = 280
    scene.pass_time(15)
    assert scene.replicas == 3
    assert scene.condition("ForecastUsable") == ("True", "Ok")
    assert scene.status["replicas"]["proactive"] == 3
    assert scene.status["decisions"][-1]["forecast"] == "280"
    scene.answers.demand = 280
    scene.pass_time(300)
    assert scene.replicas == 3
    assert "3 replicas are ready, 280 a second are served." in [its.get("observed") for its in scene.status["decisions"]]


@pytest.mark.parametrize(
    ("says", "value", "reason"),
    [
        ("not a number", math.nan, Reason.OK),
        ("wild", 1e9, Reason.OK),
        ("beyond any demand", 1e30, Reason.OK),
        ("nothing", 0.0, Reason.OK),
        ("constant and low", 30.0, Reason.OK),
        ("without skill", 900.0, Reason.NO_SKILL),
        ("stale", 900.0, Reason.STALE),
        ("cold", 900.0, Reason.COLD_START),
    ],
)
def test_a_broken_forecast_leads_to_what_the_demand_of_now_leads_to_and_never_below(says: str, value: float, reason: Reason) -> None:
    plain, broken = Scene(), Scene()
    for scene in (plain, broken):
        scene.pas(mode="Enforce")
        scene.look()
    broken.forecasts.value, broken.forecasts.reason = value, reason
    for minute in range(30):
        for scene in (plain, broken):
            scene.answers.demand = 300 + 250 * math.sin(minute / 4)
            scene.pass_time(60)
        assert broken.replicas == plain.replicas, says


def test_fewer_replicas_come_after_the_stabilisation_and_not_before(scene: Scene) -> None:
    scene.answers.demand = 450
    scene.look()
    scene.answers.demand = 120
    scene.pass_time(285)
    assert scene.replicas == 5
    scene.pass_time(60)
    assert scene.replicas == 2


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


def test_without_prometheus_what_is_there_is_held_and_it_says_so(scene: Scene) -> None:
    scene.answers.demand = 450
    scene.look()
    scene.prometheus.away = True
    scene.answers.demand = 50
    scene.pass_time(1800)
    assert scene.replicas == 5
    assert scene.condition("SignalsAvailable") == ("False", "PrometheusUnreachable")
    assert scene.condition("Ready") == ("True", "Reconciled")
    assert math.isnan(scene.forecasts.noted[-1])
    scene.prometheus.away = False
    scene.pass_time(400)
    assert scene.replicas == 1
    assert scene.condition("SignalsAvailable") == ("True", "SignalsFresh")


def test_busy_replicas_ask_for_more_and_teach_nothing(scene: Scene) -> None:
    scene.pas(mode="Enforce", readyAfter="30s")
    scene.answers.demand, scene.answers.cores = 200, 1.96
    scene.look()
    assert scene.replicas == 3
    assert scene.condition("Scaling") == ("True", "Saturated")
    assert math.isnan(scene.forecasts.noted[-1])


def test_what_a_replica_carries_is_learned_at_the_pods_grant(scene: Scene) -> None:
    demand = {"name": "requests", "counter": {"metric": "http_requests_total"}}
    scene.pas(mode="Enforce", demands=[demand])
    for minute in range(40):
        scene.answers.demand = 100 + 40 * math.sin(minute)
        scene.answers.cores = scene.answers.demand * 0.005
        scene.pass_time(60)
        if minute == 5:
            assert scene.condition("SignalsAvailable") == ("False", "CapacityUnknown")
            assert scene.replicas == 2
    (its,) = scene.status["demands"]
    assert its["capacityLearned"]
    assert float(its["capacity"]) == pytest.approx(140, rel=0.02)
    scene.answers.demand, scene.answers.cores = 600, 1.5
    scene.pass_time(15)
    assert scene.replicas == 5


def test_a_rollout_keeps_replicas_and_teaches_nothing(scene: Scene) -> None:
    scene.answers.demand = 450
    scene.look()
    scene.revision = "77aa1"
    scene.answers.demand = 100
    scene.pass_time(900)
    assert scene.replicas == 5
    assert scene.condition("Scaling") == ("True", "RolloutRunning")
    scene.revision = "5d9f7"
    scene.pass_time(330)
    assert scene.replicas == 2


def test_the_time_until_ready_is_learned_from_the_pods(scene: Scene) -> None:
    scene.look()
    assert scene.status["readyAfterSeconds"] == 40
    scene.pas(mode="Enforce", readyAfter="2m")
    scene.look()
    assert scene.status["readyAfterSeconds"] == 120


def test_an_hpa_that_owns_the_replicas_is_told_and_left_alone(scene: Scene) -> None:
    scene.hpa()
    scene.answers.demand = 450
    scene.look()
    assert scene.writes(SCALE) == 0
    assert scene.condition("Conflicted") == ("True", "HorizontalPodAutoscaler")
    assert "use via HPAFloor" in scene.message("Conflicted")


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


def test_an_operator_killed_after_moving_a_floor_still_knows_what_to_give_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.hpa(floor=2, ceiling=6)
    scene.pas(mode="Enforce", via="HPAFloor")
    scene.answers.demand = 450
    kept = scene.kube.apply

    async def killed(path: str, body: Mapping[str, Any], *, force: bool = False) -> dict[str, Any]:
        await kept(path, body, force=force)
        if path == HPA:
            raise Killed
        return {}

    monkeypatch.setattr(scene.kube, "apply", killed)
    with pytest.raises(Killed):
        scene.look()
    assert scene.floor == 5
    monkeypatch.undo()
    scene.restart()
    scene.deliver()
    scene.look()
    assert scene.floor == 5
    scene.pas(mode="Enforce", via="HPAFloor", suspend=True)
    scene.look()
    assert scene.floor == 2


def test_a_floor_that_cannot_be_noted_is_not_moved(scene: Scene) -> None:
    scene.hpa(floor=2, ceiling=6)
    scene.pas(mode="Enforce", via="HPAFloor")
    scene.answers.demand = 450
    scene.kube.refused[STATUS] = KubeError(500, "etcd is away")
    with pytest.raises(KubeError):
        scene.look()
    assert scene.floor == 2
    del scene.kube.refused[STATUS]
    scene.look()
    assert (scene.floor, scene.status["hpaFloor"]) == (5, 2)


def test_an_answer_lost_after_a_floor_moved_does_not_lose_what_to_give_back(scene: Scene) -> None:
    scene.hpa(floor=2, ceiling=6)
    scene.pas(mode="Enforce", via="HPAFloor")
    scene.answers.demand = 450
    scene.kube.refused[HPA] = KubeError(504, "the answer took too long")
    with pytest.raises(KubeError):
        scene.look()
    assert scene.condition("Ready") == ("False", "APIError")
    assert scene.status["hpaFloor"] == 2


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


def test_what_could_not_be_written_is_not_counted_against_the_next_step(scene: Scene) -> None:
    scene.look()
    scene.answers.demand = 450
    scene.kube.refused[SCALE] = KubeError(500, "etcd is away")
    for _ in range(3):
        scene.now += 5
        with pytest.raises(KubeError):
            scene.look()
    assert scene.replicas == 2
    del scene.kube.refused[SCALE]
    scene.look()
    assert scene.replicas == 5


def test_a_schedule_is_a_floor_ahead_of_its_time(scene: Scene) -> None:
    # 1,800,000,000 is 2027-01-15 08:00 UTC, a Friday.
    office = {"name": "office", "days": ["Fri"], "start": "08:02", "end": "18:00", "timeZone": "UTC", "minReplicas": 4}
    scene.pas(mode="Enforce", schedules=[office], readyAfter="60s")
    scene.look()
    assert scene.replicas == 2
    scene.pass_time(60)
    assert scene.replicas == 4
    assert scene.status["replicas"]["floor"] == 4


def test_a_time_zone_that_nobody_knows_is_told(scene: Scene) -> None:
    scene.pas(schedules=[{"name": "x", "start": "08:00", "end": "09:00", "timeZone": "Mars/Olympus", "minReplicas": 4}])
    scene.look()
    assert scene.condition("Ready") == ("False", "Invalid")
    assert "Mars/Olympus" in scene.message("Ready")


def test_free_promql_is_refused_with_the_way_out(scene: Scene) -> None:
    scene.pas(demands=[{"name": "jobs", "promql": {"rate": "sum(rate(jobs_total[1m]))"}, "capacity": "10"}])
    scene.look()
    assert scene.condition("SignalsAvailable") == ("False", "PromQLNotAllowed")
    assert scene.status["replicas"]["wanted"] == 2


def test_a_restart_holds_until_it_has_watched_for_a_while(scene: Scene) -> None:
    scene.answers.demand = 450
    scene.look()
    scene.answers.demand = 100
    scene.pass_time(240)
    scene.restart()
    scene.pass_time(285)
    assert scene.replicas == 5
    scene.pass_time(60)
    assert scene.replicas == 2
    assert len(scene.status["decisions"]) == 2


def test_an_api_server_that_is_away_is_no_reason_to_forget(scene: Scene) -> None:
    scene.look()
    scene.kube.fault = Unreachable(0, "away")
    with pytest.raises(Unreachable):
        asyncio.run(scene.controller.look(KEY))
    scene.kube.fault = None
    scene.answers.demand = 450
    scene.pass_time(15)
    assert scene.replicas == 5


def test_steady_demand_writes_no_scale_and_little_status(scene: Scene) -> None:
    scene.look()
    before = len(scene.kube.writes)
    for look in range(120):
        scene.answers.demand = 100 + look % 7
        scene.pass_time(15)
    assert scene.writes(SCALE) == 0
    assert 30 <= scene.writes(STATUS) <= 61
    assert len(scene.kube.writes) - before <= 61


def test_a_clock_that_jumps_moves_no_replica(scene: Scene) -> None:
    scene.answers.demand = 450
    scene.look()
    scene.answers.demand = 400
    for jump in (-7200.0, 7200.0, 86_400.0):
        scene.now += jump
        scene.pass_time(30)
        assert scene.replicas == 5


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_after_a_jump_of_the_clock_fewer_replicas_come_after_a_window_and_status_and_signals_go_on(scene: Scene, jump: float) -> None:
    scene.answers.demand = 450
    scene.pass_time(600)
    assert scene.replicas == 5
    scene.now += jump
    scene.answers.demand = 100
    scene.pass_time(285)
    assert scene.replicas == 5
    assert scene.status["demands"][0]["served"] == "100"
    scene.pass_time(30)
    assert scene.replicas == 2


def test_an_outage_of_prometheus_is_not_believed_for_longer_because_the_clock_went_back(scene: Scene) -> None:
    scene.prometheus.away = True
    scene.look()
    assert scene.condition("SignalsAvailable") == ("False", "PrometheusUnreachable")
    scene.prometheus.away = False
    scene.now -= 7200
    scene.look()
    assert scene.condition("SignalsAvailable") == ("True", "SignalsFresh")


def test_metrics_tell_wish_and_reality(scene: Scene) -> None:
    scene.forecasts.value = 280
    scene.answers.demand = 210
    scene.look()
    exposed = generate_latest(scene.metrics.registry).decode()
    labels = 'pas="web",pas_namespace="default"'
    assert f'flyball_replicas{{{labels},state="wanted"}} 3.0' in exposed
    assert f'flyball_replicas{{{labels},state="current"}} 2.0' in exposed
    assert f'flyball_demand{{demand="requests",{labels}}} 210.0' in exposed
    assert f'flyball_forecast_demand{{demand="requests",horizon_seconds="300",{labels},quantile="0.95"}} 280.0' in exposed


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
