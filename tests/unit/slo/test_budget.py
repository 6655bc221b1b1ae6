"""The error budget: what is allowed, what is left, what is unknown."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.slo import Budget, Cell, Ledger, Objective, cell_seconds, cell_start, governing

HOUR = 3600.0
OBJECTIVE = Objective("gateway", 0.99, 0.2, HOUR)
NOW = 100 * HOUR

cells = st.builds(
    lambda index, total, slow: Cell(NOW - 60.0 * index, total - min(slow, total), total),
    st.integers(1, 200),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
)


def ledger(*given_cells: Cell, now: float = NOW) -> Ledger:
    return Ledger(OBJECTIVE).record(given_cells, now)


@pytest.mark.parametrize(
    ("window", "seconds"),
    [(300, 60), (HOUR, 60), (6 * HOUR, 60), (7 * HOUR, 120), (24 * HOUR, 240), (30 * 24 * HOUR, 7200)],
)
def test_cells_are_a_360th_of_the_window_and_whole_minutes(window: float, seconds: float) -> None:
    assert cell_seconds(window) == seconds


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, math.nan])
def test_a_share_of_minutes_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="gateway: the share of minutes above"):
        Objective("gateway", 0.99, 0.2, HOUR, share)


def test_an_hour_at_99_percent_allows_one_request_in_a_hundred() -> None:
    budget = ledger(Cell(NOW - 120, 995, 1000), Cell(NOW - 60, 1000, 1000)).budget(NOW)
    assert (budget.requests, budget.slow) == (2000, 5)
    assert budget.allowed == pytest.approx(20)
    assert budget.left == pytest.approx(0.75)
    assert budget.burn_rate == pytest.approx(0.25)


def test_an_overdrawn_budget_is_negative() -> None:
    assert ledger(Cell(NOW - 60, 970, 1000)).budget(NOW).left == pytest.approx(-2.0)


def test_without_requests_nothing_is_spent() -> None:
    budget = ledger(Cell(NOW - 60, 0, 0)).budget(NOW)
    assert (budget.left, budget.burn_rate, budget.minutes_above) == (1.0, 0.0, 0.0)


def test_unknown_cells_grant_no_budget() -> None:
    known = ledger(Cell(NOW - 60, 990, 1000)).budget(NOW)
    assert known.allowed == pytest.approx(10)  # not the 600 that an hour at this rate would allow
    assert known.known_share == pytest.approx(1 / 60)


def test_minutes_above_counts_cells_whose_own_share_was_above() -> None:
    budget = ledger(Cell(NOW - 180, 989, 1000), Cell(NOW - 120, 990, 1000), Cell(NOW - 60, 900, 1000)).budget(NOW)
    assert budget.minutes_above == 2  # exactly 1 % slow is kept, not broken


def test_a_cell_that_came_in_late_replaces_what_was_known_of_it() -> None:
    first = ledger(Cell(NOW - 60, 10, 10))
    assert first.record([Cell(NOW - 60, 90, 100)], NOW).budget(NOW).requests == 100


def test_the_window_rolls_and_forgets() -> None:
    spent = ledger(Cell(NOW - 60, 0, 1000))
    assert spent.budget(NOW).left < 0
    later = spent.record([Cell(NOW + HOUR - 120, 100, 100)], NOW + HOUR)
    assert later.budget(NOW + HOUR).left == 1.0
    assert len(later.cells) == 1


@pytest.mark.parametrize("count", [math.nan, math.inf, -1.0])
def test_counts_that_cannot_be_are_ignored(count: float) -> None:
    assert not ledger(Cell(NOW - 60, count, 10), Cell(NOW - 120, 10, count)).cells


def test_the_objective_that_burns_fastest_governs() -> None:
    slow, fast = Budget(100, 1, 1, 0, 1), Budget(100, 3, 1, 0, 1)
    assert governing({"a": slow, "b": fast}) == "b"
    assert governing({}) is None


@given(st.lists(cells, max_size=30))
def test_recording_twice_is_recording_once_in_any_order(given_cells: list[Cell]) -> None:
    latest = {cell.start: cell for cell in given_cells}
    once = ledger(*latest.values())
    assert once.record(latest.values(), NOW).cells == once.cells
    assert ledger(*reversed(latest.values())).cells == once.cells


@given(st.lists(cells, max_size=30), st.integers(1, 59), st.integers(1, 1000))
def test_more_slow_requests_never_leave_more_budget(given_cells: list[Cell], index: int, slow: int) -> None:
    before = ledger(*given_cells)
    start = cell_start(NOW - 60.0 * index, 60)
    its = before.cells.get(start, Cell(start, 0, 0))
    worse = before.record([Cell(start, its.good, its.total + slow)], NOW).budget(NOW)
    same_requests_all_fast = before.record([Cell(start, its.good + slow, its.total + slow)], NOW).budget(NOW)
    assert worse.left < same_requests_all_fast.left


@given(st.lists(cells, max_size=400))
def test_a_ledger_holds_one_window_at_most(given_cells: list[Cell]) -> None:
    assert len(ledger(*given_cells).cells) <= 60
