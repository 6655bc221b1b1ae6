"""The engine against queueing theory: means that are known exactly, Little's law, call trees to the nanosecond, conservation of work."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.sim.example import shop
from flyball.sim.spec import RequestType, Service, Visit
from tests.unit.sim.builders import application, load, play, single

WORK = 0.01
SECONDS = 3000


def mean_latency(values: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    return float(np.nanmean(values[len(values) // 10 :]))


@pytest.mark.parametrize("tail", [0.0, 0.8, 1.2], ids=["constant work", "lognormal work", "heavy work"])
def test_processor_sharing_is_as_slow_as_its_load_says_whatever_the_law_of_work(tail: float) -> None:
    result = load(single(WORK, tail=tail), 60.0, SECONDS)
    assert mean_latency(result.latency) == pytest.approx(WORK / (1 - 0.6), rel=0.04)


@pytest.mark.parametrize("tail", [0.0, 0.8], ids=["constant work", "lognormal work"])
def test_one_worker_serves_first_come_first_served_with_the_mean_of_pollaczek_and_khinchine(tail: float) -> None:
    result = load(single(WORK, tail=tail, threads=1), 60.0, SECONDS)
    second_moment = WORK**2 * math.exp(tail**2)
    expected = WORK + 60.0 * second_moment / (2 * (1 - 0.6))
    assert mean_latency(result.latency) == pytest.approx(expected, rel=0.05)


def test_several_cores_are_shared_by_more_requests_than_there_are_cores() -> None:
    """M/G/2 processor sharing has the mean of M/M/2: Erlang's C, insensitive to the law of work."""
    result = load(single(WORK, tail=0.8, cores=2), 140.0, SECONDS)
    offered = 140.0 * WORK
    rho = offered / 2
    erlang = offered**2 / 2 / (1 - rho) / (1 + offered + offered**2 / 2 / (1 - rho))
    assert mean_latency(result.latency) == pytest.approx(WORK + erlang * WORK / (2 * (1 - rho)), rel=0.04)


def test_littles_law_holds_in_the_shop() -> None:
    """Requests in the system, averaged over time, are rate times mean latency."""
    result = load(shop(), 200.0, 120)
    edges = np.linspace(20.0, 100.0, 4001)
    ends = np.sort(result.arrival + result.latency)
    inside = np.searchsorted(result.arrival, edges) - np.searchsorted(ends, edges)
    middle = (result.arrival > 20.0) & (result.arrival < 100.0)
    assert inside.mean() == pytest.approx(200.0 * float(result.latency[middle].mean()), rel=0.03)


TREE = Visit(
    "gateway", 0.010, tail=0.0, before=0.4,
    stages=(
        (Visit("a", 0.020, tail=0.0), Visit("b", 0.050, tail=0.0, before=0.5, stages=((Visit("c", 0.004, tail=0.0),),))),
        (Visit("a", 0.003, tail=0.0, delay_seconds=0.1),),
    ),
)  # fmt: skip


def test_a_request_alone_takes_the_longest_way_through_its_calls() -> None:
    result = play(application(TREE), [0.5])
    assert result.latency[0] == pytest.approx(0.004 + max(0.020, 0.025 + 0.004 + 0.025) + (0.1 + 0.003) + 0.006, abs=1e-7)


def test_a_cache_that_always_has_the_answer_calls_nobody() -> None:
    cache = Visit("cache", 0.001, ((Visit("store", 0.5),),), tail=0.0, hit=1.0)
    result = play(application(cache), [0.1])
    assert result.latency[0] == pytest.approx(0.001, abs=1e-7)


def test_a_cache_misses_as_often_as_it_says() -> None:
    cache = Visit("cache", 0.0001, ((Visit("store", 0.001, tail=0.0),),), tail=0.0, hit=0.7)
    result = load(application(cache), 1000.0, 20)
    assert float(np.mean(result.latency > 0.0005)) == pytest.approx(0.3, abs=0.015)


def test_a_worker_is_held_while_its_sub_calls_run() -> None:
    root = Visit("front", 0.001, ((Visit("back", 0.1, tail=0.0),),), tail=0.0, before=1.0)
    result = play(application(root, front={"threads": 1}), [0.0, 0.0])
    assert result.latency.tolist() == pytest.approx([0.101, 0.202], abs=1e-6)


def test_an_event_loop_uses_one_cpu_and_holds_nobody_back_while_others_work() -> None:
    root = Visit("front", 0.001, ((Visit("back", 0.1, tail=0.0),),), tail=0.0, before=1.0)
    result = play(application(root, front={"parallel": 1}), [0.0, 0.0])
    assert result.latency.tolist() == pytest.approx([0.102, 0.102], abs=1e-6)


@pytest.mark.parametrize("level", ["fluid", "sliced"])
def test_work_is_conserved(level: str) -> None:
    """CPU used is the work of the requests that ended, plus the background; nothing is lost at throttling or contention."""
    root = Visit("front", 0.004, ((Visit("back", 0.006, tail=0.9),),), tail=0.5)
    its = application(root, grant=0.8, cores=2, back={"background_cores": 0.1})
    result = load(its, 60.0, 300, level=level, contention=True)
    used = result.seconds.usage.sum(axis=0)
    assert not np.isnan(result.latency[:-200]).any()
    assert used.sum() == pytest.approx(300 * (60.0 * 0.01 + 0.1), rel=0.03)
    assert result.minutes.used.mean() == pytest.approx(used.sum() / 300, rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    arrivals=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=40),
    works=st.lists(st.floats(1e-4, 0.05), min_size=3, max_size=3),
    threads=st.integers(0, 3),
    grant=st.floats(0.1, 4.0),
    level=st.sampled_from(["fluid", "sliced"]),
    contention=st.booleans(),
)
def test_every_request_ends_exactly_once_with_all_its_work_done(
    arrivals: list[float], works: list[float], threads: int, grant: float, level: str, contention: bool
) -> None:
    root = Visit("front", works[0], ((Visit("a", works[1], tail=0.0), Visit("b", works[2], tail=0.0)), (Visit("a", works[1], tail=0.0),)), tail=0.0)
    its = application(root, grant=grant, cores=2, front={"threads": threads}, a={"threads": threads})
    result = play(its, sorted(arrivals), seconds=200, level=level, contention=contention)
    expected = len(arrivals) * (works[0] + 2 * works[1] + works[2])
    assert not np.isnan(result.latency).any()
    assert result.visits == 4 * len(arrivals)
    assert float(result.seconds.usage.astype(np.float64).sum()) == pytest.approx(expected, rel=1e-4)
    assert float(result.latency.min()) >= works[0] + max(works[1], works[2]) + works[1] - 1e-6


def test_replicas_share_the_requests() -> None:
    its = application(Visit("only", 0.001), only={"replicas": 4})
    result = load(its, 1000.0, 60)
    used = result.seconds.usage.sum(axis=0)
    assert len(used) == 4
    assert used.max() / used.min() < 1.1


def test_request_types_come_in_their_shares() -> None:
    base = application(Visit("a", 0.001, tail=0.0), a={}, b={})
    two = type(base)(
        "two", 1.0, (Service("a", 8.0), Service("b", 8.0)),
        (RequestType("small", 3.0, Visit("a", 0.001, tail=0.0)), RequestType("large", 1.0, Visit("b", 0.004, tail=0.0))), base.nodes,
    )  # fmt: skip
    result = load(two, 500.0, 60)
    used = result.seconds.usage.sum(axis=0)
    assert used[1] / used[0] == pytest.approx(4.0 / 3.0, rel=0.05)
    assert two.work_per_request() == pytest.approx({"a": 0.00075, "b": 0.001})


def test_the_law_of_work_has_the_mean_and_the_spread_that_it_says() -> None:
    """Alone on 64 cores and a trickle of load, latency is the work itself."""
    result = load(application(Visit("only", 0.001, tail=1.0)), 200.0, 200)
    assert float(result.latency.mean()) == pytest.approx(0.001, rel=0.03)
    assert float(np.median(result.latency)) == pytest.approx(0.001 * math.exp(-0.5), rel=0.02)
    assert float(np.quantile(result.latency, 0.99)) == pytest.approx(0.001 * math.exp(-0.5 + 2.3263), rel=0.06)
