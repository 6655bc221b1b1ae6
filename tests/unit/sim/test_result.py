"""How a run is scored: slow shares by sliding hour and minute, unfinished requests, reversals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flyball.sim.account import reversals
from flyball.sim.result import Result
from tests.unit.sim.builders import load, play, single

EMPTY = load(single(), 1.0, 60)


def scored(total: list[int], slow: list[int], score_from: int = 0) -> Result:
    zeros = np.zeros(len(total))
    minutes = replace(EMPTY.minutes, total=np.array(total), slow=np.array(slow), p99=zeros, quota=zeros, used=zeros)
    return replace(EMPTY, minutes=minutes, score_from=score_from)


def test_the_worst_hour_is_the_worst_of_all_that_begin_at_a_minute() -> None:
    slow = [0] * 150
    slow[40:100] = [2] * 60
    result = scored([100] * 150, slow)
    assert result.worst_hour() == pytest.approx(0.02)
    assert not result.meets_hours()
    assert result.minutes_over() == 60


def test_one_bad_minute_in_an_hour_is_within_the_budget_and_over_in_its_minute() -> None:
    slow = [0] * 120
    slow[50] = 50
    result = scored([100] * 120, slow)
    assert result.worst_hour() == pytest.approx(50 / 6000)
    assert result.meets_hours()
    assert result.minutes_over() == 1
    assert result.meets_minutes()


def test_more_than_one_minute_in_twenty_over_misses_the_objective_of_minutes() -> None:
    slow = [2 if minute % 10 == 0 else 0 for minute in range(120)]
    result = scored([100] * 120, slow)
    assert result.meets_hours()
    assert not result.meets_minutes()


def test_the_warm_up_is_not_scored() -> None:
    assert scored([100] * 90, [100] * 10 + [0] * 80, score_from=10).worst_hour() == 0.0


def test_a_run_shorter_than_an_hour_is_scored_as_a_whole() -> None:
    assert scored([100] * 10, [0] * 9 + [10]).worst_hour() == pytest.approx(0.01)


def test_a_request_that_never_ends_is_slow_once_it_is_older_than_the_objective() -> None:
    result = play(single(1000.0), [30.0, 59.5], seconds=60)
    assert result.minutes.total.tolist() == [2]
    assert result.minutes.slow.tolist() == [1]
    assert np.isinf(result.minutes.p99[0])


def test_a_request_under_way_when_the_run_ends_counts_with_its_age_while_that_is_within_the_objective() -> None:
    result = play(single(1000.0), [59.5], seconds=60)
    assert result.minutes.slow.tolist() == [0]
    assert result.minutes.p99[0] == pytest.approx(0.5, abs=1e-3)
    assert result.worst_minute_ratio() == pytest.approx(0.5 / result.objective_seconds, abs=1e-3)


def test_a_minute_is_where_a_request_arrived_not_where_it_ended() -> None:
    result = play(single(2.0), [59.0], seconds=120)
    assert result.minutes.slow.tolist() == [1, 0]


def test_quantiles_are_values_that_occurred() -> None:
    result = play(single(0.1, cores=64), [0.0] * 64, seconds=60)
    assert result.minutes.p99[0] == result.minutes.p50[0] == pytest.approx(0.1, rel=1e-5)


@pytest.mark.parametrize(
    ("series", "count"),
    [([10.0] * 5, 0), ([10.0, 11.0, 12.0], 0), ([10.0, 11.0, 10.0, 11.0], 2), ([10.0, 10.05, 10.0, 10.05], 0), ([10.0, 9.0, 8.0, 9.0, 8.95, 9.5], 1)],
    ids=["flat", "rising", "to and fro", "trembling", "one turn"],
)
def test_reversals_count_turns_that_are_worth_it(series: list[float], count: int) -> None:
    assert reversals(series, 0.01) == count
