"""Asks Prometheus the questions of many objects in one query; whoever asks sees an answer as if it had asked alone.

Sits between the controllers' looks and the client. Looks that run side by side ask in the same turn of the event loop; their expressions become the
terms of one, each marked with its number, since a query costs client and server more than its expression does. For expressions that this operator
made itself: what a user wrote may be anything, and is sent as it was written.

A question that makes others fail must not do so twice: after a query that failed all its questions are asked apart, and each comes back when it has
been answered quickly by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from flyball.signals.answers import NoValue, Series, SignalError
from flyball.signals.outage import Held
from flyball.signals.prometheus import Prometheus, Unanswered

TOGETHER = 32
"""Questions in one query: Prometheus looks up their series one after the other; with more there is little of a query's own cost left to share."""
SLOW_SECONDS = 1.0
"""An answer that took longer is not quick: as many of these as there may be in one query would come near its time limit (10 s)."""
APART_SECONDS = 600.0
"""A question is asked apart for so long at most."""
_NUMBER = "question"
_Waiting = asyncio.Future[list[Series]]


class Asked(Protocol):
    """Whoever answers questions: the client, or this in front of it."""

    async def instant(self, expression: str, at: float) -> list[Series]: ...


class Joint:
    """Joins questions that are asked at the same time."""

    def __init__(self, prometheus: Prometheus, clock: Callable[[], float] = time.monotonic) -> None:
        self._prometheus = prometheus
        self._clock = clock
        self._asked: dict[str, list[_Waiting]] = {}
        """Expression -> who waits for its answer; two objects may ask the same."""
        self._at = 0.0
        self._apart: dict[str, float] = {}
        """Expression -> until when it is asked by itself."""
        self._sent: set[asyncio.Task[None]] = set()

    async def instant(self, expression: str, at: float) -> list[Series]:
        """The series of an expression at a time, or at that of another that is asked in the same turn. Raises SignalError."""
        if self._clock() < self._apart.get(expression, 0.0):
            return await self._by_itself(expression, at)
        loop = asyncio.get_running_loop()
        answer: _Waiting = loop.create_future()
        if not self._asked:
            loop.call_soon(self._send)
        self._asked.setdefault(expression, []).append(answer)
        self._at = at
        return await answer

    def _send(self) -> None:
        asked, self._asked = list(self._asked.items()), {}
        for first in range(0, len(asked), TOGETHER):
            task = asyncio.create_task(self._ask(dict(asked[first : first + TOGETHER]), self._at))
            self._sent.add(task)
            task.add_done_callback(self._sent.discard)

    async def _ask(self, asked: dict[str, list[_Waiting]], at: float) -> None:
        answers: Sequence[list[Series] | Exception]
        try:
            answers = await self._answers(list(asked), at)
        except Exception as error:  # a task's edge: whoever asked hears of it, and nobody waits for ever
            answers = [error for _ in asked]
        for waiting, answer in zip(asked.values(), answers, strict=True):
            for its in waiting:
                if its.done():
                    continue  # its look was cancelled
                if isinstance(answer, Exception):
                    its.set_exception(answer)
                else:
                    its.set_result(answer)

    async def _answers(self, expressions: Sequence[str], at: float) -> list[list[Series] | SignalError]:
        """What each expression's asker is to be told."""
        try:
            return [*await self._together(expressions, at)]
        except Held as error:
            return [error for _ in expressions]  # it was not asked, so that none of them is to blame
        except SignalError as error:
            self._part(expressions)
            if isinstance(error, Unanswered) or error.reason is NoValue.UNREACHABLE or len(expressions) == 1:
                return [error for _ in expressions]
            return await asyncio.gather(*(self._retold(expression, at) for expression in expressions))

    async def _together(self, expressions: Sequence[str], at: float) -> list[list[Series]]:
        if len(expressions) == 1:
            return [await self._prometheus.instant(expressions[0], at)]
        answers: list[list[Series]] = [[] for _ in expressions]
        for series in await self._prometheus.instant(join(expressions), at):
            labels = dict(series.labels)
            try:
                answers[int(labels.pop(_NUMBER))].append(Series(labels, series.points))
            except (KeyError, ValueError, IndexError) as error:
                raise SignalError(NoValue.ERROR, f"Prometheus answered a question that was not asked: {series.labels}.") from error
        return answers

    async def _retold(self, expression: str, at: float) -> list[Series] | SignalError:
        try:
            return await self._by_itself(expression, at)
        except SignalError as error:
            return error

    async def _by_itself(self, expression: str, at: float) -> list[Series]:
        began = self._clock()
        series = await self._prometheus.instant(expression, at)
        if self._clock() - began <= SLOW_SECONDS:
            self._apart.pop(expression, None)
        return series

    def _part(self, expressions: Sequence[str]) -> None:
        now = self._clock()
        self._apart = {expression: until for expression, until in self._apart.items() if until > now}
        self._apart |= dict.fromkeys(expressions, now + APART_SECONDS)


def join(expressions: Sequence[str]) -> str:
    """One expression of all, each term with its number; halved again and again, since `a or b or c` compares each term with all before it. Pure."""
    return _joined([f'label_replace({expression}, "{_NUMBER}", "{number}", "", "")' for number, expression in enumerate(expressions)])


def _joined(terms: Sequence[str]) -> str:
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"({_joined(terms[:half])} or {_joined(terms[half:])})"
