"""Questions of many objects in one query: each asker is told what it would have been told alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import pytest

from flyball.signals import Joint, NoValue, Prometheus, Series, SignalError
from flyball.signals.joint import APART_SECONDS, SLOW_SECONDS, TOGETHER, join

NOW = 1_800_000_000.0
_TERM = re.compile(r'label_replace\(([^,]*), "question", "(\d+)", "", ""\)')


class Server(Prometheus):
    """Answers expressions by name; a term that is broken breaks its whole query, as in the real one."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self.values = values
        self.queries: list[str] = []
        self.away = False
        self.now = 0.0
        self.takes = 0.0

    async def instant(self, expression: str, at: float) -> list[Series]:
        self.queries.append(expression)
        await asyncio.sleep(0)
        self.now += self.takes
        if self.away:
            raise SignalError(NoValue.UNREACHABLE, "Prometheus is away.")
        if "broken" in expression:
            raise SignalError(NoValue.ERROR, "Prometheus refused the query.")
        terms = _TERM.findall(expression)
        numbered = [(name, {"question": number}) for name, number in terms] if terms else [(expression, {})]
        return [Series({"of": "rate", **labels}, ((at, self.values[name]),)) for name, labels in numbered if name in self.values]


class Scene:
    def __init__(self, **values: float) -> None:
        self.server = Server(values)
        self.joint = Joint(self.server, lambda: self.server.now)

    def ask(self, *expressions: str) -> list[list[Series] | BaseException]:
        async def main() -> list[list[Series] | BaseException]:
            return await asyncio.gather(*(self.joint.instant(its, NOW) for its in expressions), return_exceptions=True)

        self.server.queries.clear()
        return asyncio.run(main())


def alone(value: float) -> list[Series]:
    return [Series({"of": "rate"}, ((NOW, value),))]


def test_what_is_asked_at_the_same_time_is_one_query_and_each_gets_its_own_answer() -> None:
    scene = Scene(a=1.0, b=2.0)
    assert scene.ask("a", "nothing", "b") == [alone(1.0), [], alone(2.0)]
    assert len(scene.server.queries) == 1


def test_the_same_question_is_asked_once_for_all_who_ask_it() -> None:
    scene = Scene(a=1.0)
    assert scene.ask("a", "a") == [alone(1.0), alone(1.0)]
    assert scene.server.queries == ["a"]


def test_one_question_is_sent_as_it_is() -> None:
    scene = Scene(a=1.0)
    scene.ask("a")
    assert scene.server.queries == ["a"]


def test_more_questions_than_fit_make_more_queries() -> None:
    names = [f"q{number}" for number in range(2 * TOGETHER + 1)]
    scene = Scene(**{name: float(number) for number, name in enumerate(names)})
    assert scene.ask(*names) == [alone(float(number)) for number in range(len(names))]
    assert len(scene.server.queries) == 3


def test_a_question_that_breaks_the_query_takes_nobody_along_and_is_asked_apart_from_then_on() -> None:
    scene = Scene(a=1.0, b=2.0)
    first, broken, last = scene.ask("a", "broken", "b")
    assert (first, last) == (alone(1.0), alone(2.0))
    assert isinstance(broken, SignalError) and broken.reason is NoValue.ERROR
    assert len(scene.server.queries) == 4, "all together, and then each"
    scene.ask("a", "broken", "b")
    assert len(scene.server.queries) == 2, "the sound ones are together again"
    scene.server.now += APART_SECONDS
    scene.ask("a", "broken", "b")
    assert len(scene.server.queries) == 4, "and after a while the other is given a chance"


def test_a_question_that_is_slow_by_itself_stays_apart() -> None:
    scene = Scene(a=1.0, b=2.0)
    scene.server.away = True
    scene.ask("a", "b")
    scene.server.away, scene.server.takes = False, SLOW_SECONDS * 1.1
    scene.ask("a", "b")
    scene.server.takes = 0.0
    scene.ask("a", "b")
    assert len(scene.server.queries) == 2
    scene.ask("a", "b")
    assert len(scene.server.queries) == 1, "it was quick"


def test_when_prometheus_is_away_all_hear_of_it_from_one_query() -> None:
    scene = Scene(a=1.0)
    scene.server.away = True
    answers = scene.ask("a", "b", "c")
    assert all(isinstance(its, SignalError) and its.reason is NoValue.UNREACHABLE for its in answers)
    assert len(scene.server.queries) == 1


def test_an_answer_to_nobodys_question_is_no_answer() -> None:
    class Garbage(Server):
        async def instant(self, expression: str, at: float) -> list[Series]:
            self.queries.append(expression)
            return [Series({"question": "77"}, ((at, 1.0),))]

    scene = Scene()
    scene.joint = Joint(Garbage({}))
    assert scene.ask("a", "b") == [[Series({"question": "77"}, ((NOW, 1.0),))]] * 2, "as each would have been told alone"


def test_a_fault_of_our_own_reaches_those_who_ask_and_leaves_nobody_waiting() -> None:
    class Faulty(Server):
        async def instant(self, expression: str, at: float) -> list[Series]:
            raise RuntimeError("a defect")

    scene = Scene()
    scene.joint = Joint(Faulty({}))
    assert [str(its) for its in scene.ask("a", "b")] == ["a defect"] * 2


def test_a_look_that_is_cancelled_leaves_the_others_their_answers() -> None:
    scene = Scene(a=1.0, b=2.0)

    async def main() -> list[Series]:
        given_up = asyncio.create_task(scene.joint.instant("a", NOW))
        other = asyncio.create_task(scene.joint.instant("b", NOW))
        await asyncio.sleep(0)
        given_up.cancel()
        return await other

    assert asyncio.run(main()) == alone(2.0)


@pytest.mark.parametrize("count", [2, 3, 32])
def test_terms_are_nested_no_deeper_than_halving_makes_them(count: int) -> None:
    text = join([f"q{number}" for number in range(count)])
    assert [name for name, _ in _TERM.findall(text)] == [f"q{number}" for number in range(count)]
    depth = max(len(before) - len(before.lstrip("(")) for before in re.split("label_replace", text))
    assert 2**depth < 2 * count
