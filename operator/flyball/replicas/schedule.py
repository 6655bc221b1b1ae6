"""Schedules: at least so many replicas at these hours of these days, by the clock of a place.

Read by the controller into an observation's floor. A schedule counts from a start-up time before it begins, so that its replicas are ready when
it does. Hours are those of the wall: over a change to or from daylight saving a schedule moves with the clock on the wall.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class ScheduleError(ValueError):
    """A schedule that cannot be read; a sentence says why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """At least `replicas` from `start` until `end` on `days`; an end at or before the start is one of the next day."""

    name: str
    days: frozenset[str]
    start: str
    """HH:MM."""
    end: str
    time_zone: str
    replicas: int


def floor(schedules: Iterable[Schedule], now: float, ready_after_seconds: float) -> tuple[int, str]:
    """Most replicas that any schedule asks for between now and when a replica asked for now is ready, and that schedule's name.

    Raises ScheduleError for a time zone that this system does not know.
    """
    most, name = 0, ""
    for schedule in schedules:
        if schedule.replicas > most and _holds(schedule, now, now + ready_after_seconds):
            most, name = schedule.replicas, schedule.name
    return most, name


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The time zone of this name. Raises ScheduleError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(f"{name!r} is no time zone that this system knows, such as Europe/Berlin or UTC.") from error


def _holds(schedule: Schedule, begin: float, end: float) -> bool:
    """Whether the schedule holds at some time from begin to end."""
    place = zone(schedule.time_zone)
    day = datetime.fromtimestamp(begin, place).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end, place).date()
    while day <= last:
        if DAYS[day.weekday()] in schedule.days:
            opens, closes = _at(day, schedule.start, place), _at(day, schedule.end, place)
            if schedule.end <= schedule.start:
                closes = _at(day + timedelta(days=1), schedule.end, place)
            if opens <= end and begin < closes:
                return True
        day += timedelta(days=1)
    return False


def _at(day: object, clock: str, place: ZoneInfo) -> float:
    """Unix seconds of a wall clock's time; one that a change of clocks leaves out is the time an hour on, one that comes twice is the first."""
    local = datetime.fromisoformat(f"{day}T{clock}:00").replace(tzinfo=place)
    return local.astimezone(UTC).timestamp()
