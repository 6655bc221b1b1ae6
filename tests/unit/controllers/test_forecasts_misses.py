"""What a short minute costs, learned from a series' history as its forecasts are: from the first look on, and across restarts."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest

from flyball.controllers.predictiveautoscaler.ahead import Ahead
from flyball.controllers.predictiveautoscaler.forecasts import FAILURES_MOST, Forecasts, Series
from flyball.replicas.misses import MEDIAN, RATIOS, cheapest
from flyball.signals import NoValue, SignalError
from flyball.signals.demand import BEHIND_SECONDS, DemandQuery, counter

START = 1_700_000_040.0 - 1_700_000_040.0 % 60
QUERY = DemandQuery("sum(rate(requests_total[60s]))", None)
WEB: Series = ("shop", "web", "requests")
PAY: Series = ("shop", "pay", "requests")
LEAD = 120.0
HOURS = 10


def demand(now: float) -> float:
    """A minute in twenty is twice as high, at moments that nobody can foresee."""
    return 200.0 if round(now / 60) * 2_654_435_761 % 2**32 / 2**32 < 0.05 else 100.0


class Scene:
    """An operator that has just begun; Prometheus knows everything from START on."""

    def __init__(self, now: float, reads: int = 10**6) -> None:
        self.now = now
        self.reads = reads
        self.refuses = False
        self.forecasts = Forecasts(self._history, now - START, lambda: self.now)

    async def _history(self, query: DemandQuery, start: float, end: float) -> dict[float, float]:
        if self.refuses:
            raise SignalError(NoValue.ERROR, "Prometheus refused the query: too many samples")
        self.reads -= 1
        return {moment: demand(moment) for moment in np.arange(start, end + 1, 60.0).tolist()} if self.reads >= 0 else {}

    def admit(self) -> None:
        assert asyncio.run(self.forecasts.admit())

    def minute(self, series: Series = WEB) -> None:
        """A look at the minute's end, and the engines' step after it."""
        self.now += 60
        misses, ahead = self.forecasts.misses(series), self.forecasts.ahead(series)
        assert misses and ahead
        most = ahead.most(LEAD + BEHIND_SECONDS, MEDIAN) if ahead.usable else None
        misses.look(self.now, demand(self.now), most, LEAD)
        self.forecasts.note(series, self.now, demand(self.now))
        asyncio.run(self.forecasts.tick(self.now))

    def worth(self, price: float, series: Series = WEB) -> int:
        """Replicas for a hundred replicas' worth of demand at this price."""
        misses = self.forecasts.misses(series)
        assert misses
        shares = misses.look(self.now, 100.0, None, LEAD, teaches=False)
        assert shares is not None
        return int(cheapest(np.array([100.0]), shares[None, :], np.array([price]))[0, 0])


@pytest.fixture(scope="module")
def begun() -> Scene:
    scene = Scene(START + HOURS * 3600)
    scene.forecasts.follow(WEB, QUERY, LEAD)
    scene.forecasts.follow(PAY, QUERY)
    scene.admit()
    return scene


def test_the_history_teaches_before_the_first_look(begun: Scene) -> None:
    misses = begun.forecasts.misses(WEB)
    assert misses and misses.learned(begun.now)
    shares = misses.shares(begun.now)[misses.klass(begun.now, 100.0)]
    assert 0.02 < shares[np.searchsorted(RATIOS, 1.5)] < 0.12
    assert shares[np.searchsorted(RATIOS, 2.5)] == pytest.approx(0.0, abs=1e-3)
    # Surges of 5 % of the minutes: a hundred replicas more are worth it from 2,000 replica-minutes on, not at 500.
    assert begun.worth(500.0) < 130
    assert begun.worth(10_000.0) > 190


def test_the_history_is_held_against_what_was_expected_as_far_ahead_as_its_means_are_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    most = Ahead.most

    def noted(ahead: Ahead, seconds: float, quantile: float) -> float:
        asked.append(seconds)
        return most(ahead, seconds, quantile)

    monkeypatch.setattr(Ahead, "most", noted)
    scene = Scene(START + HOURS * 3600)
    scene.forecasts.follow(WEB, counter("shop", "requests_total", {}, rate_seconds=240.0), LEAD)
    scene.admit()
    assert set(asked) == {LEAD + 120.0}


def test_without_a_price_nothing_is_counted(begun: Scene) -> None:
    assert begun.forecasts.ahead(PAY) is not None
    assert begun.forecasts.misses(PAY) is None


def test_an_operator_that_begins_anew_goes_on_as_one_that_ran_throughout(begun: Scene) -> None:
    ran = Scene(START + HOURS * 3600 / 2)
    ran.forecasts.follow(WEB, QUERY, LEAD)
    ran.admit()
    while ran.now < begun.now:
        ran.minute()
    for price in (500.0, 3_000.0, 10_000.0):
        assert ran.worth(price) == pytest.approx(begun.worth(price), rel=0.05)


def test_a_price_that_comes_later_is_learned_for_while_the_forecast_goes_on() -> None:
    scene = Scene(START + 3600)
    scene.forecasts.follow(WEB, QUERY)
    scene.admit()
    before = scene.forecasts.ahead(WEB)
    scene.forecasts.follow(WEB, QUERY, LEAD)
    assert scene.forecasts.ahead(WEB) is before
    scene.admit()
    misses, after = scene.forecasts.misses(WEB), scene.forecasts.ahead(WEB)
    assert misses and misses.counts.sum() > 0
    assert after and before and after.point(300) == pytest.approx(before.point(300))
    asyncio.run(scene.forecasts.tick(scene.now))
    scene.forecasts.follow(WEB, QUERY)
    assert scene.forecasts.misses(WEB) is None
    assert scene.forecasts.ahead(WEB) is after


def test_a_price_that_comes_when_the_history_is_refused_costs_no_forecast() -> None:
    scene = Scene(START + 3600)
    scene.forecasts.follow(WEB, QUERY)
    scene.admit()
    before = scene.forecasts.ahead(WEB)
    scene.refuses = True
    scene.forecasts.follow(WEB, QUERY, LEAD)
    for _ in range(FAILURES_MOST - 1):
        assert not asyncio.run(scene.forecasts.admit())
        assert scene.forecasts.misses(WEB) is None
    scene.admit()
    assert scene.forecasts.misses(WEB) is not None
    assert scene.forecasts.ahead(WEB) is before


def test_without_a_history_it_is_learned_from_now_on() -> None:
    scene = Scene(START + 3600, reads=0)
    scene.forecasts.follow(WEB, QUERY, LEAD)
    scene.admit()
    misses = scene.forecasts.misses(WEB)
    assert misses and not misses.learned(scene.now)
    scene.forecasts.note(WEB, scene.now, 100.0)
    scene.now += 60
    asyncio.run(scene.forecasts.tick(scene.now))
    for _ in range(10):
        scene.minute()
    assert misses.counts.sum() > 0
    assert math.isfinite(misses.counts.sum())
