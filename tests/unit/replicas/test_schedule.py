"""Schedules by the clock of a place."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from flyball.replicas.schedule import DAYS, Schedule, ScheduleError, floor

BERLIN = "Europe/Berlin"


def at(text: str, place: str = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(place), fold=fold).timestamp()


def office(start: str = "08:00", end: str = "18:00", days: tuple[str, ...] = ("Mon", "Tue"), replicas: int = 5, place: str = BERLIN) -> Schedule:
    return Schedule("office", frozenset(days), start, end, place, replicas)


@pytest.mark.parametrize(
    ("says", "when", "lead", "replicas"),
    [
        ("before it begins nothing is asked", "2026-11-16T07:58", 60, 0),
        ("a start-up time before it begins replicas are asked for", "2026-11-16T07:58", 120, 5),
        ("while it lasts", "2026-11-16T17:59", 0, 5),
        ("from its end on nothing is asked", "2026-11-16T18:00", 600, 0),
        ("on another day nothing is asked", "2026-11-18T12:00", 0, 0),
        ("the eve of its day looks ahead over midnight", "2026-11-15T23:00", 9 * 3600, 5),
    ],
)
def test_floor(says: str, when: str, lead: float, replicas: int) -> None:
    assert floor([office()], at(when), lead)[0] == replicas, says


def test_an_end_before_the_start_is_one_of_the_next_day() -> None:
    night = office("22:00", "02:00", ("Mon",))
    assert [floor([night], at(when), 0)[0] for when in ("2026-11-16T21:59", "2026-11-16T23:00", "2026-11-17T01:59", "2026-11-17T02:00")] == [
        0,
        5,
        5,
        0,
    ]


def test_a_whole_day_begins_and_ends_at_midnight() -> None:
    day = office("00:00", "00:00", ("Mon",))
    assert [floor([day], at(when), 0)[0] for when in ("2026-11-15T23:59", "2026-11-16T00:00", "2026-11-16T23:59", "2026-11-17T00:00")] == [0, 5, 5, 0]


def test_the_largest_of_several_counts_and_is_named() -> None:
    sale = Schedule("sale", frozenset(DAYS), "10:00", "12:00", "UTC", 9)
    assert floor([office(), sale], at("2026-11-16T12:00"), 0) == (9, "sale")


def test_hours_are_those_of_the_wall_on_both_sides_of_daylight_saving() -> None:
    every = office(days=DAYS)
    for day in ("2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25"):
        assert floor([every], at(f"{day}T07:59"), 0)[0] == 0
        assert floor([every], at(f"{day}T08:00"), 0)[0] == 5
        assert floor([every], at(f"{day}T17:59:59"), 0)[0] == 5
        assert floor([every], at(f"{day}T18:00"), 0)[0] == 0


def test_an_hour_that_comes_twice_is_counted_both_times_and_one_left_out_does_no_harm() -> None:
    night = office("02:00", "03:30", DAYS)
    assert floor([night], at("2026-10-25T02:30", fold=0), 0)[0] == floor([night], at("2026-10-25T02:30", fold=1), 0)[0] == 5
    assert floor([night], at("2026-03-29T03:15"), 0)[0] == 5


def test_a_place_that_nobody_knows_is_told_in_a_sentence() -> None:
    with pytest.raises(ScheduleError, match="no time zone that this system knows"):
        floor([office(place="Mars/Olympus")], 0.0, 0.0)
