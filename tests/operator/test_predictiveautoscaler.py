"""The loop of one PredictiveAutoscaler in faked time: what it asks for by demand, forecast, schedule and what it has learned, and what it tells."""

from __future__ import annotations

import math

import pytest
from prometheus_client import generate_latest

from tests.operator.replicas import SCALE, STATUS, Scene, enforced


@pytest.fixture
def scene() -> Scene:
    return enforced()


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


def test_fewer_replicas_come_after_the_stabilisation_and_not_before(scene: Scene) -> None:
    scene.answers.demand = 450
    scene.look()
    scene.answers.demand = 120
    scene.pass_time(285)
    assert scene.replicas == 5
    scene.pass_time(60)
    assert scene.replicas == 2


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


def test_two_versions_side_by_side_for_long_are_no_rollout(scene: Scene) -> None:
    scene.answers.demand = 450
    scene.look()
    scene.revision = "77aa1"
    scene.answers.demand = 100
    scene.pass_time(1785)
    assert scene.replicas == 5
    scene.pass_time(345)
    assert scene.replicas == 2


def test_the_time_until_ready_is_learned_from_the_pods(scene: Scene) -> None:
    scene.look()
    assert scene.status["readyAfterSeconds"] == 40
    scene.pas(mode="Enforce", readyAfter="2m")
    scene.look()
    assert scene.status["readyAfterSeconds"] == 120


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


def test_steady_demand_writes_no_scale_and_little_status(scene: Scene) -> None:
    scene.look()
    before = len(scene.kube.writes)
    for look in range(120):
        scene.answers.demand = 100 + look % 7
        scene.pass_time(15)
    assert scene.writes(SCALE) == 0
    assert 6 <= scene.writes(STATUS) <= 8, "each five minutes"
    assert len(scene.kube.writes) - before <= 8


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
