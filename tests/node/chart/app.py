"""A service with real CPU work per request and a latency histogram, for the chart's test; runs in Flyball's own image."""

from __future__ import annotations

import time

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest

WORK_SECONDS = 0.004
"""CPU time of a request: at 20 requests/s 0.08 cores, a twelfth of the limit that the test sets."""

latency = Histogram("http_request_duration_seconds", "Latency of requests", buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2))


async def work(_request: web.Request) -> web.Response:
    with latency.time():
        until = time.process_time() + WORK_SECONDS
        while time.process_time() < until:
            pass
    return web.Response(text="done\n")


async def metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.get("/", work), web.get("/metrics", metrics)])
    web.run_app(app, port=8080, print=None)
