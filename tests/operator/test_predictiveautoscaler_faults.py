"""The loop of one PredictiveAutoscaler under faults: broken forecasts, a Prometheus or an API server that is away, kills, clocks that jump."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import pytest

from flyball.forecast import Reason
from flyball.kube.client import KubeError, Unreachable
from tests.operator.replicas import HPA, KEY, SCALE, STATUS, Scene, enforced


class Killed(Exception):
    """The operator ends here."""


@pytest.fixture
def scene() -> Scene:
    return enforced()


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
