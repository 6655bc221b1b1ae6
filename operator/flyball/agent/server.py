"""HTTP endpoints of the agent: /metrics, /healthz (the process lives and ticks), /readyz (ticks on time, caches filled once)."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

# A tick this many intervals ago is not on time; a healthy agent is late by a quarter at most.
READY_INTERVALS = 3.0
# The process hangs, or every tick fails: the kubelet is to restart it. Longer than any start (2 s) and any stop of the machine that people do
# (suspend).
HEALTHY_INTERVALS = 60.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """When the last tick that did not fail ended, on the monotonic clock."""

    def __init__(self, interval: float, synced: Callable[[], bool]) -> None:
        self.interval = interval
        self.synced = synced
        self.ticked = time.monotonic()

    def behind(self) -> float:
        """Intervals since the last tick that did not fail."""
        return (time.monotonic() - self.ticked) / self.interval


class Server:
    """Serves until `stop`."""

    def __init__(self, health: Health, collector: Collector) -> None:
        self._health = health
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self, host: str, port: int) -> int:
        """Listen; the port taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the listener."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE})

    async def _healthz(self, request: web.Request) -> web.Response:
        behind = self._health.behind()
        if behind > HEALTHY_INTERVALS:
            return web.Response(status=503, text=f"no tick for {behind * self._health.interval:.0f} s\n")
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        if not self._health.synced():
            return web.Response(status=503, text="pods, plans, namespaces or the Lease were not read yet\n")
        behind = self._health.behind()
        if behind > READY_INTERVALS:
            return web.Response(status=503, text=f"no tick for {behind * self._health.interval:.1f} s\n")
        return web.Response(text="ok\n")
