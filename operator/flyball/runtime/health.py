"""/healthz, /readyz and /metrics. Health is about work that gets done, not about a process that exists."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

LAG_SECONDS = 5.0
"""The event loop may be this late; beyond, something blocks it and a restart is the cure."""


class Health:
    """What the endpoints answer from."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat = clock()
        self.ready: Callable[[], str | None] = lambda: "starting"
        """Why the operator is not ready, or None."""
        self.alive: Callable[[], str | None] = lambda: None
        """Why the operator should be restarted, or None."""

    async def beat(self) -> None:
        """Runs for ever; measures that the loop turns."""
        while True:
            self._beat = self._clock()
            await asyncio.sleep(1)

    def unhealthy(self) -> str | None:
        lag = self._clock() - self._beat
        return f"the event loop has not turned for {lag:.0f} s" if lag > LAG_SECONDS else self.alive()


async def serve(health: Health, registry: CollectorRegistry, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Start the endpoints; returns the runner (clean it up at the end) and the port in use."""

    def answer(problem: str | None) -> web.Response:
        return web.Response(text=f"{problem or 'ok'}\n", status=503 if problem else 200)

    async def healthz(_: web.Request) -> web.Response:
        return answer(health.unhealthy())

    async def readyz(_: web.Request) -> web.Response:
        return answer(health.unhealthy() or health.ready())

    async def metrics(request: web.Request) -> web.Response:
        names = request.query.getall("name[]", [])  # these alone, as other Prometheus clients have it
        # In a thread: a page of a thousand objects takes longer than the loop may be held up.
        page = await asyncio.to_thread(generate_latest, registry.restricted_registry(names) if names else registry)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return runner, int(runner.addresses[0][1])
