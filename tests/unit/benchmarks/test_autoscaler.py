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


def bursts(*shapes: tuple[float, float, int]) -> list[observe.Sample]:
    """Samples each 0.1 s of a count that grows evenly by `looks` from `began` for `seconds`."""
    until = max(began + seconds for began, seconds, _ in shapes) + 5.0
    moments = [step / 10 for step in range(int(10 * until))]
    return [(at, sum(looks * min(1.0, max(0.0, (at - began) / seconds)) for began, seconds, looks in shapes)) for at in moments]


def test_a_tick_lasts_from_its_first_look_to_its_last() -> None:
    (tick,) = observe.ticks(bursts((5.0, 3.0, OBJECTS)), OBJECTS)
    assert (tick.began, tick.seconds, tick.looks) == (pytest.approx(5.0), pytest.approx(3.0), pytest.approx(OBJECTS))


def test_ticks_that_were_not_seen_whole_and_single_looks_count_as_none() -> None:
    samples = bursts((0.0, 2.0, OBJECTS), (10.0, 0.1, 3), (20.0, 1.0, OBJECTS), (40.0, 5.0, OBJECTS))
    seen = observe.ticks([sample for sample in samples if sample[0] < 42], OBJECTS)
    assert [round(tick.began) for tick in seen] == [20]


def test_a_tick_that_never_rests_is_one_long_one_and_none_at_all_is_none() -> None:
    assert observe.ticks([], OBJECTS) == []
    assert observe.ticks([(0.0, 5.0)], OBJECTS) == []
    (tick,) = observe.ticks(bursts((5.0, 60.0, 4 * OBJECTS)), OBJECTS)
    assert tick.seconds == pytest.approx(60.0)


@given(st.lists(st.floats(0.5, 8.0), min_size=1, max_size=6))
def test_each_tick_is_found_once_whatever_their_lengths(lengths: list[float]) -> None:
    shapes = [(5.0 + 15.0 * place, length, OBJECTS) for place, length in enumerate(lengths)]
    found = observe.ticks(bursts(*shapes), OBJECTS)
    assert [tick.seconds for tick in found] == [pytest.approx(length, abs=0.2001) for length in lengths]


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
    traffic.jump()
    assert shown() - before == pytest.approx((HIGH - LOW) * 60, abs=LOW * 5)


def test_a_figure_above_what_is_asked_fails_the_run_and_the_table_says_so() -> None:
    good = dict.fromkeys(report.MEANING, 1.0)
    assert report.met(good)
    slow = {**good, "jump_tick_p99_seconds": 5.1}
    assert not report.met(slow)
    assert "| 5.10 | <= 5 | no |" in report.table(slow)
