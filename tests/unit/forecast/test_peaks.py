"""Peaks of earlier days, and the largest value ahead that they are joined to."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.forecast import Engine, Settings
from flyball.forecast.forecast import BELIEVED, BELIEVED_QUANTILE, Forecast

MINUTE, DAY = 60, 1440
START = 1_767_225_600  # 2026-01-01, a midnight


def forecast_after(values: list[float]) -> Forecast:
    engine = Engine(1, Settings.for_step(MINUTE))
    engine.backfill(START + MINUTE * (np.arange(len(values)) + 1.0), np.array(values)[:, None])
    return engine.forecast()


@pytest.fixture(scope="module")
def burst() -> Forecast:
    """Two days with a job of two minutes at noon, and a third until ten minutes before it."""
    day = [100.0] * DAY
    day[DAY // 2 : DAY // 2 + 2] = [200.0, 260.0]
    return forecast_after((day * 3)[: 2 * DAY + DAY // 2 - 10])


def test_a_job_of_two_minutes_is_ready_for_before_it_and_not_long_after(burst: Forecast) -> None:
    peaks = dict(zip(burst.horizons.tolist(), burst.peaks[0].tolist(), strict=True))
    assert peaks[12] == pytest.approx(260.0)
    assert peaks[30] == pytest.approx(100.0)


def test_the_largest_value_ahead_grows_with_the_look_ahead_and_the_quantile(burst: Forecast) -> None:
    near, far = (burst.most(0, minutes * 60.0, 0.5) for minutes in (1, 15))
    assert near <= far
    assert far <= burst.most(0, 900.0, 0.99)
    assert far >= min(260.0, BELIEVED * burst.at(0, 900.0, BELIEVED_QUANTILE)) - 1e-3


def test_on_a_day_at_a_tenth_of_the_load_peaks_of_before_count_little() -> None:
    made = forecast_after([1000.0] * (2 * DAY) + [100.0] * 300)
    assert made.peaks[0, 0] == pytest.approx(1000.0)
    assert made.most(0, 300.0, 0.5) < 400.0


def test_before_a_time_of_day_has_been_seen_there_is_no_peak() -> None:
    made = forecast_after([50.0] * 400)
    assert (made.peaks == 0).all()
    assert made.most(0, 300.0, 0.5) == pytest.approx(50.0, rel=0.2)
