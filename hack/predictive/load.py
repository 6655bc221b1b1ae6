"""Sends the pattern's requests to a service, open loop: arrivals do not wait for answers. A thread of its own, up to some hundred a second."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

TIMEOUT_SECONDS = 5.0
LEAST_RATE = 0.01


@dataclass(frozen=True, slots=True)
class Request:
    """One request and what became of it."""

    sent: float
    """Unix seconds."""
    seconds: float
    ok: bool


class Load:
    """A load under way; `requests` grows as answers come."""

    def __init__(self, url: str, rate: Callable[[float], float], seed: int = 1) -> None:
        """`rate`: requests a second at a time (Unix seconds)."""
        self.requests: list[Request] = []
        self._url, self._rate, self._noise = url, rate, random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send no more; returns when the last answer has come."""
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        # A connection a request: kept ones would stay with the pods that were there first.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        open_requests: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            due = time.time()
            while not self._stop.is_set():
                due += self._noise.expovariate(max(LEAST_RATE, self._rate(due)))
                await asyncio.sleep(max(0.0, due - time.time()))
                task = asyncio.create_task(self._send(session))
                open_requests.add(task)
                task.add_done_callback(open_requests.discard)
            await asyncio.gather(*open_requests)

    async def _send(self, session: aiohttp.ClientSession) -> None:
        sent, begun, ok = time.time(), time.monotonic(), False
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with session.get(self._url) as answer:
                await answer.read()
                ok = answer.status == 200
        self.requests.append(Request(sent, time.monotonic() - begun, ok))
