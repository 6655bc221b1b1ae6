"""Signals from a real Prometheus that scrapes a real application every second: increases, resets, silence, strange answers, restarts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

import aiohttp
import pytest

from flyball.cpu.tower import Reading
from flyball.signals import Joint, NoValue, ObjectiveReader, Prometheus, SignalError, indicators, read_workloads
from flyball.slo import Objective
from hack.cluster import tools
from tests.cluster.shop_metrics import FAST, RATE, Server, Shop, free_port

LOOKBACK = 5.0

T = TypeVar("T")


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    tools.path("prometheus")  # where it has to be compiled first, the history that ends now would be minutes old when it is scraped
    its = Shop()
    yield its
    its.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Iterator[Server]:
    its = Server(tmp_path_factory.mktemp("prometheus"), shop.port)
    yield its
    its.stop()


@pytest.fixture
async def prometheus(server: Server) -> AsyncIterator[Prometheus]:
    async with aiohttp.ClientSession() as session:
        yield Prometheus(server.url, session, timeout_seconds=2)


def reader(
    prometheus: Prometheus,
    metric: str,
    *,
    namespace: str = "shop",
    threshold: float = 0.2,
    bad: dict[str, str] | None = None,
    lookback: float = LOOKBACK,
    window: float = 300.0,
) -> ObjectiveReader:
    source = indicators.histogram(namespace, metric, False, {}, bad or {})
    return ObjectiveReader(prometheus, Objective("gateway", 0.99, threshold, window), source, lookback)


def free(prometheus: Prometheus, good: str, total: str) -> ObjectiveReader:
    return ObjectiveReader(prometheus, Objective("gateway", 0.99, 0.2, 300.0), lambda: indicators.promql(good, total, True), 10.0)


async def until(attempt: Callable[[], Awaitable[T]], holds: Callable[[T], object] = lambda result: True, seconds: float = 20) -> T:
    """The first result that holds; an attempt without a value is made again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(SignalError):
            if holds(result := await attempt()):
                return result
        await asyncio.sleep(0.2)
    raise AssertionError("it did not come true in time")


async def reason(attempt: Callable[[], Awaitable[object]]) -> NoValue | None:
    try:
        await attempt()
    except SignalError as error:
        return error.reason
    return None


async def settled(its: ObjectiveReader, rate: float = RATE) -> Reading:
    """A reading whose look-back is filled."""
    return await until(lambda: its.read(time.time()), lambda reading: reading.total >= 0.8 * rate * LOOKBACK)


async def test_good_and_total_requests_are_counted(prometheus: Prometheus) -> None:
    reading = await settled(reader(prometheus, "steady"))
    assert reading.seconds == LOOKBACK
    assert reading.total == pytest.approx(RATE * LOOKBACK, rel=0.25)
    assert reading.slow / reading.total == pytest.approx(0.1, abs=0.02)
    assert reading.age_seconds < 3


async def test_no_traffic_is_zero_and_no_series_is_unknown(prometheus: Prometheus) -> None:
    idle = await until(lambda: reader(prometheus, "idle").read(time.time()))
    assert idle.total == 0
    assert await reason(lambda: reader(prometheus, "nobody_exports_this").read(time.time())) is NoValue.NO_SERIES


async def test_another_namespace_reads_nothing(prometheus: Prometheus) -> None:
    await settled(reader(prometheus, "steady"))
    assert await reason(lambda: reader(prometheus, "steady", namespace="bank").read(time.time())) is NoValue.NO_SERIES


async def test_fast_errors_are_not_good(prometheus: Prometheus) -> None:
    reading = await settled(reader(prometheus, "failing", bad={"code": "5.."}))
    assert reading.good / reading.total == pytest.approx(0.5, abs=0.05)
    unasked = await settled(reader(prometheus, "failing"))
    assert unasked.slow == pytest.approx(0, abs=1)


async def test_a_restart_of_the_application_is_no_negative_count_and_no_flood(prometheus: Prometheus, shop: Shop) -> None:
    its = reader(prometheus, "restarting")
    await until(lambda: its.read(time.time()))
    shop.leave("restarting")
    shop.start("restarting")
    shop.observe("restarting", FAST, 20)
    reading = await until(lambda: its.read(time.time()), lambda reading: reading.total > 0)
    assert reading.total < 100  # 20 and what extrapolation adds; not 100,020 and not -99,980
    assert reading.slow == 0


async def test_an_application_that_left_has_no_series(prometheus: Prometheus, shop: Shop) -> None:
    its = reader(prometheus, "leaving")
    await until(lambda: its.read(time.time()))
    shop.leave("leaving")

    async def why() -> NoValue | None:
        return await reason(lambda: its.read(time.time()))

    assert await until(why, lambda found: found is not None) in (NoValue.NO_SERIES, NoValue.STALE)


async def test_a_threshold_between_buckets_uses_the_stricter_one_and_names_the_missing_one(prometheus: Prometheus) -> None:
    its = reader(prometheus, "steady", threshold=0.3)
    await settled(its)
    assert its.query is not None
    assert its.query.threshold_used == 0.2
    assert "Add the bucket 0.3" in (its.query.hint or "")


async def test_several_series_and_bad_promql_are_said(prometheus: Prometheus) -> None:
    await settled(reader(prometheus, "failing"))
    several = free(prometheus, "failing_count", "failing_count")

    async def why() -> NoValue | None:
        return await reason(lambda: several.read(time.time()))

    await until(why, lambda found: found is NoValue.SEVERAL_SERIES)
    with pytest.raises(SignalError, match="parse error") as raised:
        await prometheus.instant("sum(", time.time())
    assert raised.value.reason is NoValue.ERROR


async def test_what_divides_by_zero_is_not_a_number(prometheus: Prometheus) -> None:
    await until(lambda: reader(prometheus, "idle").read(time.time()))
    source = indicators.promql("sum(idle_count) / sum(idle_count)", "sum(idle_count) / sum(idle_count)", True)
    its = ObjectiveReader(prometheus, Objective("gateway", 0.99, 0.2, 300.0), lambda: source, 10.0)

    async def why() -> NoValue | None:
        return await reason(lambda: its.read(time.time()))

    await until(why, lambda found: found is NoValue.NOT_A_NUMBER)


async def test_free_expressions_count_as_histograms_do(prometheus: Prometheus) -> None:
    its = free(prometheus, 'sum(steady_bucket{le="0.2"})', "sum(steady_count)")
    reading = await until(lambda: its.read(time.time()), lambda reading: reading.total > 5 * RATE)
    assert reading.slow / reading.total == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(("interval", "lookback"), [(15, 60), (60, 240)])
async def test_a_look_back_covers_four_scrapes_and_cells_are_whole_whatever_the_interval(
    prometheus: Prometheus, interval: int, lookback: float
) -> None:
    its = reader(prometheus, f"scraped_{interval}s")
    reading = await until(lambda: its.read(time.time()))
    assert reading.seconds == pytest.approx(lookback, rel=0.1)
    assert reading.slow / reading.total == pytest.approx(0.1, abs=0.001)
    assert reading.budget.known_share >= 0.8
    now = time.time()
    # The history ends when the test began; cells well before that are whole.
    whole = [cell for cell in its.ledger.cells.values() if cell.start + 60 < now - 90]
    assert len(whole) >= 2
    for cell in whole:
        assert cell.total == pytest.approx(60 * RATE, rel=0.02)
        assert cell.slow == pytest.approx(6 * RATE, rel=0.02)


async def test_what_was_counted_before_a_bucket_was_added_is_not_slow_because_of_it(prometheus: Prometheus) -> None:
    its = reader(prometheus, "rebucketed", window=600.0)
    reading = await until(lambda: its.read(time.time()))
    assert its.query is not None
    assert (its.query.threshold_used, its.query.hint) == (0.2, None)
    assert reading.slow / reading.total == pytest.approx(0.1, abs=0.001)
    cells = [cell for cell in its.ledger.cells.values() if cell.total]
    assert len(cells) >= 7
    assert [cell.slow / cell.total for cell in cells] == [pytest.approx(0.1, abs=0.001)] * len(cells)


async def test_cores_add_up_over_nodes_and_count_once_however_often_an_agent_is_scraped(prometheus: Prometheus, shop: Shop) -> None:
    usage = await until(lambda: read_workloads(prometheus, "shop", "shop", 60.0, shop.agents.end), lambda found: found)
    assert set(usage) == {"Deployment/cart"}
    cart = usage["Deployment/cart"]
    assert [cart.used, cart.allocated, cart.granted] == pytest.approx([0.4, 1.0, 2.0])
    assert cart.throttle_ratio == pytest.approx(0.03)
    assert await read_workloads(prometheus, "shop", "nobody", 60.0, shop.agents.end) == {}


async def test_what_was_read_once_is_not_asked_for_again(prometheus: Prometheus) -> None:
    its = reader(prometheus, "scraped_15s", window=30 * 24 * 3600)
    await until(lambda: its.read(time.time()))
    asked = []
    prometheus.on_query = lambda seconds, outcome: asked.append(outcome)
    await its.read(time.time())
    assert len(asked) <= 4  # how fresh, the latest, late cells, the open cell: not 360 cells in two chunks


async def test_questions_of_many_objects_in_one_query_are_answered_as_each_alone(prometheus: Prometheus) -> None:
    await settled(reader(prometheus, "steady"))
    series = 'steady_count{namespace="shop"}'
    newest = f'label_replace(sum(rate({series}[10s])), "of", "rate", "", "") or label_replace(max(timestamp({series})), "of", "newest", "", "")'
    sound = [newest, f"sum(rate({series}[5s]))", 'sum(rate(nobody_exports_this{namespace="shop"}[5s]))', "vector(7)"]
    at = time.time()
    await asyncio.sleep(2)  # what was scraped until then does not change any more
    alone = [await prometheus.instant(expression, at) for expression in sound]
    assert [len(series) for series in alone] == [2, 1, 0, 1]
    queries = []
    prometheus.on_query = lambda seconds, outcome: queries.append(outcome)
    joint = Joint(prometheus)
    many = [*sound, *(f'count({{__name__="up"}}) + {number}' for number in range(28))]
    assert (await asyncio.gather(*(joint.instant(expression, at) for expression in many)))[: len(sound)] == alone
    assert queries == ["ok"]
    mixed = await asyncio.gather(*(joint.instant(expression, at) for expression in [*sound, "sum(rate("]), return_exceptions=True)
    assert mixed[:-1] == alone
    assert isinstance(mixed[-1], SignalError) and mixed[-1].reason is NoValue.ERROR


async def test_a_long_range_is_asked_for_in_chunks(prometheus: Prometheus) -> None:
    queries = []
    prometheus.on_query = lambda seconds, outcome: queries.append(outcome)
    (series,) = await prometheus.range("vector(1)", 1_000_000.0, 1_000_000.0 + 999 * 60, 60)
    assert len(series.points) == 1000
    assert queries == ["ok"] * 3


async def test_a_frozen_prometheus_times_out(server: Server, prometheus: Prometheus) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(SignalError, match="did not answer within 2 s") as raised:
            await prometheus.instant("vector(1)", time.time())
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert raised.value.reason is NoValue.UNREACHABLE


async def test_a_reader_outlives_a_restart_of_prometheus(server: Server, prometheus: Prometheus) -> None:
    its = reader(prometheus, "scraped_15s")
    before = (await until(lambda: its.read(time.time()))).budget
    server.stop()
    try:
        with pytest.raises(SignalError, match="cannot be reached") as raised:
            await its.read(time.time())
    finally:
        server.start()
    assert raised.value.reason is NoValue.UNREACHABLE
    assert its.unknown(time.time()).budget.requests == pytest.approx(before.requests, rel=0.25)
    assert (await until(lambda: its.read(time.time()))).budget.requests == pytest.approx(before.requests, rel=0.25)
    gone = Prometheus(f"http://127.0.0.1:{free_port()}", prometheus._session)
    assert await reason(lambda: gone.instant("vector(1)", time.time())) is NoValue.UNREACHABLE
