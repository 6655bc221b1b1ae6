"""The demo's arithmetic, on numbers that can be checked by hand."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hack.demo.counters import Counter, mean, steps
from hack.demo.figures import Cores, bins, figures, quantile, summary
from tests.unit.demo.builders import START, counts, line, request

CORES = Cores(granted=2.4, allocated=1.2, used=0.5)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        (range(1, 101), 0.99, 99),  # 99 of 100 values are at most 99
        (range(1, 101), 0.5, 50),
        ([7.0], 0.99, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([1.0, 2.0], 0.51, 2.0),
    ],
)
def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(values: list[float], share: float, expected: float) -> None:
    assert quantile(values, share) == expected


def test_a_quantile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(quantile([], 0.99))


@given(st.lists(st.floats(0, 10), min_size=1), st.floats(0.01, 1))
def test_at_least_the_share_lies_at_or_below_a_quantile_and_less_below_it(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_a_minute_is_violated_by_its_own_p99_alone() -> None:
    # Minute 0: 200 requests, 2 late (1 %): the 198th of 200 is in time. Minute 1: 3 late of 200: it is not. Minute 2: none late.
    sent = [request(60 * minute + second / 4, 300 if second < late else 50) for minute, late in enumerate((2, 3, 0)) for second in range(200)]
    found = figures(sent, START, START + 180, 0.2, CORES)
    assert found.minutes == 3
    assert found.minutes_violated == 1
    assert found.slow_share == pytest.approx(5 / 600)
    assert found.p99_seconds == pytest.approx(0.05)
    assert (found.requests, found.errors) == (600, 0)


def test_a_phase_counts_the_requests_sent_in_it_whenever_they_ended() -> None:
    sent = [request(-0.1, 50), request(0.0, 50), request(59.9, 4000), request(60.0, 50)]
    found = figures(sent, START, START + 60, 0.2, CORES)
    assert (found.requests, found.slow_share) == (2, 0.5)


def test_errors_are_slow_requests_and_counted_by_themselves() -> None:
    found = figures([request(1, 5, ok=False), request(2), request(3), request(4)], START, START + 60, 0.2, CORES)
    assert (found.errors, found.slow_share) == (1, 0.25)


def test_bins_leave_out_a_stretch_that_is_not_whole() -> None:
    held = bins([request(second) for second in range(25)], START, START + 25, 10, 0.2)
    assert [(one.start - START, one.requests, one.rate) for one in held] == [(0, 10, 1.0), (10, 10, 1.0)]


def test_the_summary_has_the_keys_that_are_promised_and_no_more() -> None:
    enforce = figures([request(1)], START, START + 60, 0.2, CORES)
    made = summary(0.2, enforce, enforce, [{"reason": "Spend"}])
    observed = made.pop("observe")
    assert list(made) == [
        "objective_seconds",
        "minutes",
        "minutes_violated",
        "slow_share",
        "p99_seconds",
        "cores_granted",
        "cores_allocated_mean",
        "cores_used_mean",
        "saved_percent",
        "requests",
        "errors",
        "decisions",
    ]
    assert made["saved_percent"] == 50.0
    assert isinstance(observed, dict)
    assert set(observed) == set(made) - {"objective_seconds", "decisions"}


def test_what_was_not_measured_is_null() -> None:
    nothing = figures([], START, START + 60, 0.2, Cores(math.nan, math.nan, math.nan))
    made = summary(0.2, nothing, nothing, [])
    assert made["p99_seconds"] is made["slow_share"] is made["saved_percent"] is None
    json.dumps(made, allow_nan=False)


def test_cores_are_exact_between_scrapes() -> None:
    # 2 cores from 0 to 10 s, then 4: between 7 and 12 s that is 3 x 2 + 2 x 4 core seconds.
    counter = Counter([(0.0, 100.0), (5.0, 110.0), (10.0, 120.0), (15.0, 140.0)])
    assert counter.increase(7.0, 12.0) == pytest.approx(14.0)
    assert mean([counter, counter], 7.0, 12.0) == pytest.approx(5.6)


def test_a_counter_that_begins_within_the_stretch_is_counted_from_its_first_value() -> None:
    assert Counter([(50.0, 3.0), (55.0, 8.0)]).increase(0.0, 60.0) == pytest.approx(8.0)


def test_a_restart_of_the_agent_loses_nothing_that_was_counted_after_it() -> None:
    assert Counter([(0.0, 90.0), (5.0, 100.0), (10.0, 4.0), (15.0, 10.0)]).increase(0.0, 15.0) == pytest.approx(20.0)


def test_workloads_add_up_and_can_be_asked_for_alone() -> None:
    held = counts(gateway=(0.4, 0.2, 0.1), cart=(0.6, 0.2, 0.1))
    both = held.cores(START, START + 60)
    assert (both.granted, both.allocated, both.used) == pytest.approx((1.0, 0.4, 0.2))
    assert both.saved_percent == pytest.approx(60.0)
    assert held.cores(START, START + 60, "cart").granted == pytest.approx(0.6)


def test_steps_are_means_over_whole_stretches() -> None:
    (first, second) = steps([line(2.0)], START, START + 25, 10)
    assert first == pytest.approx((START + 5, 2.0))
    assert second == pytest.approx((START + 15, 2.0))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.floats(-10, 110), st.floats(0, 50), st.floats(0, 50))
def test_increases_are_never_negative_and_add_up(values: list[float], start: float, first: float, second: float) -> None:
    counter = Counter([(5.0 * index, value) for index, value in enumerate(values)])
    middle, end = start + first, start + first + second
    whole = counter.increase(start, end)
    assert whole >= 0
    assert whole == pytest.approx(counter.increase(start, middle) + counter.increase(middle, end), abs=1e-6)
