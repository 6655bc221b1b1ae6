"""What a headroom is worth: learned from what demand did to earlier ones, paid for by the price of a short minute."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.replicas import Decision, Need, Observation, PlanSettings, PlanState, decide
from flyball.replicas.misses import RATIOS, Misses, cheapest, unlearned

LEAD = 120.0
LOOK = 30.0
Demand = Callable[[float], float]


def steady(now: float) -> float:
    return 10.0


def every_twenty_minutes(now: float) -> float:
    """A minute in twenty is twice as high."""
    return 20.0 if now % 1200 < 60 else 10.0


def clustered(now: float) -> float:
    """Four hours a day a minute in ten is twice as high; the rest of the day is even."""
    return 20.0 if 8 <= now / 3600 % 24 < 12 and now % 600 < 60 else 10.0


def learned(demand: Demand, hours: float = 30.0, misses: Misses | None = None, begin: float = 0.0) -> Misses:
    misses = misses or Misses()
    for look in range(int(hours * 3600 / LOOK)):
        now = begin + look * LOOK
        misses.note(now, demand(now), 10.0, LEAD)
    return misses


ODDS = learned(every_twenty_minutes).shares(30 * 3600.0)[0]


def asked(misses: Misses, now: float, price: float) -> int:
    """Replicas for ten replicas' worth of demand."""
    return int(cheapest(np.array([10.0]), misses.shares(now)[misses.klass(now, 10.0)][None, :], np.array([price]))[0, 0])


def test_the_shares_are_those_of_the_minutes_that_were_that_much_higher() -> None:
    shares = learned(every_twenty_minutes).shares(30 * 3600.0).max(axis=0)
    # A peak of a minute is above what is measured as a mean of a minute for as long; two minutes of twenty where it begins within one.
    assert 0.04 < shares[np.searchsorted(RATIOS, 1.5)] < 0.11
    assert shares[np.searchsorted(RATIOS, 2.3)] == pytest.approx(0.0, abs=1e-6)


def test_what_comes_often_is_paid_for_where_a_short_minute_costs_more_than_the_replicas_for_it() -> None:
    misses = learned(every_twenty_minutes)
    now = 30 * 3600.0
    assert asked(misses, now, 10.0) <= 11  # ten replicas more would cost ten times what a tenth or less of a short minute does
    assert asked(misses, now, 1000.0) >= 20


def test_headroom_stands_at_the_hours_that_need_it() -> None:
    misses = learned(clustered, hours=5 * 24)
    morning, evening = 5 * 86_400.0 + 9.5 * 3600, 5 * 86_400.0 + 20 * 3600
    found = []
    for now in (morning, evening):
        misses.note(now, 20.0, 10.0, LEAD)  # one burst has just been, at either time
        found.append(asked(misses, now + LOOK, 200.0))
    assert found[0] >= 20 and found[1] <= 12


def test_after_a_burst_more_is_kept_where_bursts_return() -> None:
    def in_rows(now: float) -> float:
        """Every other day bursts each ten minutes, from noon on, else none."""
        return 20.0 if now // 86_400 % 2 and now % 86_400 > 43_200 and now % 600 < 60 else 10.0

    misses = learned(in_rows, hours=6 * 24 + 13)  # an even day's noon: quiet
    now = 6 * 86_400.0 + 13 * 3600
    quiet = asked(misses, now, 200.0)
    misses.note(now, 20.0, 10.0, LEAD)
    assert asked(misses, now + LOOK, 200.0) > quiet


@given(st.floats(0.02, 200.0), st.lists(st.floats(0.0, 1e5), min_size=2, max_size=5))
def test_a_dearer_short_minute_never_asks_for_fewer_replicas(base: float, prices: list[float]) -> None:
    for found in (cheapest(np.array([base]), ODDS[None, :], np.array(sorted(prices)))[0], unlearned(np.array([base]), np.array(sorted(prices)))[0]):
        assert (np.diff(found) >= 0).all() and found[0] >= 1


def test_what_comes_later_changes_nothing_that_was_said() -> None:
    one, other = Misses(), Misses()
    for look in range(2 * 60 * 8):
        now = look * LOOK
        for misses, factor in ((one, 1.0), (other, 5.0)):
            if now >= 7 * 3600 + 777:
                misses.note(now, factor * every_twenty_minutes(now), 10.0, LEAD)
            else:
                misses.note(now, every_twenty_minutes(now), 10.0, LEAD)
        if now < 7 * 3600 + 777:
            np.testing.assert_array_equal(one.shares(now), other.shares(now))


def test_before_a_quarter_of_a_day_nothing_counts_as_learned() -> None:
    misses = learned(steady, 5.9)
    assert not misses.learned(5.9 * 3600)
    assert learned(steady, 6.1).learned(6.1 * 3600)


@pytest.mark.parametrize("demand", [math.nan, math.inf, -1.0])
def test_a_demand_that_nobody_knows_teaches_nothing(demand: float) -> None:
    misses = learned(steady, 7.0)
    at, counts = misses.at, misses.counts.copy()
    misses.note(7 * 3600.0, demand, 10.0, LEAD)
    misses.note(7 * 3600.0, 10.0, math.nan, LEAD)
    assert misses.at == at
    np.testing.assert_array_equal(misses.counts, counts)


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_after_a_jump_of_the_clock_or_a_gap_nothing_is_held_against_what_was_asked_for_before(jump: float) -> None:
    misses = learned(steady, 7.0)
    total = misses.counts.sum()
    later = 7 * 3600.0 + jump
    for look in range(4):  # two minutes: less than the start-up time and the mean's minute
        misses.note(later + look * LOOK, 1000.0, 10.0, LEAD)
    assert misses.counts.sum() <= total + 1
    assert misses.shares(later + 7200.0)[:, np.searchsorted(RATIOS, 4.0)].max() < 1e-3


def test_counts_fade_so_that_old_habits_are_forgotten() -> None:
    misses = learned(every_twenty_minutes, 24.0)
    often = misses.shares(86_400.0)[:, np.searchsorted(RATIOS, 1.5)].max()
    learned(steady, 15 * 24.0, misses, begin=86_400.0)
    assert misses.shares(16 * 86_400.0)[:, np.searchsorted(RATIOS, 1.5)].max() < often / 4


# In the plan.


def decided(demand: float, forecast: float | None, price: float | None, shares: np.ndarray | None = ODDS) -> Decision:  # type: ignore[type-arg]
    need = Need("requests", demand, 100.0, forecast=forecast, largest=1e6, shares=shares)
    state = PlanState(peaks={"requests": 1e6}, peaks_at=0.0, since=-math.inf, last_demand_at=0.0)
    settings = PlanSettings(maximum=1000, short_price=price, tolerance=0.0)
    return decide(state, Observation(0.0, (need,), 1, 1), settings)[1]


def wanted(demand: float, forecast: float | None, price: float | None, shares: np.ndarray | None = ODDS) -> int:  # type: ignore[type-arg]
    return decided(demand, forecast, price, shares).wish


def test_without_a_price_what_was_learned_changes_nothing() -> None:
    assert wanted(950.0, 1450.0, None) == wanted(950.0, 1450.0, None, shares=None) == 15


def test_with_a_price_more_is_asked_for_than_is_expected() -> None:
    assert wanted(950.0, 1000.0, 1000.0) >= 20
    assert wanted(950.0, 1000.0, 1000.0, shares=None) > 10  # nothing learned yet: a headroom all the same
    assert wanted(950.0, None, 1000.0) >= 19  # and without any forecast


def test_the_decision_says_how_many_are_expected_to_be_needed_and_how_many_are_beyond() -> None:
    assert decided(950.0, 1450.0, None).message.startswith("The demand to come needs 15, that of now 10. ")
    learned_message, guessed = decided(950.0, 1450.0, 1000.0).message, decided(950.0, 1450.0, 1000.0, shares=None).message
    assert "needs 15, that of now 10; " in learned_message and "as they cost less than the short minutes they save" in learned_message
    assert "until it is known how often demand is higher" in guessed


@given(st.floats(0.0, 5000.0), st.one_of(st.none(), st.floats(0.0, 5000.0), st.just(math.nan)), st.floats(0.0, 1e6), st.booleans())
def test_a_price_never_asks_for_less_than_the_demand_of_now(demand: float, forecast: float | None, price: float, known: bool) -> None:
    assert wanted(demand, forecast, price, ODDS if known else None) >= min(1000, math.ceil(demand / 100 - 1e-9))


def test_needs_are_the_same_whatever_was_learned() -> None:
    need = Need("requests", 1.0, 1.0)
    assert need == replace(need, shares=ODDS)
