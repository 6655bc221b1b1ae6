"""A load replayed as it was and as it goes on: a counter with two days of samples up to now, and a Prometheus that takes them in one scrape.

The rate is low but for the two hours of each day that begin at the same time of day as `rises`, which lies a little ahead of now: whoever knows
the two days knows what comes. Hours of history need no hours of waiting, since the samples carry their times.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tests.operator.process import free_port

DAY = 86_400
LOW, HIGH = 80.0, 430.0
NOISE = 0.1
"""Up to 473 with it: rate() may say some percent more, and five replicas still carry that."""
RAMP_SECONDS = 20
BUSY_SECONDS = 7200
HISTORY_SECONDS = 2 * DAY + 3600
EVERY_SECONDS = 25
"""Between samples of the past: rate() over a minute needs two."""


def rate(at: float, rises: float) -> float:
    """Requests a second at that time: each minute a tenth more or less than the hour has, as loads have it."""
    since = (at - rises) % DAY
    height = min(since, RAMP_SECONDS, max(0.0, BUSY_SECONDS - since)) / RAMP_SECONDS
    return (LOW + (HIGH - LOW) * height) * random.Random(at // 60).uniform(1 - NOISE, 1 + NOISE)


class Replay(Collector):
    """The counter `requests_total` of a namespace. The first scrape holds the past, each later one the sample of its moment."""

    def __init__(self, rises: float, namespace: str) -> None:
        self.rises = rises
        self._namespace = namespace
        self._last = float(math.floor(time.time())) - HISTORY_SECONDS
        self._count = 0.0

    def describe(self) -> list[Metric]:
        return []  # or registering would take the scrape that holds the past

    def collect(self) -> Iterator[Metric]:
        now = time.time()
        family = Metric("requests", "Requests served.", "counter")
        samples = []
        while True:
            until = min(now, self._last + EVERY_SECONDS)
            self._count += (until - self._last) * rate(self._last, self.rises)
            self._last = until
            samples.append((until, self._count))
            if until == now:
                break
        for at, count in samples:
            family.add_sample("requests_total", {"namespace": self._namespace}, count, timestamp=at)
        yield family


class Exporter:
    """Serves a replay on loopback until closed."""

    def __init__(self, replay: Replay) -> None:
        self.port = free_port()
        registry = CollectorRegistry()
        registry.register(replay)
        self._http, self._thread = start_http_server(self.port, "127.0.0.1", registry=registry)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
