"""The cross-check: who is asked when, who erred less, and that no trouble of its process reaches the forecasts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from flyball.crosscheck import check as module
from flyball.crosscheck.check import CrossCheck
from flyball.crosscheck.scores import Scores
from flyball.crosscheck.worker import Trouble, Worker

WEB = ("shop", "web", "requests")
START = 1_700_000_000.0 - 1_700_000_000.0 % 1800
TWO_DAYS = 2 * 1440


class Idle(Exception):
    """Nothing is left to do."""


class FakeWorker(Worker):
    """Answers at once, what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []
        self.closed = 0
        self.answer: Callable[[], float] = lambda: 100.0

    async def run(self, function: Callable[..., Any], *arguments: object) -> Any:
        self.asked.append(arguments)
        return np.array([self.answer()])

    def close(self) -> None:
        self.closed += 1


class Scene:
    """Series with the demand 100, of which the engine says `says`."""

    def __init__(self) -> None:
        self.now = START
        self.worker = FakeWorker()
        self.rests: list[float] = []
        self.took = iter(lambda: 0.0, None)
        self.check = CrossCheck(self.worker, lambda: self.now, self._rest, lambda: next(self.took))
        self.outcomes: list[str] = []
        self.ratios: dict[tuple[str, str, str], float] = {}
        self.check.on_fit = self.outcomes.append
        self.check.on_ratio = self.ratios.__setitem__
        self.says = 110.0

    async def _rest(self, seconds: float) -> None:
        if seconds == module.POLL_SECONDS:
            raise Idle
        self.rests.append(seconds)

    def work(self) -> None:
        with contextlib.suppress(Idle):
            asyncio.run(self.check.run())

    def began(self, minutes: int = TWO_DAYS, key: tuple[str, str, str] = WEB) -> None:
        self.check.began(key, self.now - 60 * (minutes - 1), np.full(minutes, 100.0))

    def minutes(self, count: int, *, work: bool = True, key: tuple[str, str, str] = WEB, value: float = 100.0) -> None:
        for _ in range(count):
            self.now += 60
            self.check.stepped(key, {self.now: value}, lambda: self.says)
            if work:
                self.work()


@pytest.fixture
def scene() -> Iterator[Scene]:
    yield Scene()


def test_a_series_is_asked_once_in_each_half_hour_with_its_last_week(scene: Scene) -> None:
    scene.began()
    scene.minutes(180)
    assert len(scene.worker.asked) == 6
    means, ahead = scene.worker.asked[-1]
    assert len(means) == 2016
    assert (means[-TWO_DAYS // 5 :] == 100).all()
    assert ahead == (15,)
    assert scene.outcomes == ["ok"] * 6


def test_different_series_are_asked_at_different_minutes(scene: Scene) -> None:
    moments = set()
    for index in range(20):
        one = Scene()
        one.began(key=("shop", f"web{index}", "requests"))
        while not one.worker.asked:
            one.minutes(1, key=("shop", f"web{index}", "requests"))
        moments.add(one.now - START)
    assert moments <= {300.0 * slot for slot in range(1, 7)}
    assert len(moments) > 3


def test_a_series_of_less_than_two_days_is_not_asked(scene: Scene) -> None:
    scene.began(1440)
    scene.minutes(1400, work=False)
    assert not scene.check._queue
    scene.minutes(70)
    assert scene.worker.asked


def test_a_series_without_a_value_of_late_is_not_asked(scene: Scene) -> None:
    scene.began()
    scene.minutes(60, value=float("nan"))
    assert not scene.worker.asked


def test_its_error_over_the_engines_is_told_after_three_quarters_of_a_day(scene: Scene) -> None:
    scene.began()
    scene.worker.answer = lambda: 95.0  # errs by 5 where the engine errs by 10
    scene.minutes(30 * 35)
    assert not scene.ratios
    assert not scene.check.outdone(WEB)
    scene.minutes(60)
    assert scene.ratios == {WEB: 0.5}
    assert scene.check.outdone(WEB)


def test_what_was_clearly_better_ends_only_when_little_of_it_is_left() -> None:
    scores = Scores()
    for pair in range(48):
        scores.add(1800.0 * pair, 10.0, 7.0)
    assert scores.outdone
    for pair in range(48, 96):
        scores.add(1800.0 * pair, 10.0, 8.5)
    assert scores.ratio == pytest.approx(0.85)
    assert scores.outdone, "once on, until .9"
    for pair in range(96, 144):
        scores.add(1800.0 * pair, 10.0, 9.5)
    assert not scores.outdone
    for pair in range(144, 192):
        scores.add(1800.0 * pair, 10.0, 8.5)
    assert not scores.outdone, "once off, until .8"


def test_a_fit_that_comes_after_its_quarter_of_an_hour_is_left_out(scene: Scene) -> None:
    scene.began()
    scene.minutes(30, work=False)
    scene.now += 900
    scene.work()
    assert scene.outcomes == ["late"]
    assert not scene.worker.asked


def test_no_more_wait_than_the_queue_holds(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 4)
    for index in range(6):
        scene.now = START
        scene.began(key=("shop", f"web{index}", "requests"))
        scene.minutes(30, work=False, key=("shop", f"web{index}", "requests"))
    assert scene.outcomes == ["full"] * 2


def test_what_is_forgotten_is_neither_asked_nor_told(scene: Scene) -> None:
    scene.began()
    scene.minutes(30, work=False)
    scene.check.forget(WEB)
    scene.work()
    assert not scene.worker.asked
    scene.minutes(60)
    assert not scene.worker.asked
    assert not scene.check.outdone(WEB)


def test_after_a_fit_nine_times_as_long_is_rested(scene: Scene) -> None:
    scene.began()
    scene.took = iter([5.0, 5.25])
    scene.minutes(30)
    assert scene.rests == [pytest.approx(9 * 0.25)]


def troubled(kind: str) -> Callable[[], float]:
    def answer() -> float:
        raise Trouble(kind, "it was the test")

    return answer


@pytest.mark.parametrize("kind", ["hung", "died"])
def test_a_process_that_fails_three_times_in_a_row_is_left_alone_for_an_hour(scene: Scene, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    scene.began()
    scene.worker.answer = troubled(kind)
    with caplog.at_level(logging.WARNING):
        scene.minutes(60)
        assert module.AWAY_SECONDS not in scene.rests
        scene.minutes(30)
    assert scene.rests.count(module.AWAY_SECONDS) == 1
    assert scene.outcomes == [kind] * 3
    assert sum("forecasts go on without it" in record.message for record in caplog.records) == 1, "said once"
    scene.worker.answer = lambda: 100.0
    scene.minutes(30)
    assert scene.outcomes[-1] == "ok"


def test_a_series_that_statsmodels_cannot_fit_keeps_no_other_waiting(scene: Scene) -> None:
    scene.began()
    scene.worker.answer = troubled("raised")
    scene.minutes(300)
    assert scene.outcomes == ["raised"] * 10
    assert module.AWAY_SECONDS not in scene.rests


def test_the_process_ends_with_the_loop(scene: Scene) -> None:
    scene.work()
    assert scene.worker.closed == 1
