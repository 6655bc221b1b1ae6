"""Mirror: a cache held against a list."""

from __future__ import annotations

from typing import Any

import pytest

from flyball.runtime.mirror import Mirror

A, B = ("shop", "a"), ("shop", "b")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def meta(key: tuple[str, str], version: int) -> dict[str, Any]:
    return {"namespace": key[0], "name": key[1], "resourceVersion": str(version)}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mirror(clock: Clock) -> Mirror:
    mirror = Mirror(clock)
    mirror.take(None, meta(A, 5))
    mirror.take("ADDED", meta(B, 9))
    clock.now += 1
    return mirror


@pytest.mark.parametrize(
    ("what", "listed", "suspects"),
    [
        ("all as held", {A: 5, B: 9}, []),
        ("a list may come from an older state", {A: 4, B: 9}, []),
        ("a change was missed", {A: 6, B: 9}, [A]),
        ("a deletion was missed", {A: 5}, [B]),
        ("a new object was missed", {A: 5, B: 9, ("shop", "c"): 7}, [("shop", "c")]),
    ],
)
def test_a_list_shows_what_was_missed(mirror: Mirror, clock: Clock, what: str, listed: dict[tuple[str, str], int], suspects: list[Any]) -> None:
    assert mirror.suspects(listed, clock.now) == suspects, what


def test_what_came_after_the_list_began_was_not_deleted(mirror: Mirror, clock: Clock) -> None:
    began = clock.now
    clock.now += 1
    mirror.take("ADDED", meta(("shop", "c"), 12))
    assert mirror.suspects({A: 5, B: 9}, began) == []


def test_an_older_version_is_no_news(mirror: Mirror) -> None:
    assert not mirror.take("MODIFIED", meta(B, 8))
    assert mirror.take("MODIFIED", meta(B, 9)), "the same version again may come from kopf's own list"
    assert mirror.take("MODIFIED", meta(B, 10))


def test_a_deletion_is_news_once(mirror: Mirror) -> None:
    assert mirror.take("DELETED", meta(A, 6))
    assert not mirror.take("DELETED", meta(A, 6))


def test_a_suspect_that_the_watch_delivered_meanwhile_was_not_missed(mirror: Mirror) -> None:
    assert mirror.behind(A, 6)
    mirror.take("MODIFIED", meta(A, 6))
    assert not mirror.behind(A, 6)
    assert mirror.behind(B, None)
    mirror.take("DELETED", meta(B, 10))
    assert not mirror.behind(B, None)


def test_a_watch_is_dead_when_two_checks_running_found_something(mirror: Mirror) -> None:
    mirror.checked(1)
    assert not mirror.failing
    mirror.checked(0)
    mirror.checked(2)
    assert not mirror.failing
    mirror.checked(1)
    assert mirror.failing


def test_the_end_of_another_object_of_the_name_is_no_news(clock: Clock) -> None:
    mirror = Mirror(clock)
    mirror.take("ADDED", {**meta(A, 9), "uid": "new"})
    assert not mirror.take("DELETED", {**meta(A, 8), "uid": "old"})
    assert mirror.uid(A) == "new"
    assert mirror.take("DELETED", {**meta(A, 10), "uid": "new"})
    assert mirror.uid(A) == ""
