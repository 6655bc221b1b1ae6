"""Signals from a real Prometheus that scrapes a real exporter every second: increases, resets, silence, strange answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Histogram, start_http_server

from flyball.signals import NoValue, ObjectiveReader, Prometheus, SignalError, indicators
from flyball.slo import Objective
from hack.cluster import tools
from hack.cluster.process import poll

LOOKBACK = 5.0
OBJECTIVE = Objective("gateway", 0.99, 0.2, 300.0)


@dataclass
class Server:
    """A Prometheus on loopback and the port of the exporter that it scrapes."""

    url: str
    process: subprocess.Popen[bytes]
    targets: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    targets = folder / "targets.json"
    targets.write_text("[]")
    discovered = {"job_name": "test", "honor_labels": True, "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}]}
    settings = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [discovered]}
    (folder / "prometheus.yaml").write_text(json.dumps(settings))
    command = [tools.path("prometheus"), f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = subprocess.Popen(command, cwd=folder)
    assert poll(lambda: is_ready(f"http://127.0.0.1:{port}/-/ready"), 30)
    yield Server(f"http://127.0.0.1:{port}", process, targets)
    process.kill()
    process.wait()


@pytest.fixture
async def prometheus(server: Server) -> AsyncIterator[Prometheus]:
    async with aiohttp.ClientSession() as session:
        yield Prometheus(server.url, session, timeout_seconds=2)


class Exporter:
    """An application's histogram, scraped by the server under a name of its own."""

    def __init__(self, server: Server, name: str, buckets: tuple[float, ...] = (0.1, 0.2, 0.5)) -> None:
        self._server, self._name, self._buckets = server, name, buckets
        self._port = free_port()
        self.start()
        known = json.loads(server.targets.read_text())
        scratch = server.targets.with_suffix(".new")
        scratch.write_text(json.dumps([*known, {"targets": [f"127.0.0.1:{self._port}"]}]))
        scratch.rename(server.targets)

    def start(self) -> None:
        """Begin with counters at zero, as a process that has restarted."""
        registry = CollectorRegistry()
        self.histogram = Histogram(self._name, "Latency.", ("namespace", "code"), registry=registry, buckets=self._buckets)
        self.histogram.labels("shop", "200")
        self._http, self._thread = start_http_server(self._port, "127.0.0.1", registry=registry)

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def requests(self, fast: int, slow: int = 0, code: str = "200") -> None:
        for _ in range(fast):
            self.histogram.labels("shop", code).observe(0.05)
        for _ in range(slow):
            self.histogram.labels("shop", code).observe(0.3)


@pytest.fixture
def exporter(server: Server, request: pytest.FixtureRequest) -> Iterator[Exporter]:
    its = Exporter(server, f"latency_{abs(hash(request.node.name))}")
    yield its
    with contextlib.suppress(OSError):
        its.stop()


def reader(prometheus: Prometheus, exporter: Exporter, threshold: float = 0.2, bad: dict[str, str] | None = None) -> ObjectiveReader:
    source = indicators.histogram("shop", exporter._name, False, {}, bad or {})
    objective = Objective("gateway", 0.99, threshold, 300.0)
    return ObjectiveReader(prometheus, objective, source, LOOKBACK)


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(SignalError):
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
        await asyncio.sleep(0.2)
    raise AssertionError("it did not come true in time")


async def test_good_and_total_requests_are_counted(prometheus: Prometheus, exporter: Exporter) -> None:
    its = reader(prometheus, exporter)
    await until(lambda: its.read(time.time()))
    for _ in range(40):
        exporter.requests(9, 1)
        await asyncio.sleep(0.2)
    reading = await its.read(time.time())
    assert reading.total == pytest.approx(50 * LOOKBACK, rel=0.35)
    assert reading.slow / reading.total == pytest.approx(0.1, abs=0.03)
    assert reading.age_seconds < 3


async def test_no_traffic_is_zero_and_no_series_is_unknown(prometheus: Prometheus, exporter: Exporter) -> None:
    its = reader(prometheus, exporter)
    await until(lambda: its.read(time.time()))
    assert (await its.read(time.time())).total == 0
    nobody = ObjectiveReader(prometheus, OBJECTIVE, indicators.histogram("shop", "no_such_metric", False, {}, {}), LOOKBACK)
    with pytest.raises(SignalError) as raised:
        await nobody.read(time.time())
    assert raised.value.reason is NoValue.NO_SERIES


async def test_another_namespace_reads_nothing(prometheus: Prometheus, exporter: Exporter) -> None:
    await until(lambda: reader(prometheus, exporter).read(time.time()))
    other = ObjectiveReader(prometheus, OBJECTIVE, indicators.histogram("bank", exporter._name, False, {}, {}), LOOKBACK)
    with pytest.raises(SignalError) as raised:
        await other.read(time.time())
    assert raised.value.reason is NoValue.NO_SERIES


async def test_fast_errors_are_not_good(prometheus: Prometheus, exporter: Exporter) -> None:
    its = reader(prometheus, exporter, bad={"code": "5.."})
    exporter.requests(1, code="503")
    await until(lambda: its.read(time.time()))
    await asyncio.sleep(2)
    for _ in range(30):
        exporter.requests(5)
        exporter.requests(5, code="503")
        await asyncio.sleep(0.2)
    reading = await its.read(time.time())
    assert reading.good / reading.total == pytest.approx(0.5, abs=0.1)


async def test_a_restart_of_the_application_is_no_negative_count(prometheus: Prometheus, exporter: Exporter) -> None:
    its = reader(prometheus, exporter)
    exporter.requests(100_000)
    await until(lambda: its.read(time.time()))
    await asyncio.sleep(2)
    exporter.stop()
    exporter.start()
    exporter.requests(20)
    await asyncio.sleep(3)
    reading = await its.read(time.time())
    assert 0 <= reading.total < 100
    assert reading.slow == 0


async def test_a_silent_application_is_no_series(prometheus: Prometheus, exporter: Exporter) -> None:
    its = reader(prometheus, exporter)
    await until(lambda: its.read(time.time()))
    exporter.stop()

    async def gone() -> bool:
        try:
            await its.read(time.time())
        except SignalError as error:
            return error.reason in (NoValue.NO_SERIES, NoValue.STALE)
        return False

    await until(gone)


async def test_the_bucket_of_the_threshold_is_found_and_a_missing_one_named(prometheus: Prometheus, exporter: Exporter) -> None:
    its = reader(prometheus, exporter, threshold=0.3)
    await until(lambda: its.read(time.time()))
    assert its.query is not None
    assert its.query.threshold_used == 0.2
    assert "Add the bucket 0.3" in (its.query.hint or "")


async def test_several_series_and_bad_promql_are_said(prometheus: Prometheus, exporter: Exporter) -> None:
    exporter.requests(1, code="500")
    await until(lambda: reader(prometheus, exporter).read(time.time()))
    count = f"{exporter._name}_count"
    several = ObjectiveReader(prometheus, OBJECTIVE, lambda: indicators.promql(count, count, True), 10.0)
    await asyncio.sleep(11)  # two points of the subquery, 5 s apart and aligned to the clock
    with pytest.raises(SignalError, match="aggregate it") as raised:
        await several.read(time.time())
    assert raised.value.reason is NoValue.SEVERAL_SERIES
    with pytest.raises(SignalError, match="parse error") as raised:
        await prometheus.instant("sum(", time.time())
    assert raised.value.reason is NoValue.ERROR


async def test_free_expressions_count_as_histograms_do(prometheus: Prometheus, exporter: Exporter) -> None:
    name = exporter._name
    free = indicators.promql(f'sum({name}_bucket{{le="0.2"}})', f"sum({name}_count)", True)
    its = ObjectiveReader(prometheus, OBJECTIVE, lambda: free, 10.0)
    await until(lambda: reader(prometheus, exporter).read(time.time()))
    for _ in range(60):
        exporter.requests(4, 1)
        await asyncio.sleep(0.2)
    reading = await its.read(time.time())
    assert reading.slow / reading.total == pytest.approx(0.2, abs=0.05)


async def test_cells_are_read_back_after_a_restart_of_the_operator(prometheus: Prometheus, exporter: Exporter) -> None:
    its = reader(prometheus, exporter)
    await until(lambda: its.read(time.time()))
    now = time.time() % 60
    await asyncio.sleep(15 - now if now < 15 else 0)  # a cell with some samples must end soon
    await asyncio.sleep(20 if now > 50 else 0)
    for _ in range(math.ceil((60 - time.time() % 60) * 5)):
        exporter.requests(9, 1)
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)
    fresh = reader(prometheus, exporter)
    await fresh.read(time.time())
    cell = max((cell for cell in fresh.ledger.cells.values() if cell.start + 60 <= time.time()), key=lambda cell: cell.start)
    assert cell.slow / cell.total == pytest.approx(0.1, abs=0.03)


async def test_a_frozen_prometheus_times_out_and_a_dead_one_is_unreachable(server: Server, prometheus: Prometheus) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(SignalError, match="did not answer within 2 s") as raised:
            await prometheus.instant("vector(1)", time.time())
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert raised.value.reason is NoValue.UNREACHABLE
    async with aiohttp.ClientSession() as session:
        with pytest.raises(SignalError, match="cannot be reached") as raised:
            await Prometheus(f"http://127.0.0.1:{free_port()}", session).instant("vector(1)", time.time())
    assert raised.value.reason is NoValue.UNREACHABLE


async def test_a_long_range_is_asked_for_in_chunks(prometheus: Prometheus) -> None:
    queries = []
    prometheus.on_query = lambda seconds, outcome: queries.append(outcome)
    (series,) = await prometheus.range("vector(1)", 1_000_000.0, 1_000_000.0 + 999 * 60, 60)
    assert len(series.points) == 1000
    assert queries == ["ok"] * 3
