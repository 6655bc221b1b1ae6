"""Passes: what freshness of the plans and health of the process are judged by."""

from __future__ import annotations

from flyball.runtime.passes import HANGING_SECONDS, Passes

A, B = ("shop", "a"), ("shop", "b")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def looked(passes: Passes, *keys: tuple[str, str], whole: bool = True) -> None:
    for key in keys:
        passes.begin(key)
        passes.end(key, whole=whole)


def test_a_pass_is_whole_when_every_object_was_looked_at_in_time() -> None:
    clock = Clock()
    passes = Passes(clock)
    looked(passes, A, B)
    clock.now += 29
    assert passes.late([A, B], 30) is None
    clock.now += 2
    assert passes.late([A, B], 30) == "shop/a was last looked at 31 s ago"


def test_no_objects_are_a_whole_pass() -> None:
    assert Passes(Clock()).late([], 30) is None


def test_a_new_object_makes_the_pass_late_at_once_and_the_leader_unready_only_after_a_while() -> None:
    clock = Clock()
    passes = Passes(clock)
    assert passes.late([A], 30) == "shop/a has not been looked at yet"
    assert passes.overdue([A], 60) is None
    clock.now += 61
    assert passes.overdue([A], 60) == "shop/a was last looked at 61 s ago"


def test_a_look_that_did_not_come_to_its_end_does_not_count() -> None:
    passes = Passes(Clock())
    looked(passes, A, whole=False)
    assert passes.late([A], 30)


def test_an_object_that_went_and_came_again_begins_anew() -> None:
    clock = Clock()
    passes = Passes(clock)
    looked(passes, A)
    assert passes.late([], 30) is None
    assert passes.late([A], 30) == "shop/a has not been looked at yet"


def test_a_look_that_takes_minutes_hangs() -> None:
    clock = Clock()
    passes = Passes(clock)
    passes.begin(A)
    clock.now += HANGING_SECONDS - 1
    assert passes.hanging() is None
    clock.now += 2
    assert passes.hanging() == "a look at shop/a has taken more than 300 s"
    passes.end(A, whole=True)
    assert passes.hanging() is None
