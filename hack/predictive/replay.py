"""A past for a Prometheus that has just started: an exporter whose samples carry the times of earlier days.

Prometheus takes them because its configuration allows samples out of order (`Cluster.prometheus(history_days=...)`); on a cluster of your own that
is `storage: {tsdb: {out_of_order_time_window: 8d}}`. Prometheus keeps them until its retention, six hours here, catches up with them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hack.cluster import ClusterError, Prometheus
from hack.cluster.monitoring import query
from hack.cluster.process import poll

TAKEN_SECONDS = 60.0
"""A few scrapes; each takes the whole past."""


class Exposition:
    """A page of metrics for Prometheus; `text` makes it anew at each scrape. Whoever made it closes it."""

    def __init__(self, host: str, text: Callable[[], bytes]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = text()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.address = f"{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def backfill(prometheus: Prometheus, host_ip: str, texts: Sequence[str], metric: str, hours: int, others: dict[str, Sequence[str]]) -> None:
    """Have Prometheus scrape `texts` once, `others` beside and after it. Raises ClusterError when the past is not there within a minute."""
    text = "".join(texts).encode()
    wanted = text.count(b"\n") - text.count(b"#")
    page = Exposition(host_ip, lambda: text)

    def there() -> bool:
        answer = query(prometheus.url, f"sum(count_over_time({metric}[{hours}h]))")
        return bool(answer) and float(_value(answer[0])) >= wanted

    try:
        prometheus.targets({**others, "past": [page.address]})
        if not poll(there, TAKEN_SECONDS, step=0.5):
            raise ClusterError(f"Prometheus did not take the past of {metric} within {TAKEN_SECONDS:.0f} s.")
    finally:
        prometheus.targets(others)
        page.close()


def _value(series: dict[str, object]) -> str:
    pair = series["value"]
    assert isinstance(pair, list)
    return str(pair[1])
