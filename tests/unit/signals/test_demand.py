"""A demand's window, learned from scrapes. The stand-in counts samples as rate() and count_over_time() do. The server: tests/cluster."""

from __future__ import annotations

import math
import re
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.signals import NoValue, Prometheus, SignalError
from flyball.signals.answers import Series
from flyball.signals.demand import BEHIND_SECONDS, LEARN_SECONDS, WINDOWS, DemandQuery, Window, cores, counter, cpu, free, history, read

NOW = 1_800_000_007.3
QUERY = counter("shop", "requests_total", {"service": "web"})
_TERM = re.compile(r"(max\(timestamp|max\(count_over_time|sum\(rate)\(.*?\}(?:\[(\d+)s\])?\)\)(?:, \"of\", \"(\w+)\")?")


class Scraped:
    """A counter of 50 a second, scraped every `interval` seconds since `age` seconds before NOW but for `lost` scrapes, counted from NOW back."""

    def __init__(self, interval: float, age: float = 3600.0, lost: frozenset[int] = frozenset()) -> None:
        self.times = [NOW - 0.9 * interval - index * interval for index in range(-1000, int(age / interval) + 1) if index not in lost]
        self.asked: list[str] = []

    async def instant(self, expression: str, at: float) -> list[Series]:
        self.asked.append(expression)
        found = []
        for function, window, of in _TERM.findall(expression):
            value = self._value(function, float(window or 0), at)
            if value is not None:
                found.append(Series({"of": of} if of else {}, ((at, value),)))
        return found

    async def range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        ((function, window, _),) = _TERM.findall(expression)
        moments = [start + step * index for index in range(round((end - start) / step) + 1)]
        points = [(at, value) for at in moments if (value := self._value(function, float(window), at)) is not None]
        return [Series({}, tuple(points))] if points else []

    def _value(self, function: str, window: float, at: float) -> float | None:
        if "timestamp" in function:
            return max((time for time in self.times if at - 300 < time <= at), default=None)
        inside = [time for time in self.times if at - window < time <= at]
        if "count" in function:
            return float(len(inside)) if inside else None
        return 50.0 if len(inside) >= 2 else None


@pytest.mark.parametrize(("interval", "seconds"), [(1, 60), (5, 60), (15, 60), (20, 120), (30, 120), (45, 240), (60, 240), (120, 240)])
async def test_the_first_look_sees_the_demand_however_often_it_is_scraped(interval: float, seconds: float) -> None:
    server, window = Scraped(interval), Window()
    reading = await read(server, QUERY, window, NOW)
    assert reading.value == 50.0
    assert reading.time == pytest.approx(NOW - 0.9 * interval)
    assert window.seconds == seconds
    assert len(server.asked) <= 2


async def test_scrapes_are_counted_along_every_ten_minutes_and_cost_no_query_of_their_own() -> None:
    server, window = Scraped(15), Window()
    await read(server, QUERY, window, NOW)
    await read(server, QUERY, window, NOW + 15)
    await read(server, QUERY, window, NOW + LEARN_SECONDS - 1)
    assert ["count_over_time" in asked for asked in server.asked] == [True, False, False]
    await read(server, QUERY, window, NOW + LEARN_SECONDS)
    assert "count_over_time" in server.asked[-1]


@pytest.mark.parametrize("lost", [frozenset({2}), frozenset({1, 5}), frozenset({4, 7})])
@pytest.mark.parametrize(("interval", "seconds"), [(15, 60), (30, 120)])
async def test_scrapes_that_are_lost_make_no_other_window(interval: float, seconds: float, lost: frozenset[int]) -> None:
    window = Window()
    await read(Scraped(interval), QUERY, window, NOW)
    window.learned_at = -math.inf
    await read(Scraped(interval, lost=lost), QUERY, window, NOW)
    assert window.seconds == seconds


@pytest.mark.parametrize("age", [15.0, 30.0, 45.0, 59.0, 75.0, 90.0])
async def test_a_counter_that_has_just_begun_is_not_taken_for_one_that_is_scraped_seldom(age: float) -> None:
    window = Window()
    await read(Scraped(15, age=age), QUERY, window, NOW)
    assert window.seconds == 60.0


async def test_an_interval_that_was_made_longer_is_found_when_it_leaves_no_rate() -> None:
    window = Window()
    await read(Scraped(15), QUERY, window, NOW)
    with pytest.raises(SignalError, match="last 60 s") as raised:
        await read(Scraped(60), QUERY, window, NOW + 30)
    assert raised.value.reason is NoValue.STALE
    server = Scraped(60)
    assert (await read(server, QUERY, window, NOW)).value == 50.0
    assert window.seconds == 240.0


def test_between_two_windows_the_one_before_stays() -> None:
    window = Window()
    for samples, seconds in ((5.0, 240.0), (8.0, 240.0), (10.0, 120.0), (8.0, 120.0), (16.0, 120.0), (20.0, 60.0), (16.0, 60.0), (15.0, 120.0)):
        window.learn(1.0, samples, NOW)
        assert window.seconds == seconds


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 400)), max_size=20))
def test_whatever_is_counted_it_is_one_of_the_windows(counted: list[tuple[float, float]]) -> None:
    window = Window()
    for recent, long in counted:
        window.learn(recent, long, NOW)
        assert window.seconds in WINDOWS


async def test_series_that_are_gone_teach_nothing_and_are_told() -> None:
    server, window = Scraped(15), Window()
    server.times = []
    with pytest.raises(SignalError) as raised:
        await read(server, QUERY, window, NOW)
    assert raised.value.reason is NoValue.NO_SERIES
    assert window == Window()
    assert len(server.asked) == 1


async def test_a_free_expression_is_asked_as_it_was_written() -> None:
    query, server = free("sum(rate(jobs_total{}[5m]))", True), Scraped(60)

    async def instant(expression: str, at: float) -> list[Series]:
        server.asked.append(expression)
        return [Series({}, ((at, 7.0),))]

    server.instant = instant  # type: ignore[method-assign]
    assert (await read(server, query, Window(), NOW)).value == 7.0
    assert server.asked == [query.rate]
    assert query.over(240.0) == query


@pytest.mark.parametrize(("interval", "seconds"), [(15, 60), (30, 120), (60, 240)])
async def test_history_and_horizon_go_by_the_same_window(interval: float, seconds: float) -> None:
    server, window = Scraped(interval, age=7200), Window()
    await read(server, QUERY, window, NOW)
    query = QUERY.over(window.seconds)
    assert f"[{seconds:.0f}s]" in query.rate
    assert query.behind_seconds == seconds / 2

    async def rest(seconds: float) -> None:
        pass

    points = await history(cast(Prometheus, server), query, NOW - 3600, NOW, rest)
    assert len(points) == 60
    assert set(points.values()) == {50.0}


def test_without_anything_learned_it_is_a_minute() -> None:
    assert (QUERY.seconds, QUERY.behind_seconds) == (60.0, BEHIND_SECONDS)
    assert QUERY.over(60.0) == QUERY
    assert DemandQuery("x", None).behind_seconds == BEHIND_SECONDS


@pytest.mark.parametrize(("interval", "seconds"), [(15, 60), (30, 120), (60, 240)])
async def test_cpu_is_read_however_often_cadvisor_is_scraped(interval: float, seconds: float) -> None:
    server, window = Scraped(interval), Window()
    assert await cores(server, cpu("shop", "web-1"), window, NOW) == 50.0
    assert window.seconds == seconds
    asked = len(server.asked)
    await cores(server, cpu("shop", "web-1"), window, NOW + 60)
    assert len(server.asked) == asked + 1
    assert "count_over_time" not in server.asked[-1]


async def test_cpu_that_nobody_counts_is_unknown_and_asked_for_once() -> None:
    server, window = Scraped(15), Window()
    server.times = []
    assert math.isnan(await cores(server, cpu("shop", "web-1"), window, NOW))
    assert len(server.asked) == 1
