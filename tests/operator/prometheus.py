"""A stand-in for Prometheus whose answers a test sets: so many requests a second, of which a share is slow, and so much CPU a workload.

It knows the shapes of queries that the operator sends; anything else is answered with an error. What real expressions mean is tested with
the real server (tests of signals, of the node tier, the demo).
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SCRAPE_SECONDS = 5.0
_QUESTION = re.compile(r'label_replace\((.*?), "question", "(\d+)", "", ""\)')


class Answers:
    """What is answered, as the test sets it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.rate = 50.0
        """Requests a second."""
        self.slow_share = 0.001
        self.cpu: dict[str, tuple[float, float, float]] = {}
        """Workload -> cores used, allocated, granted."""
        self.has_series = True
        self.demand = 100.0
        """Work a second, for PredictiveAutoscalers."""
        self.demand_then: Callable[[float], float] | None = None
        """Demand by time, for its history; None: there is none."""
        self.cores: float | None = None
        """CPU that the pods of a target use, by cAdvisor."""
        self.queries: list[str] = []

    def answer(self, endpoint: str, form: dict[str, str]) -> dict[str, Any]:
        query = form["query"]
        self.queries.append(query)
        times = [float(form["time"])] if endpoint == "query" else _grid(float(form["start"]), float(form["end"]), float(form["step"]))
        if endpoint == "query_range" and query.startswith("sum(rate("):
            points = [[at, str(self.demand_then(at))] for at in times] if self.demand_then else []
            return _success("matrix", [{"metric": {}, "values": points}] if points else [])
        series: list[tuple[dict[str, str], float]] | None
        if joined := _QUESTION.findall(query):
            answers = [(number, self._series(expression) or []) for expression, number in joined]
            series = [({**labels, "question": number}, value) for number, each in answers for labels, value in each]
        else:
            series = self._series(query)
        if series is None:
            return {"status": "error", "error": f"the stand-in does not know {query}"}
        if endpoint == "query":
            return _success("vector", [{"metric": labels, "value": [times[0], str(value)]} for labels, value in series])
        return _success("matrix", [{"metric": labels, "values": [[at, str(value)] for at in times]} for labels, value in series])

    def _series(self, query: str) -> list[tuple[dict[str, str], float]] | None:
        if "flyball_agent_" in query:
            names = ("used", "allocated", "granted")
            cpu = [
                ({"of": of, "workload": workload}, value) for workload, values in self.cpu.items() for of, value in zip(names, values, strict=True)
            ]
            return [
                *cpu,
                *(({"of": of, "workload": workload}, value) for workload in self.cpu for of, value in (("throttled", 0.1), ("periods", 10.0))),
            ]
        if "container_cpu_usage_seconds_total" in query:
            return [] if self.cores is None else [({}, self.cores)]
        if not self.has_series:
            return []
        if '"of", "rate"' in query:
            return [({"of": "rate"}, self.demand), ({"of": "newest"}, self._clock())]
        if query.startswith("count by (le)"):
            return [({"le": le}, 1.0) for le in ("0.1", "0.2", "+Inf")]
        if "max(timestamp(" in query:
            return [({"of": "newest"}, self._clock()), ({"of": "minute"}, 60 / SCRAPE_SECONDS), ({"of": "five"}, 300 / SCRAPE_SECONDS)]
        if window := re.search(r"increase\(.*?\[(\d+)s", query):
            total = self.rate * int(window[1])
            return [({"of": "good"}, total * (1 - self.slow_share)), ({"of": "total"}, total)]
        return None


class Prometheus(Answers):
    """Serves on loopback until `stop`; `start` serves again on the same port."""

    def __init__(self) -> None:
        super().__init__()
        self._port = 0
        self.instead: tuple[str, bytes] | None = None
        """Content type and body that are sent in place of any answer."""
        self.stalled = threading.Event()
        """Set: no answer comes until it is cleared; a server that is too slow."""
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        its = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                while its.stalled.is_set():
                    time.sleep(0.05)
                kind, body = its.instead or ("application/json", json.dumps(its.answer(self.path.rsplit("/", 1)[1], form)).encode())
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                with contextlib.suppress(OSError):  # whoever asked has given up meanwhile
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()


def _grid(start: float, end: float, step: float) -> list[float]:
    return [start + step * index for index in range(int((end - start) / step + 1e-9) + 1)] if end >= start else []


def _success(kind: str, result: list[Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}
