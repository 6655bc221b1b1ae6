"""The forecasts of all objects: history, newcomers, minutes, gaps, restarts and clocks; with the real engine and no clock of its own."""

from __future__ import annotations

import asyncio
import math

import pytest

from flyball.controllers.predictiveautoscaler.forecasts import Forecasts, Series
from flyball.signals import NoValue, SignalError
from flyball.signals.demand import DemandQuery

START = 1_700_000_040.0 - 1_700_000_040.0 % 60
QUERY = DemandQuery("sum(rate(requests_total[60s]))", None)
WEB: Series = ("shop", "web", "requests")
PAY: Series = ("shop", "pay", "requests")


class Scene:
    def __init__(self, minutes: int = 120) -> None:
        self.now = START
        self.asked: list[tuple[float, float]] = []
        self.away = False
        self.refused: set[DemandQuery] = set()
        self.hanging: set[DemandQuery] = set()
        self.forecasts = Forecasts(self._history, minutes * 60.0, lambda: self.now)

    async def _history(self, query: DemandQuery, start: float, end: float) -> dict[float, float]:
        if self.away:
            raise SignalError(NoValue.UNREACHABLE, "away")
        if query in self.hanging:
            raise SignalError(NoValue.UNREACHABLE, "no answer within 10 s")
        if query in self.refused:
            raise SignalError(NoValue.ERROR, "Prometheus refused the query: parse error")
        self.asked.append((start, end))
        return {start + 60.0 * index: 100.0 for index in range(int((end - start) / 60) + 1)}

    def admit(self) -> bool:
        return asyncio.run(self.forecasts.admit())

    def minute(self, value: float = 100.0, *series: Series) -> None:
        """A look in the minute, and the step at its end."""
        for one in series or (WEB,):
            self.forecasts.note(one, self.now + 30, value)
        self.now += 60
        asyncio.run(self.forecasts.tick(self.now))

    def median(self, series: Series = WEB) -> float:
        ahead = self.forecasts.ahead(series)
        assert ahead is not None
        return ahead.point(300)


@pytest.fixture
def scene() -> Scene:
    its = Scene()
    its.forecasts.follow(WEB, QUERY)
    return its


def test_a_series_has_a_forecast_once_its_history_is_learned(scene: Scene) -> None:
    assert scene.forecasts.ahead(WEB) is None
    assert scene.admit()
    assert scene.asked == [(START - 7200, START)]
    assert scene.median() == pytest.approx(100, rel=0.05)


def test_each_minute_is_taken_once_and_in_order(scene: Scene) -> None:
    scene.admit()
    for _ in range(30):
        scene.minute(200.0)
    assert scene.median() == pytest.approx(200, rel=0.1)
    ahead = scene.forecasts.ahead(WEB)
    assert ahead and ahead.forecast.time == scene.now


def test_newcomers_that_come_together_share_an_engine_and_later_ones_get_their_own(scene: Scene) -> None:
    scene.forecasts.follow(PAY, QUERY)
    scene.admit()
    late: Series = ("shop", "late", "requests")
    scene.forecasts.follow(late, QUERY)
    scene.admit()
    web, pay, other = (scene.forecasts.ahead(series) for series in (WEB, PAY, late))
    assert web and pay and other
    assert web.forecast is pay.forecast is not other.forecast


def test_without_prometheus_newcomers_wait_and_are_asked_for_again(scene: Scene) -> None:
    scene.away = True
    assert not scene.admit()
    assert scene.forecasts.ahead(WEB) is None
    scene.away = False
    assert scene.admit()
    assert scene.forecasts.ahead(WEB) is not None


def test_a_series_whose_history_is_refused_does_not_keep_others_from_theirs_and_learns_from_now_on_in_the_end(scene: Scene) -> None:
    scene.refused = {QUERY}
    scene.forecasts.follow(PAY, DemandQuery("sum(rate(paid_total[60s]))", None))
    assert not scene.admit()
    assert scene.forecasts.ahead(PAY) is not None
    assert scene.forecasts.ahead(WEB) is None
    while not scene.admit():
        assert len(scene.asked) == 1, "what was read is not read again"
    scene.minute()
    assert scene.forecasts.ahead(WEB) is not None


def test_a_series_whose_history_hangs_does_not_keep_others_from_theirs(scene: Scene) -> None:
    scene.hanging = {QUERY}
    scene.forecasts.follow(PAY, DemandQuery("sum(rate(paid_total[60s]))", None))
    assert not scene.admit()
    assert not scene.admit()
    assert scene.forecasts.ahead(PAY) is not None
    for _ in range(10):
        assert not scene.admit(), "whether Prometheus is away cannot be told: its history is waited for"
    scene.minute()
    scene.forecasts.note(WEB, scene.now + 30, 100.0)
    assert scene.admit(), "its demand is told, so that it is the history alone"
    scene.now += 60
    asyncio.run(scene.forecasts.tick(scene.now))
    assert scene.forecasts.ahead(WEB) is not None


def test_a_refusal_that_passes_costs_no_history(scene: Scene) -> None:
    scene.refused = {QUERY}
    assert not scene.admit()
    scene.refused = set()
    assert scene.admit()
    assert scene.median() == pytest.approx(100, rel=0.05)


def test_where_prometheus_goes_away_in_between_those_that_were_read_join_and_the_others_are_asked_for_again(scene: Scene) -> None:
    scene.forecasts.follow(PAY, DemandQuery("sum(rate(paid_total[60s]))", None))
    read = scene._history

    async def once(query: DemandQuery, start: float, end: float) -> dict[float, float]:
        found = await read(query, start, end)
        scene.away = True
        return found

    scene.forecasts._read_history = once
    assert not scene.admit()
    assert scene.forecasts.ahead(WEB) is not None
    assert scene.forecasts.ahead(PAY) is None
    scene.away = False
    assert scene.admit()
    assert scene.forecasts.ahead(PAY) is not None


def test_minutes_that_passed_while_the_history_was_read_are_not_lost(scene: Scene) -> None:
    for _ in range(5):
        scene.minute(300.0)
    scene.now -= 300
    scene.admit()
    scene.now += 300
    scene.minute(300.0)
    ahead = scene.forecasts.ahead(WEB)
    assert ahead and ahead.forecast.time == scene.now
    assert scene.median() > 150


def test_what_must_not_be_learned_leaves_a_gap_and_ages(scene: Scene) -> None:
    scene.admit()
    for _ in range(15):
        scene.minute(math.nan)
    ahead = scene.forecasts.ahead(WEB)
    assert ahead and not ahead.usable
    assert scene.median() == pytest.approx(100, rel=0.2)


def test_a_demand_with_another_expression_is_another_series(scene: Scene) -> None:
    scene.admit()
    scene.forecasts.follow(WEB, DemandQuery("sum(rate(other_total[60s]))", None))
    assert scene.forecasts.ahead(WEB) is None
    scene.admit()
    assert scene.forecasts.ahead(WEB) is not None


def test_what_is_forgotten_costs_nothing_any_more(scene: Scene) -> None:
    scene.admit()
    scene.forecasts.forget("shop", "web")
    steps: list[float] = []
    scene.forecasts.on_tick = steps.append
    scene.minute()
    assert scene.forecasts.ahead(WEB) is None
    assert steps == []


def test_a_clock_that_goes_far_back_reads_the_history_again(scene: Scene) -> None:
    scene.admit()
    scene.now -= 86_400
    scene.minute()
    assert scene.forecasts.ahead(WEB) is None
    scene.admit()
    assert scene.asked[-1][1] <= scene.now
    scene.minute()
    assert scene.forecasts.ahead(WEB) is not None


def test_a_clock_that_goes_back_a_little_waits_for_itself(scene: Scene) -> None:
    scene.admit()
    scene.now -= 120
    scene.minute()
    assert scene.forecasts.ahead(WEB) is not None
    for _ in range(5):
        scene.minute()
    ahead = scene.forecasts.ahead(WEB)
    assert ahead and ahead.forecast.time == scene.now


def test_the_largest_demand_until_a_replica_is_ready_counts(scene: Scene) -> None:
    scene.admit()
    ahead = scene.forecasts.ahead(WEB)
    assert ahead
    assert ahead.most(600, 0.95) >= ahead.upper(600, 0.95)
    assert ahead.most(600, 0.95) >= ahead.most(120, 0.95)
