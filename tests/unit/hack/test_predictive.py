"""The pure parts of examples/predictive: the load's pattern, its past as Prometheus reads it, and what the table says came when."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hack.predictive.pattern import DAY, Pattern, exposition, totals
from hack.predictive.verdict import Arrival, Look, arrivals, late_seconds, margin, short_seconds, table, turns
from hack.predictive.watch import seen

RISE = 1_000_000.0
PATTERN = Pattern(RISE, low=5.0, high=25.0, ramp_seconds=200.0)


def look(since: float, asked: int, ready: int, reactive: int) -> Look:
    return Look(RISE + since, asked, ready, reactive)


@pytest.mark.parametrize(("since", "rate"), [(-1.0, 5.0), (0.0, 5.0), (100.0, 15.0), (200.0, 25.0), (3600.0, 25.0), (200 + 3 * 3600 + 1800, 15.0)])
def test_the_load_is_low_rises_stays_and_falls(since: float, rate: float) -> None:
    assert PATTERN.at(RISE + since) == pytest.approx(rate)
    assert PATTERN.at(RISE + since - 3 * DAY) == pytest.approx(rate), "the same every day"


@given(st.floats(5.0, 24.9))
def test_the_rise_passes_a_rate_when_it_says_so(rate: float) -> None:
    assert PATTERN.at(PATTERN.reached(rate)) == pytest.approx(rate)


def test_a_rate_that_is_never_reached_is_told() -> None:
    assert math.isnan(PATTERN.reached(25.0))


def test_the_past_is_a_counter_whose_rate_is_the_pattern() -> None:
    found = list(totals(PATTERN, RISE - DAY, RISE, 30.0))
    assert [time for time, _ in found][:2] == [RISE - DAY, RISE - DAY + 30.0]
    assert all(after >= before for (_, before), (_, after) in pairwise(found))
    high = [total for time, total in found if 300 <= time - (RISE - DAY) <= 300 + 3000]
    assert (high[-1] - high[0]) / 3000 == pytest.approx(25.0, rel=0.02)


def test_the_past_is_text_that_carries_its_times() -> None:
    lines = exposition("requests_total", {"service": "web"}, iter([(10.0, 3), (40.5, 7)])).splitlines()
    assert lines == ["# TYPE requests_total untyped", 'requests_total{service="web"} 3 10000', 'requests_total{service="web"} 7 40500']


def test_each_further_replica_has_its_need_its_asking_and_its_start() -> None:
    # 5 to 25 a second at 10 a replica: one before, three after; replica 2 is needed at +50, replica 3 at +150.
    looks = [look(-20, 1, 1, 1), look(0, 2, 1, 1), look(40, 2, 2, 1), look(80, 3, 2, 2), look(120, 3, 3, 2), look(180, 3, 3, 3)]
    second, third = arrivals(looks, PATTERN, 10.0)
    assert second == Arrival(2, needed=50.0, asked=0.0, ready=40.0, reactive_ready=120.0)
    assert third == Arrival(3, needed=150.0, asked=80.0, ready=120.0, reactive_ready=220.0)
    assert late_seconds([second, third]) == 70.0 + 70.0
    assert "10 s before" in table([second])
    assert "70 s LATE" in table([second])


def test_times_of_two_late_replicas_that_overlap_count_once() -> None:
    late = [Arrival(2, 0.0, 0.0, 0.0, 100.0), Arrival(3, 50.0, 0.0, 0.0, 120.0), Arrival(4, 60.0, 0.0, 0.0, math.nan)]
    assert late_seconds(late) == 120.0
    assert margin(math.nan) == ""


def test_time_with_too_few_ready_replicas_is_added_up() -> None:
    looks = [look(0, 1, 1, 1), look(60, 2, 1, 2), look(100, 2, 2, 2), look(130, 2, 2, 2)]
    assert short_seconds(looks, PATTERN, 10.0) == 40.0


@pytest.mark.parametrize(
    ("values", "count"),
    [([], 0), ([1, 2, 3], 0), ([3, 1, 1], 0), ([1, 3, 1], 1), ([1, 3, 1, 3], 2), ([5, 5.5, 5, 5.5], 0), ([1, 4, 3.5, 6, 3], 1)],
)
def test_turns_are_moves_back_that_matter(values: list[float], count: int) -> None:
    assert turns(values, 1.0) == count


@given(st.lists(st.integers(0, 50)).map(sorted))
def test_what_only_grows_never_turns(values: list[int]) -> None:
    assert turns(values, 1) == 0


def test_a_look_reads_both_objects_and_bears_an_empty_status() -> None:
    deployment = {"spec": {"replicas": 3}, "status": {"readyReplicas": 2}}
    conditions = [{"type": "ForecastUsable", "reason": "Ok"}, {"type": "Scaling", "reason": "Forecast"}]
    status = {"replicas": {"reactive": 2, "proactive": 3}, "conditions": conditions, "demands": [{"served": "11.5"}], "readyAfterSeconds": 48}
    assert seen(deployment, {"status": status}, 1.0) == Look(1.0, 3, 2, 2, 3, 11.5, "Ok", "Forecast", 48)
    assert seen({"spec": {}}, {}, 1.0) == Look(1.0, 1, 0)
