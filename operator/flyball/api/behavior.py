"""How fast replicas may come and go, in the words of an HPA's `behavior`. Part of PredictiveAutoscaler."""

from __future__ import annotations

import enum
from typing import Annotated

from pydantic import Field

from flyball.api.meta import Model


class SelectPolicy(enum.StrEnum):
    """Which of several policies counts."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class PolicyUnit(enum.StrEnum):
    """What a policy counts in."""

    PODS = "Pods"
    PERCENT = "Percent"


class ScalingPolicy(Model):
    """At most so many replicas within a period."""

    type: Annotated[PolicyUnit, Field(description="Pods: replicas. Percent: of the replicas at the period's start.")]
    value: Annotated[int, Field(ge=1, le=10_000, description="How many, or how many percent.")]
    period_seconds: Annotated[int, Field(ge=1, le=1800, description="Length of the period in seconds.")]


_Policies = Annotated[
    list[ScalingPolicy],
    Field(max_length=8, description="Step limits; none: no limit.", json_schema_extra={"x-kubernetes-list-type": "atomic"}),
]
_Select = Annotated[SelectPolicy, Field(description="Max: the policy that allows most counts. Min: least. Disabled: no step at all.")]


class ScaleUp(Model):
    """How replicas come; the defaults are an HPA's."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600, description="The smallest wish of this time counts.")] = 0
    select_policy: _Select = SelectPolicy.MAX
    policies: _Policies = [
        ScalingPolicy(type=PolicyUnit.PERCENT, value=100, period_seconds=15),
        ScalingPolicy(type=PolicyUnit.PODS, value=4, period_seconds=15),
    ]


class ScaleDown(Model):
    """How replicas go; the defaults are an HPA's."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600, description="The largest wish of this time counts.")] = 300
    select_policy: _Select = SelectPolicy.MAX
    policies: _Policies = [ScalingPolicy(type=PolicyUnit.PERCENT, value=100, period_seconds=15)]


class Behavior(Model):
    """Stabilisation and step limits in both directions."""

    scale_up: Annotated[ScaleUp, Field(description="How replicas come.")] = ScaleUp()
    scale_down: Annotated[ScaleDown, Field(description="How replicas go.")] = ScaleDown()
