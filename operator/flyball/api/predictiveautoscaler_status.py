"""PredictiveAutoscaler's status: demands with their forecasts and skill, replicas wanted and there, and the last decisions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flyball.api.cel import list_map
from flyball.api.conditions import Condition
from flyball.api.meta import Model

DECISIONS = 10
Text = Annotated[str, Field(max_length=512)]
Decimal = Annotated[str, Field(max_length=24)]


class HorizonForecast(Model):
    """The forecast at one distance."""

    seconds: Annotated[int, Field(description="How far ahead.")]
    demand: Annotated[Decimal, Field(description="What is expected per second.")]
    upper: Annotated[Decimal, Field(description="What suffices in the wanted share of the time.")]
    skill_percent: Annotated[
        int | None,
        Field(description="How much smaller its error is than that of the better of last value and yesterday's, in percent; below 0: larger."),
    ] = None


class DemandStatus(Model):
    """One demand: now, ahead, and what a replica carries of it."""

    name: Annotated[str, Field(max_length=63, description="Name of the demand.")]
    served: Annotated[Decimal | None, Field(description="Served per second.")] = None
    capacity: Annotated[Decimal | None, Field(description="What one replica carries; learned ones at their careful end.")] = None
    capacity_learned: Annotated[bool, Field(description="Whether the capacity was learned.")] = False
    forecast_reason: Annotated[str, Field(max_length=63, description="How usable the forecast is, in one word; Shifted is usable.")] = "ColdStart"
    useful_from: Annotated[
        str | None, Field(description="When the first forecast that knows a day is due.", json_schema_extra={"format": "date-time"})
    ] = None
    forecasts: Annotated[list[HorizonForecast], Field(max_length=8, description="What is ahead.", json_schema_extra=list_map("seconds"))] = []


class ReplicaStatus(Model):
    """Replicas of the target."""

    current: Annotated[int, Field(description="Asked for in the target's spec.")]
    ready: Annotated[int, Field(description="Ready pods.")]
    wanted: Annotated[int, Field(description="What Flyball asks for now, or would.")]
    wish: Annotated[int, Field(description="What demand, forecast and bounds come to, before stabilisation and step limits.")]
    reactive: Annotated[int | None, Field(description="For the demand of now.")] = None
    proactive: Annotated[int | None, Field(description="For the demand to come.")] = None
    floor: Annotated[int | None, Field(description="What a schedule asks for.")] = None


class ScalingRecord(Model):
    """One decision: inputs, choice, what followed."""

    time: Annotated[str, Field(description="When.", json_schema_extra={"format": "date-time"})]
    reason: Annotated[str, Field(max_length=63, description="Why, in one word.")]
    message: Annotated[Text, Field(description="Why, in a sentence.")]
    previous: Annotated[int, Field(description="Replicas before.")]
    replicas: Annotated[int, Field(description="Replicas chosen.")]
    demand: Annotated[Decimal | None, Field(description="The governing demand then.")] = None
    forecast: Annotated[Decimal | None, Field(description="Its forecast then.")] = None
    observed: Annotated[Text | None, Field(description="What was seen when a replica asked for then was due.")] = None


class PredictiveAutoscalerStatus(Model):
    """What Flyball sees, expects and does."""

    observed_generation: Annotated[int | None, Field(description="Generation of the spec that this status speaks of.")] = None
    mode: Annotated[str | None, Field(max_length=16, description="Mode in effect, after the operator's --max-mode.")] = None
    conditions: Annotated[list[Condition], Field(max_length=16, description="Conditions.", json_schema_extra=list_map("type"))] = []
    governing: Annotated[str | None, Field(max_length=63, description="The demand that needs most.")] = None
    replicas: Annotated[ReplicaStatus | None, Field(description="Replicas.")] = None
    ready_after_seconds: Annotated[int | None, Field(description="Time until a replica serves, stated or learned.")] = None
    demands: Annotated[list[DemandStatus], Field(max_length=4, description="Demands.", json_schema_extra=list_map("name"))] = []
    hpa_floor: Annotated[int | None, Field(description="via HPAFloor: minReplicas as the HPA's owner has it, to be given back.")] = None
    decisions: Annotated[
        list[ScalingRecord],
        Field(max_length=DECISIONS, description="The last decisions, newest last.", json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = []
