"""When a status is written: news at once, counts and numbers that moved within half a minute, the rest every five."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from flyball.api.conditions import Condition, ConditionType, Reason, Status
from flyball.api.meta import Metadata
from flyball.api.predictiveautoscaler_status import DemandStatus, PredictiveAutoscalerStatus, ReplicaStatus
from flyball.controllers.shared.pace import BURST
from flyball.controllers.shared.reporter import Reporter, Told, moved
from flyball.kube import paths
from flyball.kube.client import Kube
from flyball.kube.events import Recorder
from flyball.runtime.metrics import Metrics
from tests.operator.fake_kube import FakeKube

ITS = Metadata(name="web", namespace="shop", uid="1", generation=1)


def status(served: str = "100", ready: int = 2, reason: Reason = Reason.FORECAST_OK, message: str = "so") -> PredictiveAutoscalerStatus:
    condition = Condition(
        type=ConditionType.FORECAST_USABLE.value,
        status=Status.TRUE,
        reason=reason.value,
        message=message,
        last_transition_time="2026-11-21T06:00:00Z",
        observed_generation=1,
    )
    replicas = ReplicaStatus(current=2, ready=ready, wanted=2, wish=2)
    return PredictiveAutoscalerStatus(conditions=[condition], replicas=replicas, demands=[DemandStatus(name="requests", served=served)])


class Scene:
    def __init__(self, still_seconds: float = 300.0) -> None:
        self.now = 1000.0
        self.kube = FakeKube()
        kube = cast(Kube, self.kube)
        self.told = Told()
        self.reporter = Reporter(
            "PredictiveAutoscaler", paths.predictiveautoscaler, kube, Recorder(kube, "test"), Metrics(), lambda: self.now, still_seconds
        )

    def report(self, its: PredictiveAutoscalerStatus, after: float = 0.0) -> bool:
        """Whether it was written."""
        self.now += after
        before = len(self.kube.writes)
        asyncio.run(self.reporter.report(ITS, PredictiveAutoscalerStatus(), self.told, its))
        return len(self.kube.writes) > before


@pytest.fixture
def scene() -> Scene:
    its = Scene()
    assert its.report(status())
    return its


@pytest.mark.parametrize(
    ("what", "its", "seconds"),
    [
        ("another reason", status(reason=Reason.SHIFTED), 0),
        ("another number of ready replicas", status(ready=3), 30),
        ("a demand a fifth larger", status(served="125"), 30),
        ("a demand that is gone", status(served="0"), 30),
        ("a demand a twentieth larger", status(served="105"), 300),
        ("another wording", status(message="otherwise"), 300),
    ],
)
def test_what_is_written_when(scene: Scene, what: str, its: PredictiveAutoscalerStatus, seconds: float) -> None:
    assert not seconds or not scene.report(its, after=seconds - 1), what
    assert scene.report(its, after=1), what


def test_what_is_as_it_was_is_not_written_at_all(scene: Scene) -> None:
    assert not scene.report(status(), after=3600)


def test_small_steps_add_up_against_what_was_written(scene: Scene) -> None:
    assert [scene.report(status(served=f"{100 + 4 * step}"), after=31) for step in range(4)] == [False, False, False, True]


def test_a_clock_that_went_back_holds_nothing_up(scene: Scene) -> None:
    assert scene.report(status(served="105"), after=-500)


def test_another_kind_has_all_its_numbers_each_half_minute() -> None:
    scene = Scene(still_seconds=30.0)
    scene.report(status())
    assert scene.report(status(served="105"), after=30)


@pytest.mark.parametrize(("its", "writes"), [(status(ready=3), 1), (status(served="105"), 0)])
def test_at_the_end_what_was_held_back_is_written_but_for_numbers_that_hardly_moved(its: PredictiveAutoscalerStatus, writes: int) -> None:
    scene = Scene()
    scene.report(status())
    scene.report(its, after=1)
    before = len(scene.kube.writes)
    asyncio.run(scene.reporter.flush(ITS, scene.told))
    assert len(scene.kube.writes) - before == writes


@pytest.mark.parametrize(
    ("now", "then", "differs"),
    [
        ({"a": "1"}, {"a": "1", "b": "2"}, True),
        ([1], [1, 2], True),
        (20, 21, True),
        ("20", "21", False),
        ("-1", "1", True),
        ("web", "pay", True),
        ({"message": "a", "skillPercent": 1}, {"message": "b", "skillPercent": -9}, False),
        (None, "1", True),
        ({"forecasts": [{"seconds": 300, "demand": "10"}]}, {"forecasts": [{"seconds": 300, "demand": "20"}]}, False),
    ],
)
def test_what_has_moved(now: Any, then: Any, differs: bool) -> None:
    assert moved(now, then) is differs
    assert moved(then, now) is differs


def test_what_many_have_to_say_at_once_is_told_as_the_pace_allows_and_what_must_be_at_once() -> None:
    scene = Scene()
    told = [Told() for _ in range(BURST + 5)]

    def tell(one: Told, must: bool = False) -> bool:
        before = len(scene.kube.writes)
        asyncio.run(scene.reporter.report(ITS, PredictiveAutoscalerStatus(), one, status(), must=must))
        return len(scene.kube.writes) > before

    assert [tell(one) for one in told] == [True] * BURST + [False] * 5
    assert tell(told[-1], must=True), "a floor that is taken has to be known first"
    scene.now += 1.0
    assert [tell(one) for one in told[-5:]] == [True] * 4 + [False], "the last one is told already"
