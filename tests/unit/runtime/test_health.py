"""Endpoints: health is about work that gets done."""

from __future__ import annotations

import asyncio

import aiohttp
from prometheus_client import CollectorRegistry, Counter

from flyball.runtime.health import LAG_SECONDS, Health, serve


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def ask(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/{path}") as answer:
        return answer.status, await answer.text()


async def test_the_endpoints_answer_as_the_checks_say() -> None:
    registry = CollectorRegistry()
    Counter("flyball_things", "Things", registry=registry).inc(3)
    health = Health(Clock())
    runner, port = await serve(health, registry, "127.0.0.1", 0)
    try:
        assert await ask(port, "healthz") == (200, "ok\n")
        assert await ask(port, "readyz") == (503, "starting\n")
        health.ready = lambda: None
        assert await ask(port, "readyz") == (200, "ok\n")
        health.alive = lambda: "a look hangs"
        assert await ask(port, "healthz") == (503, "a look hangs\n")
        assert await ask(port, "readyz") == (503, "a look hangs\n")
        status, text = await ask(port, "metrics")
        assert status == 200
        assert "flyball_things_total 3.0" in text
    finally:
        await runner.cleanup()


async def test_a_loop_that_does_not_turn_is_unhealthy() -> None:
    clock = Clock()
    health = Health(clock)
    clock.now += LAG_SECONDS + 1
    assert health.unhealthy() == "the event loop has not turned for 6 s"
    beat = asyncio.create_task(health.beat())
    await asyncio.sleep(0)
    assert health.unhealthy() is None
    beat.cancel()


async def test_a_page_of_metrics_may_be_asked_for_by_name() -> None:
    registry = CollectorRegistry()
    for name in ("flyball_things", "flyball_others"):
        Counter(name, "Things", registry=registry).inc(3)
    runner, port = await serve(Health(Clock()), registry, "127.0.0.1", 0)
    try:
        status, text = await ask(port, "metrics?name[]=flyball_things_total")
        assert status == 200
        assert "flyball_things_total 3.0" in text
        assert "others" not in text
    finally:
        await runner.cleanup()
