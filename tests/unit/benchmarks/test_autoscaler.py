"""What the benchmark of many autoscalers makes of counters: ticks out of a count that grows, sums out of metrics pages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.autoscaler import observe, report
from tests.benchmarks.autoscaler.stage import HIGH, LOW, SWAY, Traffic

OBJECTS = 100


def growing(*steps: int, samples: int = 100) -> list[observe.Sample]:
    """Samples each 0.1 s of a count that grows by each of these steps so many times."""
    found = [(0.0, 7.0)]
    for step in steps:
        for _ in range(samples):
            found.append((found[-1][0] + 0.1, found[-1][1] + step))
    return found


def test_a_tick_is_as_many_looks_as_there_are_objects() -> None:
    assert observe.ticks(growing(2), OBJECTS) == pytest.approx([5.0, 5.0])
    assert observe.ticks(growing(1, 100), OBJECTS)[:3] == pytest.approx([10.0, 0.1, 0.1])


def test_what_does_not_make_a_whole_tick_is_none() -> None:
    assert observe.ticks([], OBJECTS) == []
    assert observe.ticks([(0.0, 5.0)], OBJECTS) == []
    assert observe.ticks(growing(1, samples=99), OBJECTS) == []
    assert observe.ticks(growing(0, 0), OBJECTS) == []


@given(st.lists(st.integers(0, 250), min_size=1, max_size=6))
def test_ticks_are_all_that_the_count_holds_and_take_no_longer_than_it_grew(steps: list[int]) -> None:
    samples = growing(*steps, samples=20)
    found = observe.ticks(samples, OBJECTS)
    assert len(found) == 20 * sum(steps) // OBJECTS
    assert sum(found) <= samples[-1][0] + 1e-6
    assert all(seconds >= 0 for seconds in found)


def test_the_share_of_nothing_is_that_nothing_came_to_its_end() -> None:
    assert observe.share([3.0, 1.0, 2.0], 0.5) == 2.0
    assert observe.share([], 0.99) == float("inf")


def test_metrics_are_summed_by_name_and_by_each_label() -> None:
    sums = observe.metrics('# HELP a_total x\na_total{what="status",of="b"} 2\na_total{what="scale"} 3.5\nplain 1e+03\n')
    assert sums["a_total"] == 5.5
    assert sums["a_total:what=scale"] == 3.5
    assert sums["plain"] == 1000.0


def test_requests_are_those_of_the_verb_and_the_subresource() -> None:
    def line(verb: str, subresource: str, count: int) -> str:
        return f'apiserver_request_total{{code="200",resource="deployments",subresource="{subresource}",verb="{verb}"}} {count}'

    text = "\n".join([line("GET", "scale", 5), line("GET", "", 7), line("APPLY", "scale", 11)])
    assert observe.requests(text, "GET", "deployments", "scale") == 5
    assert observe.requests(text, "GET", "deployments") == 7


@pytest.fixture
def traffic() -> Iterator[Traffic]:
    its = Traffic("127.0.0.1", 20)
    yield its
    its.close()


def test_a_services_past_goes_on_as_its_present_and_a_jump_shows_in_the_rate_of_a_minute(traffic: Traffic) -> None:
    until = 1_900_000_000.0
    counts = [int(line.split()[1]) for line in traffic.past(3, until) if 'service="web-13"' in line]
    rates = [(then - before) / 30 for before, then in pairwise(counts)]
    assert all(abs(rate - LOW) <= SWAY * LOW + 0.1 for rate in rates)
    assert counts[-1] == traffic.total(13, until)

    def shown() -> int:
        return next(int(line.split()[1]) for line in traffic.now().splitlines() if 'service="web-13"' in line)

    before = shown()
    traffic.jump(HIGH)
    assert shown() - before == pytest.approx((HIGH - LOW) * 60, abs=LOW * 5)


def test_a_figure_above_what_is_asked_fails_the_run_and_the_table_says_so() -> None:
    good = {**dict.fromkeys(report.MEANING, 1.0), **report.ASKED}
    assert report.met(good)
    slow = {**good, "tick_jump_seconds": 5.1}
    assert not report.met(slow)
    assert "| 5.10 | <= 5 | no |" in report.table(slow)
