"""An application with histograms of every kind that signals meet, and a Prometheus that scrapes it every second."""

from __future__ import annotations

import itertools
import json
import math
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hack.cluster import tools
from hack.cluster.process import poll

BUCKETS = (0.1, 0.2, 0.5)
FAST, SLOW = 0.05, 0.3
RATE = 50
"""Requests a second to each histogram that has traffic."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class History(Collector):
    """A histogram that was scraped every `interval` seconds for `minutes` up to now; one request in ten is slow, and the first was long ago.

    A scrape of it holds all samples with their times, which Prometheus takes as they are.
    """

    def __init__(self, name: str, interval: int, minutes: int, rate: int = RATE) -> None:
        self._name, self._rate = name, rate
        end = math.floor(time.time())
        self._times = range(end - 60 * minutes, end + 1, interval)

    def collect(self) -> Iterator[Metric]:
        family = Metric(self._name, "Latency.", "histogram")
        for at in self._times:
            requests = (at - self._times.start) * self._rate
            for le, count in (("0.2", requests * 0.9), ("+Inf", requests)):
                family.add_sample(f"{self._name}_bucket", {"namespace": "shop", "le": le}, count, timestamp=at)
            family.add_sample(f"{self._name}_count", {"namespace": "shop"}, requests, timestamp=at)
        yield family


class Rollout(Collector):
    """A histogram of two versions over ten minutes, scraped every 15 s: the second, with a bucket more, took over `ago` seconds before now.

    Of ten requests nine take less than .1 s, and one between .2 and .25 s. For a minute both run, as in a rollout; after more
    than five Prometheus does not see the first any more.
    """

    def __init__(self, name: str, ago: int) -> None:
        self._name = name
        end = math.floor(time.time())
        self._spans = {
            "old": (range(end - 600, end - ago + 61, 15), ("0.1", "0.25")),
            "new": (range(end - ago, end + 1, 15), ("0.1", "0.2", "0.25")),
        }

    def collect(self) -> Iterator[Metric]:
        family = Metric(self._name, "Latency.", "histogram")
        for pod, (times, bounds) in self._spans.items():
            for at in times:
                requests = (at - times.start) * RATE
                for le in (*bounds, "+Inf"):
                    count = requests if float(le) > 0.2 else requests * 0.9
                    family.add_sample(f"{self._name}_bucket", {"namespace": "shop", "pod": pod, "le": le}, count, timestamp=at)
                family.add_sample(f"{self._name}_count", {"namespace": "shop", "pod": pod}, requests, timestamp=at)
        yield family


AGENT_RATES = {"usage_core_seconds": 0.2, "quota_core_seconds": 0.5, "grant_core_seconds": 1.0, "throttled_periods": 0.3, "wall_periods": 10.0}
"""What each of two agents counts a second."""


class Agents(Collector):
    """Counters of the agents of two nodes over the last five minutes, scraped every 15 s; the agent of `node-a` is scraped twice."""

    def __init__(self) -> None:
        self.end = math.floor(time.time())

    def collect(self) -> Iterator[Metric]:
        of = {"slo_namespace": "shop", "slo": "shop", "workload": "Deployment/cart", "group": "low"}
        others = {**of, "slo_namespace": "bank"}
        scraped = [{**of, "node": node, "instance": instance} for node, instance in (("node-a", "1"), ("node-a", "2"), ("node-b", "3"))]
        for name, rate in AGENT_RATES.items():
            family = Metric(f"flyball_agent_{name}", "Counter.", "counter")
            for labels, age in itertools.product([*scraped, {**others, "node": "node-b", "instance": "3"}], range(300, -1, -15)):
                family.add_sample(f"flyball_agent_{name}_total", labels, (300 - age) * rate, timestamp=self.end - age)
            yield family


class Shop:
    """The application. `steady`: one request in ten is slow. `failing`: half of them are fast errors. `idle`, `leaving`, `restarting`: no traffic."""

    def __init__(self) -> None:
        self.port = free_port()
        self._registry = CollectorRegistry()
        self._registry.register(History("scraped_15s", 15, 10))
        self._registry.register(History("scraped_60s", 60, 10))
        self._registry.register(Rollout("rebucketed", ago=400))
        self.agents = Agents()
        self._registry.register(self.agents)
        self._known: dict[str, Histogram] = {}
        for name in ("steady", "failing", "idle", "leaving", "restarting"):
            self.start(name)
        self.observe("restarting", FAST, 100_000)
        self._http, self._thread = start_http_server(self.port, "127.0.0.1", registry=self._registry)
        self._stopping = threading.Event()
        self._traffic = threading.Thread(target=self._drive, daemon=True)
        self._traffic.start()

    def start(self, name: str) -> None:
        """A histogram at zero, as a process that has just started."""
        self._known[name] = Histogram(name, "Latency.", ("namespace", "code"), registry=self._registry, buckets=BUCKETS)
        self._known[name].labels("shop", "200")

    def leave(self, name: str) -> None:
        """The process is gone."""
        self._registry.unregister(self._known.pop(name))

    def observe(self, name: str, latency: float, times: int = 1, code: str = "200") -> None:
        child = self._known[name].labels("shop", code)
        for _ in range(times):
            child.observe(latency)

    def close(self) -> None:
        self._stopping.set()
        self._traffic.join()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _drive(self) -> None:
        started = time.monotonic()
        for number in itertools.count():
            if self._stopping.wait(max(0.0, started + number / RATE - time.monotonic())):
                return
            self.observe("steady", SLOW if number % 10 == 0 else FAST)
            self.observe("failing", FAST, code="503" if number % 2 else "200")


class Server:
    """Prometheus on loopback, which can be stopped and started again over the same data."""

    def __init__(self, folder: Path, target_port: int, interval: str = "1s") -> None:
        self._folder, self._port = folder, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        target = {"job_name": "shop", "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{target_port}"]}]}
        settings = {"global": {"scrape_interval": interval, "scrape_timeout": interval}, "scrape_configs": [target]}
        (folder / "prometheus.yaml").write_text(json.dumps(settings))
        self.start()

    def start(self) -> None:
        command = [str(tools.path("prometheus")), f"--config.file={self._folder}/prometheus.yaml", f"--storage.tsdb.path={self._folder}/data"]
        command += [f"--web.listen-address=127.0.0.1:{self._port}", "--log.level=error"]
        self.process = subprocess.Popen(command, cwd=self._folder)
        assert poll(self._ready, 30)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False
