"""A demand's history played to engine and plan: what is scored, what is simulated, what is refused."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from flyball.replicas.backtest import LEAST_MINUTES, WARM_UP_MINUTES, Backtest, TooShort, play
from flyball.replicas.types import PlanSettings

SETTINGS = PlanSettings(maximum=50)
START = 1_700_000_040.0 - 1_700_000_040.0 % 60


def played(
    demand: Callable[[int], float],
    minutes: int = LEAST_MINUTES,
    *,
    capacity: float = 100.0,
    lead: float = 300.0,
    settings: PlanSettings = SETTINGS,
) -> Backtest:
    times = [START + 60.0 * minute for minute in range(minutes)]
    *shares, result = play(times, [demand(minute) for minute in range(minutes)], settings, capacity, lead, 0.95)
    assert shares == sorted(shares)
    assert isinstance(result, Backtest)
    return result


@pytest.fixture(scope="module")
def daily() -> Backtest:
    chance = random.Random(1)
    return played(lambda minute: max(1.0, 500 + 400 * math.sin(2 * math.pi * minute / 1440) + chance.gauss(0, 10)), LEAST_MINUTES + 540)


def test_a_day_like_the_last_is_foreseen(daily: Backtest) -> None:
    assert daily.scores[60].ours < daily.scores[60].last / 3
    assert "less than the last value" in daily.verdict
    assert 0.85 < daily.scores[15].covered / daily.scores[15].count <= 1


def test_with_forecasts_fewer_minutes_are_short_than_with_the_demand_of_now_alone(daily: Backtest) -> None:
    ahead, reactive, fixed = daily.outcomes
    assert ahead.short_minutes < reactive.short_minutes
    assert ahead.replica_hours < fixed.replica_hours
    assert fixed.short_minutes == 0


def test_the_first_day_is_not_scored(daily: Backtest) -> None:
    assert daily.times[0] == START + 60.0 * WARM_UP_MINUTES
    assert len(daily.times) == len(daily.actual) == len(daily.outcomes[0].replicas)


def test_noise_has_no_pattern_and_it_says_so() -> None:
    chance, level = random.Random(2), [100.0]

    def walk(minute: int) -> float:
        level[0] = max(10.0, level[0] + chance.gauss(0, 3))
        return level[0]

    assert "no pattern" in played(walk).verdict


def test_too_short_a_series_is_told_what_is_missing() -> None:
    with pytest.raises(TooShort, match=r"10.0 hours of values.*36 are the least"):
        list(play([60.0 * minute for minute in range(600)], [1.0] * 600, PlanSettings(), 1.0, 60.0, 0.95))


def test_a_series_of_zeros_is_told_as_one() -> None:
    with pytest.raises(TooShort, match="zero throughout"):
        list(play([60.0 * minute for minute in range(LEAST_MINUTES)], [0.0] * LEAST_MINUTES, PlanSettings(), 1.0, 60.0, 0.95))


def test_a_price_of_short_minutes_buys_the_replicas_that_surges_need() -> None:
    chance = random.Random(3)
    surges = [chance.random() < 0.03 for _ in range(LEAST_MINUTES)]

    def surging(minute: int) -> float:
        return 2000.0 if surges[minute] else 1000.0

    priced, reactive, _ = played(surging, settings=PlanSettings(maximum=50, short_price=5_000.0)).outcomes
    assert "5000 minutes of a replica" in priced.name
    assert priced.short_minutes < reactive.short_minutes / 4
    assert priced.replica_hours > 1.3 * reactive.replica_hours
