"""A demand and CPU from a real Prometheus, of counters that were scraped every 15, 30 and 60 s."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, start_http_server

from flyball.signals import Joint, Prometheus, SignalError
from flyball.signals.demand import DemandReading, Window, cores, counter, history, read
from hack.cluster import tools
from tests.cluster.shop_metrics import RATE, History, Server, free_port

MINUTES = 10
INTERVALS = {15: 60.0, 30: 120.0, 60: 240.0}
"""Seconds between scrapes -> the window that holds four."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    tools.path("prometheus")  # where it has to be compiled first, the history that ends now would be minutes old when it is scraped
    registry, port = CollectorRegistry(), free_port()
    for interval in INTERVALS:
        registry.register(History(f"every_{interval}s", interval, MINUTES))
    http, thread = start_http_server(port, "127.0.0.1", registry=registry)
    its = Server(tmp_path_factory.mktemp("prometheus"), port)
    yield its
    its.stop()
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
async def prometheus(server: Server) -> AsyncIterator[Prometheus]:
    async with aiohttp.ClientSession() as session:
        yield Prometheus(server.url, session, timeout_seconds=2)


async def first(prometheus: Prometheus, interval: int, window: Window) -> tuple[DemandReading, float]:
    """The first reading once the history was scraped, and its time."""
    end = time.monotonic() + 20
    while True:
        now, learning = time.time(), Window()
        try:
            reading = await read(Joint(prometheus), counter("shop", f"every_{interval}s_count", {}), learning, now)
        except SignalError:
            assert time.monotonic() < end, "the history was not scraped in time"
            await asyncio.sleep(0.2)
        else:
            window.seconds, window.learned_at = learning.seconds, learning.learned_at
            return reading, now


@pytest.mark.parametrize(("interval", "seconds"), INTERVALS.items())
async def test_a_demand_is_seen_at_the_first_look_and_its_history_with_it(prometheus: Prometheus, interval: int, seconds: float) -> None:
    window = Window()
    reading, now = await first(prometheus, interval, window)
    assert reading.value == pytest.approx(RATE, rel=0.05)
    assert window.seconds == seconds
    query = counter("shop", f"every_{interval}s_count", {}).over(window.seconds)

    async def rest(seconds: float) -> None:
        pass

    points = await history(prometheus, query, now - 60 * MINUTES, now, rest)
    filled = [value for moment, value in points.items() if now - 60 * MINUTES + seconds <= moment <= now - interval]
    assert len(filled) >= MINUTES - seconds / 60 - interval / 60 - 1
    assert filled == pytest.approx([RATE] * len(filled), rel=0.02)


@pytest.mark.parametrize(("interval", "seconds"), INTERVALS.items())
async def test_cpu_is_seen_as_well(prometheus: Prometheus, interval: int, seconds: float) -> None:
    _, now = await first(prometheus, interval, Window())
    window, queries = Window(), []
    prometheus.on_query = lambda seconds, outcome: queries.append(outcome)
    assert await cores(Joint(prometheus), f'every_{interval}s_count{{namespace="shop"}}', window, now) == pytest.approx(RATE, rel=0.05)
    assert window.seconds == seconds
    at_first = 2 if interval == 60 else 1  # two samples in a minute are a rate, if not a steady one
    assert len(queries) == at_first
    await cores(Joint(prometheus), f'every_{interval}s_count{{namespace="shop"}}', window, now)
    assert len(queries) == at_first + 1
