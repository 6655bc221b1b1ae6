"""The client while its server hangs, refuses or is slow for one query: who waits, who hears of it, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import aiohttp
import pytest

from flyball.signals import Joint, NoValue, Prometheus, Series, SignalError
from flyball.signals.outage import OUTAGE_SECONDS, Held
from flyball.signals.prometheus import PROBE, Unanswered
from tests.unit.faketime import clock, run

TIMEOUT = 10.0
ANSWER: dict[str, Any] = {"status": "success", "data": {"resultType": "vector", "result": []}}


class Server(Prometheus):
    """The client without the wire; queries that name what is in `hangs` are never answered, an empty name is in all of them."""

    def __init__(self) -> None:
        super().__init__("http://prometheus", cast(aiohttp.ClientSession, None), timeout_seconds=TIMEOUT, clock=clock)
        self.hangs: tuple[str, ...] = ()
        self.refuses = False
        self.sent: list[str] = []

    async def _post(self, endpoint: str, form: dict[str, str]) -> dict[str, Any]:
        query = form["query"]
        self.sent.append(query)
        if self.refuses:
            raise SignalError(NoValue.UNREACHABLE, "connection refused")
        if any(name in query for name in self.hangs):
            await asyncio.sleep(TIMEOUT)
            raise SignalError(NoValue.UNREACHABLE, "Prometheus did not answer within 10 s.")
        await asyncio.sleep(0.01)
        return ANSWER


Outcome = tuple[float, list[Series] | SignalError]


async def ask(server: Prometheus | Joint, query: str = "up") -> Outcome:
    """Seconds until the answer, and the answer."""
    began = clock()
    try:
        answer: list[Series] | SignalError = await server.instant(query, began)
    except SignalError as error:
        answer = error
    return clock() - began, answer


def scene(main: Callable[[Server], Awaitable[None]]) -> None:
    async def whole() -> None:
        await main(Server())

    run(cast(Coroutine[Any, Any, None], whole()))


def test_a_server_that_hangs_is_found_out_once_and_those_who_wait_for_their_turn_do_not_wait_out_their_own_timeouts() -> None:
    async def main(server: Server) -> None:
        server.hangs = ("",)
        outcomes = await asyncio.gather(*(ask(server) for _ in range(32)))
        assert max(seconds for seconds, _ in outcomes) < 12.1, "a look is over within a tick of 15 s"
        assert all(isinstance(answer, SignalError) and answer.reason is NoValue.UNREACHABLE for _, answer in outcomes)
        assert len([query for query in server.sent if query != PROBE]) == 4, "as many as may run at once"

    scene(main)


def test_an_outage_counts_from_when_it_was_found_out_and_not_from_when_the_query_began() -> None:
    async def main(server: Server) -> None:
        server.hangs = ("",)
        await ask(server)
        server.sent.clear()
        await asyncio.sleep(OUTAGE_SECONDS - 0.1)
        seconds, answer = await ask(server)
        assert (seconds, server.sent) == (0.0, [])
        assert isinstance(answer, Held)
        assert str(answer) == "Prometheus did not answer within 10 s."

    scene(main)


def test_whether_it_is_back_is_found_out_by_one_small_query_while_nobody_waits_for_a_large_one() -> None:
    async def main(server: Server) -> None:
        server.hangs = ("",)
        await ask(server)
        for _ in range(3):
            await asyncio.sleep(OUTAGE_SECONDS)
            server.sent.clear()
            outcomes = await asyncio.gather(*(ask(server) for _ in range(32)))
            assert server.sent == [PROBE]
            assert max(seconds for seconds, _ in outcomes) < 2.1
        server.hangs = ()
        await asyncio.sleep(OUTAGE_SECONDS)
        seconds, answer = await ask(server)
        assert answer == []
        assert seconds < 1
        assert (await ask(server))[1] == [], "and from then on as ever"

    scene(main)


def test_a_query_that_is_too_slow_is_its_own_objects_matter() -> None:
    async def main(server: Server) -> None:
        server.hangs = ("huge",)
        slow, *others = await asyncio.gather(ask(server, "huge"), *(ask(server) for _ in range(8)))
        assert isinstance(slow[1], Unanswered)
        assert slow[1].reason is NoValue.ERROR
        assert "did not answer within 10 s" in str(slow[1])
        assert all(answer == [] for _, answer in others)
        assert (await ask(server))[1] == []

    scene(main)


def test_of_questions_in_one_query_that_is_too_slow_none_is_asked_again_at_once() -> None:
    async def main(server: Server) -> None:
        server.hangs = ("huge",)
        joint = Joint(server, clock)
        outcomes = await asyncio.gather(*(ask(joint, query) for query in ("a", "huge", "b")))
        assert all(isinstance(answer, Unanswered) for _, answer in outcomes)
        assert len([query for query in server.sent if query != PROBE]) == 1
        outcomes = await asyncio.gather(*(ask(joint, query) for query in ("a", "huge", "b")))
        assert [isinstance(answer, Unanswered) for _, answer in outcomes] == [False, True, False]

    scene(main)


def test_questions_that_were_not_asked_are_not_taken_for_slow_ones() -> None:
    async def main(server: Server) -> None:
        joint = Joint(server, clock)
        server.refuses = True
        await ask(server)
        assert all(isinstance(answer, Held) for _, answer in await asyncio.gather(ask(joint, "a"), ask(joint, "b")))
        server.refuses = False
        await asyncio.sleep(OUTAGE_SECONDS)
        await ask(server)
        server.sent.clear()
        await asyncio.gather(ask(joint, "a"), ask(joint, "b"))
        assert len([query for query in server.sent if query != PROBE]) == 1, "together, as before"

    scene(main)


def test_a_refused_connection_is_an_outage_at_once() -> None:
    async def main(server: Server) -> None:
        server.refuses = True
        seconds, answer = await ask(server)
        assert seconds == 0
        assert isinstance(answer, SignalError) and not isinstance(answer, Held)
        server.refuses = False
        assert isinstance((await ask(server))[1], Held)

    scene(main)


def test_a_server_that_answers_the_small_query_with_an_error_is_there() -> None:
    class Faulty(Server):
        async def _post(self, endpoint: str, form: dict[str, str]) -> dict[str, Any]:
            if form["query"] == PROBE:
                raise SignalError(NoValue.ERROR, "503, and not as Prometheus does.")
            return await super()._post(endpoint, form)

    async def main() -> None:
        server = Faulty()
        server.hangs = ("huge",)
        assert isinstance((await ask(server, "huge"))[1], Unanswered)

    run(main())


def test_an_answer_that_comes_late_ends_what_another_query_took_for_an_outage() -> None:
    async def main(server: Server) -> None:
        class Slow(Server):
            async def _post(self, endpoint: str, form: dict[str, str]) -> dict[str, Any]:
                if form["query"] == "slow":
                    await asyncio.sleep(5)
                    return ANSWER
                raise SignalError(NoValue.UNREACHABLE, "connection refused")

        its = Slow()
        slow = asyncio.create_task(ask(its, "slow"))
        await asyncio.sleep(1)
        await ask(its)
        with pytest.raises(Held):
            await its.instant("up", 0.0)
        assert (await slow)[1] == []
        assert not isinstance((await ask(its))[1], Held)

    scene(main)
