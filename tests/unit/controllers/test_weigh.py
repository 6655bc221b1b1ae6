"""A demand's need with what a short minute costs: which quantile, and what is learned."""

from __future__ import annotations

import math

import pytest

from flyball.api.predictiveautoscaler import Cost, PredictiveAutoscaler, PredictiveAutoscalerSpec
from flyball.controllers.predictiveautoscaler.signals import priced, quantile, settings, weigh
from flyball.replicas import Need
from flyball.replicas.misses import Misses
from tests.api_objects import minimal_pas

HOURS = 8
NEED = Need("requests", 100.0, 50.0, forecast=120.0)


def spec(short_minute: str | None) -> PredictiveAutoscalerSpec:
    found = PredictiveAutoscaler.parse(minimal_pas()).spec
    return found.model_copy(update={"cost": Cost(replica_hour="0.12", max_per_hour="3", short_minute=short_minute), "quantile": "90"})


def after(misses: Misses, utilisation: float = math.nan) -> Need:
    found = NEED
    for look in range(HOURS * 240):
        found = weigh(NEED, misses, 120.0, utilisation, look * 15.0)
    return found


def test_money_a_minute_becomes_replica_minutes() -> None:
    assert settings(spec("0.5")).short_price == pytest.approx(250.0)
    assert settings(spec(None)).short_price is None


def test_with_a_price_the_forecast_is_taken_at_the_median() -> None:
    assert quantile(spec("0.5")) == 0.5
    assert quantile(spec(None)) == 0.9


def test_shares_are_known_after_a_quarter_of_a_day() -> None:
    assert weigh(NEED, Misses(), 120.0, math.nan, 0.0).shares is None
    shares = after(Misses()).shares
    assert shares is not None and shares[-1] == pytest.approx(0.0, abs=1e-9)


def test_without_a_price_a_need_stays_as_it_is() -> None:
    assert not priced(spec(None)) and priced(spec("0.5"))
    assert weigh(NEED, None, 120.0, math.nan, 0.0) is NEED


def test_demand_served_by_replicas_that_are_full_is_not_learned_from() -> None:
    full, free = Misses(), Misses()
    after(full, utilisation=0.97)
    after(free, utilisation=0.5)
    assert full.counts.sum() == 0 < free.counts.sum()


@pytest.mark.parametrize("broken", [math.nan, math.inf, -5.0])
def test_a_broken_forecast_or_demand_is_survived(broken: float) -> None:
    misses = Misses()
    for look in range(400):
        weigh(Need("requests", broken if look % 3 else 100.0, 50.0, forecast=broken), misses, 120.0, math.nan, look * 15.0)
    assert math.isfinite(misses.counts.sum())
