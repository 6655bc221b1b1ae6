"""How fast a budget may go on being spent: what has been spent, and when it leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.slo import Cell, Ledger, Objective
from flyball.slo.pace import KEPT, MOST, pace

HOUR, MINUTE = 3600.0, 60.0
NOW = 100 * HOUR
OBJECTIVE = Objective("gateway", 0.99, 0.2, HOUR)

burns = st.lists(st.floats(0.0, 5.0), min_size=60, max_size=60)


def past(burns: list[float], requests: float = 1000.0) -> list[Cell]:
    """Minutes up to now, newest last, each with its burn rate."""
    first = NOW - MINUTE * len(burns)
    return [Cell(first + MINUTE * number, requests * (1.0 - 0.01 * burn), requests) for number, burn in enumerate(burns)]


def of(burns: list[float], requests: float = 1000.0) -> float:
    return pace(past(burns, requests), NOW, MINUTE, HOUR, 0.01)


def test_an_hour_that_spent_as_planned_goes_on_so() -> None:
    assert of([1.0 - KEPT] * 60) == pytest.approx(1.0 - KEPT)


def test_what_was_left_unspent_may_be_spent_within_half_an_hour() -> None:
    assert of([0.8] * 60) == pytest.approx(2 * (1.0 - KEPT) - 0.8)
    assert of([0.0] * 60) == MOST


def test_a_surge_calls_for_thrift_until_it_leaves() -> None:
    """A minute at burn 6 among minutes at .9: of 56.4 to spend in an hour 53.1 + 6 are spent."""
    fresh, leaving = [*[0.9] * 59, 6.0], [6.0, *[0.9] * 59]
    assert of(fresh) == pytest.approx((56.4 - 6.0 - 54 * 0.9) / 5)  # the window that ends in five minutes holds 54 others
    assert of(leaving) == pytest.approx((56.4 - 30 * 0.9) / 30)  # none of the windows ahead holds it


def test_an_overdrawn_window_with_nothing_that_leaves_soon_stops_everything() -> None:
    assert of([0.0] * 30 + [3.0] * 30) == 0.0


def test_time_that_is_not_known_grants_no_budget() -> None:
    """Ten minutes after the start: five minutes ahead fifteen are known, of which ten were spent at 1."""
    assert of([1.0] * 10) == pytest.approx(((1 - KEPT) * 15 - 10) / 5)


def test_without_requests_there_is_nothing_to_say() -> None:
    assert pace([], NOW, MINUTE, HOUR, 0.01) == of([0.0] * 60, requests=0.0) == 1.0


def test_the_ledger_knows_it() -> None:
    assert Ledger(OBJECTIVE).record(past([0.8] * 59), NOW).budget(NOW).pace == pytest.approx(of([0.8] * 59))


@given(burns, st.integers(0, 59), st.floats(0.0, 5.0))
def test_more_slow_requests_never_mean_a_higher_pace(spent: list[float], minute: int, more: float) -> None:
    worse = [burn + more * (number == minute) for number, burn in enumerate(spent)]
    assert 0.0 <= of(worse) <= of(spent) <= MOST


@given(st.lists(st.floats(0.0, 0.5), min_size=60, max_size=60), st.floats(0.9, 1.1))
def test_who_keeps_the_pace_overdraws_no_window(spent: list[float], clumsy: float) -> None:
    """Whatever lies behind, and with each minute a tenth off what was aimed at."""
    for _ in range(180):
        spent = [*spent, clumsy * of(spent[-60:])]
        assert sum(spent[-60:]) <= 60.0 + 1e-9
