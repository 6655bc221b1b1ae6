"""The loop of one PredictiveAutoscaler: what it tells when nothing is done, and what it no longer tells when it rests."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from prometheus_client import generate_latest

from flyball.kube.client import KubeError
from tests.operator.replicas import KEY, SCALE, STATUS, Scene, enforced


@pytest.fixture
def scene() -> Scene:
    return enforced()


def exposed(scene: Scene) -> list[str]:
    """The series of the object."""
    return [line for line in generate_latest(scene.metrics.registry).decode().splitlines() if 'pas="web"' in line]


def looks(scene: Scene, times: int) -> tuple[int, int]:
    """Status writes and decisions that so many looks add."""
    scene.look()
    before, told = scene.writes(STATUS), len(scene.status["decisions"])
    scene.pass_time(15 * times)
    return scene.writes(STATUS) - before, len(scene.status["decisions"]) - told


def test_recommending_the_same_for_five_minutes_writes_the_status_as_steady_demand_does(scene: Scene) -> None:
    scene.pas(mode="Recommend")
    scene.answers.demand = 450
    assert looks(scene, 20) == (1, 0)


def test_a_conflict_that_stays_is_told_once(scene: Scene) -> None:
    scene.hpa()
    scene.answers.demand = 450
    writes, told = looks(scene, 20)
    assert (writes <= 1, told) == (True, 0)


def test_a_floor_of_the_owners_above_the_wish_is_told_once_and_counts_no_step(scene: Scene) -> None:
    scene.hpa(floor=6)
    scene.pas(mode="Enforce", via="HPAFloor", behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    scene.answers.demand = 450
    writes, told = looks(scene, 20)
    assert (writes <= 1, told) == (True, 0)
    assert scene.controller._memory[KEY].plan.changes == ()


def test_a_step_that_is_made_counts(scene: Scene) -> None:
    scene.answers.demand = 450
    scene.look()
    assert [change for _, change in scene.controller._memory[KEY].plan.changes] == [3]


@pytest.mark.parametrize("spec", [{"suspend": True}, {"demands": "none"}, {"schedules": [{"name": "x"}]}])
def test_an_object_that_rests_exports_nothing(scene: Scene, spec: dict[str, Any]) -> None:
    scene.look()
    assert exposed(scene)
    scene.pas(mode="Enforce", **spec)
    scene.look()
    assert exposed(scene) == []


def test_a_time_zone_that_nobody_knows_ends_the_series_as_well(scene: Scene) -> None:
    scene.look()
    scene.pas(schedules=[{"name": "x", "start": "08:00", "end": "09:00", "timeZone": "Mars/Olympus", "minReplicas": 4}])
    scene.look()
    assert exposed(scene) == []


def test_a_target_that_goes_takes_its_series_along(scene: Scene) -> None:
    scene.look()
    scale = scene.kube.objects.pop(SCALE)
    asyncio.run(scene.controller.look(KEY))
    assert exposed(scene) == []
    scene.kube.objects[SCALE] = scale
    scene.look()
    assert exposed(scene)


def value(scene: Scene, metric: str, **labels: str) -> float:
    found = scene.metrics.registry.get_sample_value(metric, {"pas_namespace": "default", "pas": "web", **labels})
    assert found is not None
    return found


def test_without_signals_the_demand_is_not_a_number_and_what_is_wanted_is_what_is_there(scene: Scene) -> None:
    scene.answers.demand = 450
    scene.look()
    scene.prometheus.away = True
    scene.pass_time(15)
    assert math.isnan(value(scene, "flyball_demand", demand="requests"))
    assert math.isnan(value(scene, "flyball_replicas", state="reactive"))
    assert value(scene, "flyball_replicas", state="wanted") == 5


def test_metrics_go_on_while_the_status_cannot_be_written(scene: Scene) -> None:
    scene.look()
    scene.kube.refused[STATUS] = KubeError(500, "etcd is away")
    scene.answers.demand = 450
    scene.now += 15
    with pytest.raises(KubeError):
        scene.look()
    assert value(scene, "flyball_demand", demand="requests") == 450


def test_another_quantile_leaves_no_series_of_the_one_before(scene: Scene) -> None:
    scene.forecasts.value = 280
    scene.look()
    scene.pas(mode="Enforce", quantile="90")
    scene.look()
    quantiles = {line.split('quantile="')[1].split('"')[0] for line in exposed(scene) if "quantile=" in line}
    assert quantiles == {"0.5", "0.9"}


def test_a_forecast_that_is_no_more_is_exported_no_more(scene: Scene) -> None:
    scene.forecasts.value = 280
    scene.look()
    assert any("flyball_forecast_demand" in line for line in exposed(scene))
    scene.forecasts.value = None
    scene.pass_time(15)
    assert not any("flyball_forecast_demand" in line for line in exposed(scene))
    assert value(scene, "flyball_demand", demand="requests") == 100
