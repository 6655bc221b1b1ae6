"""What a price of short minutes makes ready: less risk where it is cheap, more where it is dear."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.replicas import PlanSettings, PlanState, decide
from flyball.replicas.price import blind, rungs, worth
from flyball.replicas.types import Need, Observation

QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.99)


def chances(*demands: float) -> tuple[tuple[float, float], ...]:
    return tuple(zip(QUANTILES, demands, strict=True))


NARROW, WIDE = chances(10.0, 10.2, 10.3, 10.4, 10.6), chances(10.0, 30.0, 50.0, 80.0, 150.0)


def test_the_same_price_takes_less_risk_where_the_forecast_is_narrow() -> None:
    assert worth(NARROW, 60.0) > 10.6  # beyond the 99 % demand
    assert worth(WIDE, 60.0) < 30.0  # below the 80 % demand


def test_at_no_price_the_middle_is_enough_and_at_a_high_one_the_far_tail_is_made_ready() -> None:
    assert worth(WIDE, 0.0) == 10.0
    assert worth(WIDE, 1e9) > 150.0


def test_between_quantiles_demand_follows_a_normal_law_and_beyond_the_last_an_exponential_one() -> None:
    normal = {quantile: sum(weight * at for weight, at in zip(weights, (0.0, 1.0), strict=True)) for quantile, weights in rungs((0.5, 0.8413447))}
    assert normal[0.7] == pytest.approx(0.5244, abs=1e-4)
    tail = {quantile: sum(weight * at for weight, at in zip(weights, (1.0, 2.0), strict=True)) for quantile, weights in rungs((0.9, 0.99))}
    assert tail[0.999] == pytest.approx(3.0)


@pytest.mark.parametrize("quantiles", [(), (0.5,), (0.9, 0.5), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0)])
def test_chances_that_are_none_are_refused(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="two or more growing quantiles"):
        rungs(quantiles)


@given(st.lists(st.floats(0.0, 1e6), min_size=5, max_size=5), st.floats(0.0, 1e6), st.floats(0.0, 1e6))
def test_a_higher_price_never_makes_less_ready(steps: list[float], price: float, more: float) -> None:
    known = chances(*(sum(steps[: place + 1]) for place in range(5)))
    low, high = worth(known, price), worth(known, price + more)
    assert 0.0 <= low <= high + 1e-6 * high


def test_a_demand_that_is_not_known_makes_no_promise() -> None:
    assert math.isnan(worth(chances(1.0, 2.0, math.nan, 4.0, 5.0), 1.0))


def look(need: Need, **settings: float) -> int:
    given = PlanSettings(maximum=1000, **settings)  # type: ignore[arg-type]
    _, decision = decide(PlanState(peaks={"demand": 100.0}), Observation(0.0, (need,), 20, 20), given)
    return decision.wish


def test_the_plan_goes_by_the_price_where_there_is_one_and_by_the_quantile_where_there_is_none() -> None:
    need = Need("demand", 10.0, 1.0, forecast=80.0, chances=WIDE)
    assert look(need) == 80
    assert look(need, miss_price=1.0) == math.ceil(worth(WIDE, 100.0))
    assert look(Need("demand", 10.0, 1.0, forecast=80.0), miss_price=1.0) == 80


def test_without_a_forecast_the_price_decides_on_headroom_and_without_a_price_there_is_none() -> None:
    need = Need("demand", 100.0, 10.0)
    assert look(need) == 11  # what the tolerance keeps
    assert look(need, miss_price=0.0, tolerance=0.0) == math.ceil(10.5)
    assert look(need, miss_price=100.0, tolerance=0.0) > 17


def test_chances_beyond_belief_are_not_gone_by() -> None:
    need = Need("demand", 10.0, 1.0, forecast=10.0, chances=chances(500.0, 500.0, 500.0, 500.0, 500.0))
    assert look(need, miss_price=1.0) == math.ceil(worth(blind(10.0), 100.0) * 1.1)  # as if there were no forecast
