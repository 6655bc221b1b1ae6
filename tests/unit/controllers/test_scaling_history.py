"""The decision record of a PredictiveAutoscaler: what is news, and what is the same again."""

from __future__ import annotations

from dataclasses import dataclass, field

from flyball.controllers.predictiveautoscaler.decisions import REPEAT_SECONDS, History
from flyball.replicas import Decision, Reason


def decided(replicas: int, reason: Reason = Reason.DEMAND) -> Decision:
    return Decision(replicas, replicas, replicas, None, (reason,), f"{reason.value} it is.")


@dataclass
class Watched:
    """A record, look by look."""

    history: History = field(default_factory=History)
    now: float = 1_000_000.0
    news: int = 0

    def look(self, replicas: int, current: int, reason: Reason = Reason.DEMAND, *, moved: bool = False, passed: float = 15.0) -> bool:
        self.now += passed
        self.history, news = self.history.add(decided(replicas, reason), current, self.now, "2026-11-21T06:00:00Z", 60.0, "450", None, moved=moved)
        self.news += news
        return news

    @property
    def told(self) -> list[tuple[int, int, str]]:
        return [(its.previous, its.replicas, its.reason) for its in self.history.records]


def test_what_would_be_done_at_each_look_is_told_once() -> None:
    its = Watched()
    for _ in range(1000):
        its.look(5, 2)
    assert its.told == [(2, 5, "Demand")]


def test_reasons_that_come_and_go_are_no_news() -> None:
    its = Watched()
    for reason in (Reason.DEMAND, Reason.FORECAST, Reason.TOLERANCE, Reason.DEMAND):
        its.look(5, 2, reason)
    assert its.told == [(2, 5, "Demand")]
    its.look(5, 2, Reason.SATURATED)
    assert its.told[-1] == (2, 5, "Saturated")


def test_a_demand_that_turns_between_two_numbers_is_told_twice_and_not_at_each_look() -> None:
    its = Watched()
    for look in range(1000):
        its.look(5 + look % 2, 2)
    assert its.told == [(2, 5, "Demand"), (2, 6, "Demand")]


def test_another_number_or_another_start_is_news() -> None:
    its = Watched()
    assert [its.look(5, 2), its.look(6, 2), its.look(6, 3)] == [True, True, True]


def test_what_is_done_is_told_however_often() -> None:
    its = Watched()
    assert [its.look(5, 2, moved=True) for _ in range(3)] == [True] * 3


def test_the_same_rise_of_the_next_day_is_another_one() -> None:
    its = Watched()
    its.look(5, 2)
    its.look(2, 2)
    assert not its.look(5, 2, passed=REPEAT_SECONDS - 15)
    assert not its.look(5, 2, passed=REPEAT_SECONDS)
    assert its.look(5, 2, passed=REPEAT_SECONDS + 1)


def test_a_restart_does_not_tell_again_what_goes_on() -> None:
    its = Watched()
    its.look(5, 2)
    its.history = History.restored(its.history.records)
    assert not its.look(5, 2)
    assert its.look(5, 2, passed=REPEAT_SECONDS + 1)


def test_what_was_seen_later_stands_beside_a_decision_that_goes_on() -> None:
    its = Watched()
    its.look(5, 2)
    its.history = its.history.observe(its.now + 60, 2, "460")
    assert its.history.records[0].observed == "2 replicas are ready, 460 a second are served."
    assert not its.look(5, 2, passed=60)
