"""Theta over a history: asked every 31 minutes, from nothing later, and scored on the minutes whose truth is known."""

from __future__ import annotations

import math

import pytest

from flyball.crosscheck import compared
from flyball.crosscheck.compared import Compared, Made, play, score
from tests.unit.crosscheck.test_theta import daily

START = 1_700_000_000.0 - 1_700_000_000.0 % 86_400
MINUTES = 2 * 1440 + 100


def played(values: list[float]) -> Made:
    times = [START + 60 * (index + 1) for index in range(len(values))]
    *shares, made = play(times, values, (5, 15))
    assert isinstance(made, dict)
    assert all(isinstance(share, float) for share in shares)
    assert shares == sorted(shares)
    return made


def test_it_is_asked_every_31_minutes_once_two_days_are_known() -> None:
    made = played(daily(MINUTES).tolist())
    two_days = START + 2 * 86_400
    assert sorted(made[15]) == [two_days + 900 + 1860 * index for index in range(4)]
    assert sorted(made[5]) == [two_days + 300 + 1860 * index for index in range(4)]
    assert all(value == pytest.approx(200, rel=0.3) for value in made[15].values())


def test_nothing_later_changes_what_was_said() -> None:
    values = daily(MINUTES).tolist()
    other = [*values[: 2 * 1440 + 31], *(9e9 for _ in values[2 * 1440 + 31 :])]
    first, second = played(values)[15], played(other)[15]
    shared = sorted(first)[:2]
    assert [first[time] for time in shared] == [second[time] for time in shared]
    assert first[max(first)] != second[max(second)]


def test_a_long_history_is_asked_so_often_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "MOST_FITS", 2)
    made = played(daily(MINUTES).tolist())
    assert sorted(made[15]) == [START + 2 * 86_400 + 900, START + 2 * 86_400 + 900 + 5580]


def test_a_missing_minute_is_left_out_of_its_mean() -> None:
    values = [200.0 + 50 * math.sin(minute / 229.2) for minute in range(MINUTES)]
    whole, gaps = played(values)[15], played([math.nan if minute % 5 == 2 else value for minute, value in enumerate(values)])[15]
    assert len(gaps) == 3, "nothing is said at the one of four moments that is missing"
    for time, said in gaps.items():
        assert said == pytest.approx(whole[time], rel=0.01)


def test_a_short_history_is_asked_nothing() -> None:
    assert played(daily(1440).tolist()) == {5: {}, 15: {}}


def test_errors_count_where_truth_last_value_and_yesterday_are_known() -> None:
    day = 86_400.0
    actual = {day + 900: 10.0, day: 8.0, 900.0: 14.0, day + 1800: math.nan}
    found = score({day + 900: 11.0, day + 1800: 50.0, 5 * day: 1.0}, 15, actual)
    assert found == Compared(1, 1.0, 2.0, 4.0)
    assert found.skill == 0.5
    assert math.isnan(Compared().skill)
