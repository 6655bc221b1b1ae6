"""Client of Prometheus' HTTP API: instant and range queries, bounded in time and number.

Every failure becomes a SignalError with a reason: the loop holds, and says so; it never guesses. A query without an answer is held against one that
costs the server nothing: where that is answered the query is to blame, and nobody else hears of it; where it is not, Prometheus is away, and for
ten seconds all queries are told so at once, those that wait for their turn included. Then the small query finds out alone whether it is back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from flyball.signals.answers import NoValue, Series, SignalError, parse
from flyball.signals.outage import Outage

MAX_POINTS = 360
"""Points of one range query: Prometheus refuses beyond 11,000, and a query this small is over in milliseconds."""

PROBE = "vector(1)"
"""Reads no series."""
PROBE_SECONDS = 2.0
"""A server that needs longer for it serves nobody."""


class Unanswered(SignalError):
    """Prometheus answers others, and this query it did not."""


class Prometheus:
    """Queries against one server. At most `concurrency` run at once, and each ends within `timeout_seconds` and what the small query takes."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        *,
        timeout_seconds: float = 10.0,
        concurrency: int = 4,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._slots = asyncio.Semaphore(concurrency)
        self._outage = Outage(clock)
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
        async with self._slots:
            self._outage.raise_if_on()  # here, since it may be found out while this query waits for its turn
            started, outcome = time.monotonic(), "ok"
            try:
                # The server gives up when we do, so that a slow query does not go on there.
                return parse(await self._send(endpoint, {**form, "timeout": f"{self._timeout_seconds:g}s"}))
            except SignalError as error:
                outcome = error.reason.value
                raise
            finally:
                self.on_query(time.monotonic() - started, outcome)

    async def _send(self, endpoint: str, form: dict[str, str]) -> dict[str, Any]:
        """The body of the answer. Raises SignalError; Unanswered where that says nothing about others' queries."""
        if self._outage.message is not None:
            self._outage.begin(self._outage.message)  # whoever asks meanwhile is told what was known
            if await self._alive():
                self._outage.end()
            self._outage.raise_if_on()
        try:
            body = await self._post(endpoint, form)
        except SignalError as error:
            if error.reason is not NoValue.UNREACHABLE:
                raise
            if await self._alive():
                raise Unanswered(NoValue.ERROR, f"{error} It answers others: does this query read too much?") from error
            self._outage.begin(str(error))
            raise
        self._outage.end()
        return body

    async def _alive(self) -> bool:
        """Whether there is a server that answers the small query, be it with an error."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._post("query", {"query": PROBE, "time": f"{time.time():.3f}"})
        except TimeoutError:
            return False
        except SignalError as error:
            return error.reason is not NoValue.UNREACHABLE
        return True

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
