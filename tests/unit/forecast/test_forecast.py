"""Reading a forecast between its horizons and quantiles: straight lines, nothing beyond the ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.forecast import Forecast, Reason
from flyball.forecast.forecast import BELIEVED, BELIEVED_QUANTILE

HORIZONS, QUANTILES = np.array([1, 5, 15, 60]), np.array([0.5, 0.8, 0.95, 0.99])
SECONDS = st.floats(0, 8000)
QUANTILE = st.floats(0.01, 0.999) | st.sampled_from(QUANTILES.tolist())


def forecast(seed: int, peaks: float = 0.0) -> Forecast:
    random = np.random.default_rng(seed)
    values = np.sort(random.gamma(2.0, 50.0, (2, 4, 4)), axis=2).astype(np.float32)
    nothing = np.full((2, 4), np.nan, np.float32)
    return Forecast(
        time=0.0,
        step_seconds=60,
        horizons=HORIZONS,
        quantiles=QUANTILES,
        point=values[:, :, 0],
        values=values,
        skill_last=nothing,
        skill_yesterday=nothing,
        usable=np.array([True, True]),
        reasons=(Reason.OK, Reason.OK),
        expert_names=("level",),
        weights=np.ones((2, 4, 1), np.float32),
        useful_from=np.array([math.nan, math.nan]),
        peaks=(peaks * random.gamma(2.0, 50.0, (2, 4))).astype(np.float32),
    )


@given(st.integers(0, 50), SECONDS, QUANTILE)
def test_a_value_lies_on_straight_lines_between_quantiles_and_then_horizons(seed: int, seconds: float, quantile: float) -> None:
    its = forecast(seed)
    at_quantile = [np.interp(quantile, QUANTILES, values) for values in its.values[1]]
    assert its.at(1, seconds, quantile) == pytest.approx(np.interp(seconds / 60, HORIZONS, at_quantile))
    assert its.at(1, seconds) == pytest.approx(np.interp(seconds / 60, HORIZONS, its.point[1]))


@given(st.integers(0, 50), SECONDS, QUANTILE, st.sampled_from([0.0, 0.5, 3.0]))
def test_the_most_until_then_is_the_largest_on_the_way_with_peaks_as_far_as_believed(
    seed: int, seconds: float, quantile: float, peaks: float
) -> None:
    its = forecast(seed, peaks)
    way = [steps * 60.0 for steps in HORIZONS.tolist() if steps * 60.0 < seconds] + [seconds]
    peak = [np.interp(at / 60, HORIZONS, its.peaks[0]) for at in way]
    believed = [min(high, BELIEVED * its.at(0, at, BELIEVED_QUANTILE)) for at, high in zip(way, peak, strict=True)]
    assert its.most(0, seconds, quantile) == pytest.approx(max(*believed, *(its.at(0, at, quantile) for at in way)))


@pytest.mark.parametrize(("seconds", "quantile"), [(-1.0, 0.5), (math.nan, 0.5), (math.inf, None), (60.0, 0.0), (60.0, 1.0)])
def test_what_no_forecast_can_be_asked_is_refused(seconds: float, quantile: float | None) -> None:
    with pytest.raises(ValueError, match=r"looks ahead|between 0 and 1"):
        forecast(1).at(0, seconds, quantile)
