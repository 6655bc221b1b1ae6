"""`flyball explain pas/NAME`: what to do is said in the words of this kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from flyball.cli import explain
from tests.api_objects import minimal_pas

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


def explained(kind: str, status: str, reason: str, observed: int = 1) -> str:
    """What is said of an object with this condition."""
    turned = {"lastTransitionTime": "2026-11-21T07:00:00Z", "observedGeneration": observed, "message": "So it is."}
    body: dict[str, Any] = minimal_pas("web", "shop")
    body["metadata"]["generation"] = 1
    body["status"] = {"observedGeneration": observed, "conditions": [{"type": kind, "status": status, "reason": reason, **turned}]}
    return " ".join("\n".join(explain.replicas(PredictiveAutoscaler.parse(body), NOW)).split())


@pytest.mark.parametrize(
    ("kind", "status", "reason", "advice"),
    [
        ("Conflicted", "True", "HorizontalPodAutoscaler", "Set spec.via to HPAFloor"),
        ("Conflicted", "True", "FieldOwned", "Leave spec.replicas out of what the manager"),
        ("Ready", "False", "Invalid", "kubectl explain predictiveautoscaler.spec"),
        ("SignalsAvailable", "False", "PrometheusUnreachable", "Replicas are held meanwhile"),
        ("SignalsAvailable", "False", "NoSeries", "Ask Prometheus for the metric"),
        ("ForecastUsable", "False", "NoSkill", "replicas follow the demand of now"),
    ],
)
def test_a_condition_that_is_not_as_it_should_be_comes_with_what_to_do(kind: str, status: str, reason: str, advice: str) -> None:
    assert advice in explained(kind, status, reason)


def test_a_condition_that_is_as_it_should_be_asks_for_nothing() -> None:
    assert "What to do" not in explained("Conflicted", "False", "NoConflict")


def test_a_spec_that_nobody_has_looked_at_yet_is_said_to_be_new() -> None:
    assert "The spec has changed since" in explained("Ready", "True", "Reconciled", observed=0)
    assert "The spec has changed since" not in explained("Ready", "True", "Reconciled")
