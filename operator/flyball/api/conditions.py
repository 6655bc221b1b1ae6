"""Conditions of an object's status, and the reasons that they give."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from flyball.api.meta import Model

MESSAGE_LENGTH = 1024
"""Longer messages are cut: a status is read by people and stored by etcd."""


class ConditionType(enum.StrEnum):
    """What a condition is about."""

    READY = "Ready"
    """The object is understood and its loop runs; says nothing about how noisy signals are."""
    SIGNALS_AVAILABLE = "SignalsAvailable"
    """Good and total requests are known and fresh."""
    BUDGET_AVAILABLE = "BudgetAvailable"
    """Some of the window's error budget is left."""
    ENFORCING = "Enforcing"
    """Quotas, and weights where they are asked for, follow the targets."""
    CONFLICTED = "Conflicted"
    """Someone else controls one of the workloads."""
    FORECAST_USABLE = "ForecastUsable"
    """The demand to come counts beside that of now."""
    SCALING = "Scaling"
    """Replicas follow the decisions."""


class Reason(enum.StrEnum):
    """Why a condition is what it is."""

    RECONCILED = "Reconciled"
    INVALID = "Invalid"
    SUSPENDED = "Suspended"
    NO_PODS = "NoPods"
    API_ERROR = "APIError"

    SIGNALS_FRESH = "SignalsFresh"
    NO_SERIES = "NoSeries"
    STALE = "Stale"
    NOT_A_NUMBER = "NotANumber"
    SEVERAL_SERIES = "SeveralSeries"
    PROMETHEUS_UNREACHABLE = "PrometheusUnreachable"
    PROMETHEUS_ERROR = "PrometheusError"
    NO_BUCKET = "NoBucket"
    PROMQL_NOT_ALLOWED = "PromQLNotAllowed"
    BUDGET_LEFT = "BudgetLeft"
    BUDGET_SPENT = "BudgetSpent"
    NO_REQUESTS = "NoRequests"

    MODE_ENFORCE = "ModeEnforce"
    MODE_CANARY = "ModeCanary"
    MODE_OBSERVE = "ModeObserve"
    MODE_RECOMMEND = "ModeRecommend"
    QUOTA_OFF = "QuotaOff"

    NO_CONFLICT = "NoConflict"
    OTHER_LATENCY_SLO = "OtherLatencySLO"
    VERTICAL_POD_AUTOSCALER = "VerticalPodAutoscaler"
    HORIZONTAL_POD_AUTOSCALER = "HorizontalPodAutoscaler"
    FIELD_OWNED = "FieldOwned"
    OTHER_PREDICTIVE_AUTOSCALER = "OtherPredictiveAutoscaler"
    KEDA = "ScaledObject"

    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_FORBIDDEN = "TargetForbidden"
    NO_HPA = "NoHorizontalPodAutoscaler"
    NO_CAPACITY = "CapacityUnknown"

    FORECAST_OK = "Ok"
    COLD_START = "ColdStart"
    NO_SKILL = "NoSkill"
    SHIFTED = "Shifted"
    IMPLAUSIBLE = "Implausible"


class Status(enum.StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """One condition, as `metav1.Condition`."""

    type: Annotated[str, Field(max_length=63, description="What the condition is about.")]
    status: Annotated[Status, Field(description="Whether it holds.")]
    reason: Annotated[str, Field(max_length=63, description="Why, in one word.")]
    message: Annotated[str, Field(max_length=MESSAGE_LENGTH, description="Why, in a sentence.")]
    last_transition_time: Annotated[str, Field(description="When `status` last changed.", json_schema_extra={"format": "date-time"})]
    observed_generation: Annotated[int, Field(description="Generation of the object that the condition speaks of.")]


def merge(old: Iterable[Condition], new: Iterable[Condition]) -> list[Condition]:
    """The new conditions, each with the old transition time if its status did not change."""
    known = {condition.type: condition for condition in old}
    merged = []
    for condition in new:
        before = known.get(condition.type)
        kept = before.last_transition_time if before and before.status == condition.status else condition.last_transition_time
        merged.append(condition.model_copy(update={"last_transition_time": kept, "message": condition.message[:MESSAGE_LENGTH]}))
    return merged
