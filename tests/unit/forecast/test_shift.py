"""Level shifts beside patterns that are known: what comes each day is none, what has never come is one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flyball.forecast import Engine, Reason, Settings

DAY = 1440
DAYS = 3
MORNING, EVENING, NOON = 480, 1080, 760
LATE = (0, 2, -2)
"""Minutes that each day's rise is late."""
LOOKED_AT = [*range(MORNING - 15, MORNING + 20), *range(NOON - 10, NOON + 10), *range(EVENING - 15, EVENING + 20)]
MINUTES = Settings(horizons=(15,), experts=("level-short",))
"""Detector and profiles at steps of a minute, and little else: the days pass in a second."""


def squares(times: tuple[float, ...]) -> NDArray[np.float64]:
    """A series for each factor: 100, and so many times as much by day, with a step up and down in a minute and noise of 3 %."""
    minutes = np.arange(DAYS * DAY)
    late = np.array(LATE)[minutes // DAY]
    by_day = (minutes % DAY >= MORNING + late) & (minutes % DAY < EVENING + late)
    noise = np.exp(0.03 * np.random.default_rng(4).standard_normal((len(minutes), len(times))))
    return np.asarray(100.0 * np.where(by_day[:, None], np.array(times), 1.0) * noise)


def shifted(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(minutes of the last day, series): called shifted, at the minutes looked at."""
    engine, found = Engine(values.shape[1], MINUTES), np.zeros((DAY, values.shape[1]), np.bool_)
    for minute, row in enumerate(values):
        engine.update(60.0 * (minute + 1), row)
        now = minute - (DAYS - 1) * DAY
        if now in LOOKED_AT:
            found[now] = [reason is Reason.SHIFTED for reason in engine.forecast().reasons]
    return found


@pytest.fixture(scope="module")
def last_day() -> NDArray[np.bool_]:
    """Two series as they always were, one that is trebled at noon, and one whose morning does not come."""
    values = squares((3.0, 8.0, 3.0, 3.0))
    begin = (DAYS - 1) * DAY
    values[begin + NOON :, 2] *= 3.0
    values[begin + MORNING - 10 : begin + NOON, 3] = values[begin : begin + NOON - MORNING + 10, 3]
    return shifted(values)


def test_a_rise_that_comes_each_day_some_minutes_early_or_late_is_no_shift(last_day: NDArray[np.bool_]) -> None:
    assert not last_day[:, :2].any()


def test_a_rise_that_never_came_before_is_a_shift_within_three_minutes(last_day: NDArray[np.bool_]) -> None:
    assert last_day[NOON + 2 : NOON + 10, 2].all()
    assert not last_day[:NOON, 2].any()


def test_a_morning_that_does_not_come_is_no_shift(last_day: NDArray[np.bool_]) -> None:
    assert not last_day[: NOON - 10, 3].any()
