"""Client of Prometheus' HTTP API: instant and range queries, bounded in time and number.

Every failure becomes a SignalError with a reason: the loop holds, and says so; it never guesses.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from flyball.signals.answers import NoValue, Series, SignalError, parse

MAX_POINTS = 360
"""Points of one range query: Prometheus refuses beyond 11,000, and a query this small is over in milliseconds."""


class Prometheus:
    """Queries against one server. At most `concurrency` run at once, and each ends within `timeout_seconds`."""

    def __init__(self, url: str, session: aiohttp.ClientSession, *, timeout_seconds: float = 10.0, concurrency: int = 4) -> None:
        self._url = url.rstrip("/")
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._slots = asyncio.Semaphore(concurrency)
        self.on_query: Callable[[float, str], None] = lambda seconds, outcome: None
        """Called after each query with its duration and `ok` or the reason of its failure."""

    async def instant(self, expression: str, at: float) -> list[Series]:
        """The series at a time (Unix seconds)."""
        return await self._ask("query", {"query": expression, "time": f"{at:.3f}"})

    async def range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """The series from `start` to `end`, both included, in chunks of at most MAX_POINTS points, one after another."""
        merged: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        while start <= end:
            last = min(end, start + (MAX_POINTS - 1) * step)
            window = {"query": expression, "start": f"{start:.3f}", "end": f"{last:.3f}", "step": f"{step:.3f}"}
            for series in await self._ask("query_range", window):
                merged.setdefault(tuple(sorted(series.labels.items())), []).extend(series.points)
            start = last + step
        return [Series(dict(labels), tuple(points)) for labels, points in merged.items()]

    async def _ask(self, endpoint: str, form: dict[str, str]) -> list[Series]:
        started, outcome = time.monotonic(), "ok"
        try:
            async with self._slots:
                # The server gives up when we do, so that a slow query does not go on there.
                return parse(await self._post(endpoint, {**form, "timeout": f"{self._timeout_seconds:g}s"}))
        except SignalError as error:
            outcome = error.reason.value
            raise
        finally:
            self.on_query(time.monotonic() - started, outcome)

    async def _post(self, endpoint: str, form: dict[str, str]) -> dict[str, Any]:
        try:
            async with self._session.post(f"{self._url}/api/v1/{endpoint}", data=form, timeout=self._timeout) as answer:
                if answer.content_type != "application/json":
                    raise SignalError(NoValue.ERROR, f"{self._url} answered {answer.status} {answer.reason}, and not as Prometheus does.")
                body = await answer.json()
        except TimeoutError as error:
            raise SignalError(NoValue.UNREACHABLE, f"Prometheus at {self._url} did not answer within {self._timeout_seconds:g} s.") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SignalError(NoValue.UNREACHABLE, f"Prometheus at {self._url} cannot be reached: {error}") from error
        if not isinstance(body, dict):
            raise SignalError(NoValue.ERROR, f"{self._url} answered {answer.status}, and not as Prometheus does.")
        return body
