"""LatencySLO's status: how the budget stands, what is granted and used, and the last decisions with their reasons."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flyball.api.cel import list_map
from flyball.api.conditions import Condition
from flyball.api.meta import Model, Owner

DECISIONS = 10
"""Decisions kept in the status."""

WORKLOADS = 64
CHECKPOINT_LENGTH = 16_384
TEXT_LENGTH = 512

Text = Annotated[str, Field(max_length=TEXT_LENGTH)]
Decimal = Annotated[str, Field(max_length=16)]


class ObjectiveStatus(Model):
    """One objective's error budget over its window."""

    name: Annotated[str, Field(max_length=63, description="Name of the objective.")]
    requests: Annotated[int, Field(description="Requests in the window, as far as known.")]
    slow_requests: Annotated[int, Field(description="Of these, later than the threshold, or bad.")]
    slow_share_percent: Annotated[Decimal, Field(description="Share of slow requests in the window, in percent.")]
    burn_rate: Annotated[Decimal, Field(description="Slow share of the last minutes over the share that is allowed; 1 spends the budget exactly.")]
    budget_left_percent: Annotated[Decimal, Field(description="Error budget left, in percent of the window's; below 0: overdrawn.")]
    minutes_above: Annotated[int, Field(description="Minutes of the window in which more than the allowed share was slow.")]
    threshold_used: Annotated[Text, Field(description="The bucket bound that counts as threshold.")]
    hint: Annotated[Text | None, Field(description="Which bucket to add, where the threshold is no bound.")] = None
    sample_time: Annotated[str, Field(description="Time of the newest value.", json_schema_extra={"format": "date-time"})]


class WorkloadStatus(Model):
    """One workload: its target, and CPU in millicores over the last minute."""

    owner: Annotated[Owner, Field(description="The controller.")]
    group: Annotated[str, Field(max_length=63, description="The group that it is steered with.")]
    pods: Annotated[int, Field(description="Pods that the object names.")]
    throttle_permille: Annotated[int, Field(description="Target: throttled CFS periods of 1000, or time spent waiting of 1000 under a weight.")]
    used_milli: Annotated[int | None, Field(description="CPU used.")] = None
    allocated_milli: Annotated[int | None, Field(description="Quota in force, and requests that weights in force stand for.")] = None
    granted_milli: Annotated[int | None, Field(description="Limits in the pods' specs; requests where a weight is moved.")] = None
    weight_milli: Annotated[
        int | None, Field(description="The part of allocatedMilli that is by weight, which bounds nothing while the node has room.")
    ] = None


class Cores(Model):
    """CPU of all workloads together, in millicores, over the last minute."""

    used_milli: Annotated[int, Field(description="CPU used.")]
    allocated_milli: Annotated[int, Field(description="Quota in force, and requests that weights in force stand for.")]
    granted_milli: Annotated[int, Field(description="Limits in the pods' specs; requests where a weight is moved.")]


class TargetChange(Model):
    """A group's target before and after a decision."""

    group: Annotated[str, Field(max_length=63, description="The group.")]
    throttle_permille: Annotated[int, Field(description="Target chosen.")]
    previous_permille: Annotated[int, Field(description="Target before.")]


class DecisionRecord(Model):
    """One decision: inputs, choice, alternatives, expected and observed effect."""

    time: Annotated[str, Field(description="When.", json_schema_extra={"format": "date-time"})]
    reason: Annotated[str, Field(max_length=63, description="Why, in one word.")]
    message: Annotated[Text, Field(description="Why, in a sentence.")]
    governing: Annotated[str | None, Field(max_length=63, description="The objective that governed.")] = None
    burn_rate: Annotated[Decimal | None, Field(description="Its burn rate then.")] = None
    budget_left_percent: Annotated[Decimal | None, Field(description="Its budget left then.")] = None
    targets: Annotated[list[TargetChange], Field(max_length=8, description="Targets chosen.", json_schema_extra=list_map("group"))] = []
    alternatives: Annotated[
        list[Text], Field(max_length=8, description="What else was considered.", json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = []
    expected: Annotated[Text | None, Field(description="What it should bring.")] = None
    observed: Annotated[Text | None, Field(description="What was seen after it.")] = None


class LatencySLOStatus(Model):
    """What Flyball sees and does."""

    observed_generation: Annotated[int | None, Field(description="Generation of the spec that this status speaks of.")] = None
    mode: Annotated[str | None, Field(max_length=16, description="Mode in effect, after the operator's --max-mode.")] = None
    conditions: Annotated[list[Condition], Field(max_length=16, description="Conditions.", json_schema_extra=list_map("type"))] = []
    governing: Annotated[str | None, Field(max_length=63, description="The objective that governs.")] = None
    objectives: Annotated[
        list[ObjectiveStatus], Field(max_length=4, description="Budgets by objective, the governing one first.", json_schema_extra=list_map("name"))
    ] = []
    workloads: Annotated[
        list[WorkloadStatus],
        Field(max_length=WORKLOADS, description="Workloads found, at most 64.", json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = []
    cores: Annotated[Cores | None, Field(description="CPU of all workloads.")] = None
    saved_percent: Annotated[int | None, Field(description="Share of the granted CPU that is not allocated.")] = None
    decisions: Annotated[
        list[DecisionRecord],
        Field(max_length=DECISIONS, description="The last decisions, newest last.", json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = []
    checkpoint: Annotated[str | None, Field(max_length=CHECKPOINT_LENGTH, description="What the controller must remember; not for people.")] = None
