"""PredictiveAutoscaler: what its fields come to. Which objects the API server refuses: tests/cluster/test_crds_rules_pas.py."""

from __future__ import annotations

import re

import pytest

from flyball.api.predictiveautoscaler import QUANTILE, Cost
from flyball.forecast.settings import Settings


@pytest.mark.parametrize(
    ("text", "taken"), [("50", True), ("95", True), ("98.9", True), ("99", True), ("99.0", True), ("99.1", False), ("99.9", False)]
)
def test_a_quantile_is_none_that_forecasts_do_not_have(text: str, taken: bool) -> None:
    assert bool(re.match(QUANTILE, text)) is taken
    assert (float(text) / 100 <= max(Settings().quantiles)) is taken


@pytest.mark.parametrize(("hour", "replicas"), [(None, None), ("0.12", 1), ("3", 25), ("0.3599", 2)])
def test_money_allows_whole_replicas_and_without_a_ceiling_any_number(hour: str | None, replicas: int | None) -> None:
    assert Cost(replica_hour="0.12", max_per_hour=hour, short_minute="1").replicas == replicas
