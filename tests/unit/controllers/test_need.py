"""How far ahead the forecast of a demand is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flyball.api.demand import Demand
from flyball.controllers.predictiveautoscaler.ahead import Ahead
from flyball.controllers.predictiveautoscaler.signals import Seen, need
from flyball.forecast import Engine
from flyball.signals.demand import BEHIND_SECONDS

DEMAND = Demand.model_validate({"name": "requests", "counter": {"metric": "requests_total"}, "capacity": "10"})


@pytest.fixture(scope="module")
def ahead() -> Ahead:
    """A demand that grows, so that further ahead is more."""
    engine = Engine(1)
    for minute in range(1, 421):
        engine.update(60.0 * minute, [100.0 + 0.3 * minute])
    return Ahead(engine.forecast(), 0)


def seen(ahead: Ahead | None) -> Seen:
    return Seen(DEMAND, 220.0, 1.0, 10.0, False, ahead, None)


def test_a_mean_over_a_minute_is_half_a_minute_behind_so_the_forecast_looks_that_much_further(ahead: Ahead) -> None:
    now = ahead.forecast.time
    found = need(seen(ahead), 300.0, 0.95, now)
    assert found.forecast == ahead.most(300.0 + BEHIND_SECONDS, 0.95)
    assert not found.why


def test_a_mean_over_four_minutes_is_two_behind(ahead: Ahead) -> None:
    longer = replace(seen(ahead), behind_seconds=120.0)
    assert need(longer, 300.0, 0.95, ahead.forecast.time).forecast == ahead.most(420.0, 0.95)


def test_the_age_of_the_forecast_is_added(ahead: Ahead) -> None:
    now = ahead.forecast.time + 50.0
    assert need(seen(ahead), 300.0, 0.95, now).forecast == ahead.most(350.0 + BEHIND_SECONDS, 0.95)


@pytest.mark.parametrize(("age", "why"), [(601.0, "too old"), (0.0, "")])
def test_an_old_forecast_is_not_gone_by(ahead: Ahead, age: float, why: str) -> None:
    found = need(seen(ahead), 300.0, 0.95, ahead.forecast.time + age)
    assert why in found.why
    assert (found.forecast is None) is bool(why)


def test_without_a_history_there_is_no_forecast_and_a_reason() -> None:
    found = need(seen(None), 300.0, 0.95, 0.0)
    assert found.forecast is None
    assert "not read yet" in found.why


def test_the_growing_demand_makes_the_point_of_looking_further(ahead: Ahead) -> None:
    assert not np.isclose(ahead.most(300.0, 0.95), ahead.most(330.0, 0.95))
