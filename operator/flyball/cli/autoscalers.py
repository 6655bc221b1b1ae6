"""PredictiveAutoscalers on the command line: their table in `flyball status`, and `flyball explain pas/NAME`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flyball.api.conditions import ConditionType, Reason, Status
from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from flyball.api.predictiveautoscaler_status import ScalingRecord
from flyball.cli.shared import only, read
from flyball.cli.table import table
from flyball.kube import paths
from flyball.kube.client import Kube, NotFound

KIND = "PredictiveAutoscaler"
NAMES = ("pas", "predictiveautoscaler", "predictiveautoscalers")
HEADER = ("NAMESPACE", "NAME", "MODE", "STATE", "TARGET", "REPLICAS", "READY", "WANTED", "REACTIVE", "PROACTIVE", "FORECAST")
NOTHING = "-"

ADVICE = {
    Reason.INVALID: "Correct the field that the message names; `kubectl explain predictiveautoscaler.spec` says what it may hold.",
    Reason.HORIZONTAL_POD_AUTOSCALER: "Set spec.via to HPAFloor: the HPA goes on and Flyball raises its minReplicas; or remove the HPA.",
    Reason.FIELD_OWNED: "Leave spec.replicas out of what the manager in the message applies, or let it ignore that (Argo CD: ignoreDifferences).",
    Reason.NO_CAPACITY: "State capacity, or give pods CPU limits or requests, have Prometheus scrape cAdvisor, and wait for twenty minutes of load.",
    Reason.PROMETHEUS_UNREACHABLE: "Check the operator's --prometheus-url, network policies, and Prometheus itself. Replicas are held meanwhile.",
    Reason.PROMQL_NOT_ALLOWED: "Use a counter or a preset, or have an administrator start the operator with --allow-promql.",
}
"""What a person can do about a reason, where it is another thing than for a LatencySLO."""


def named(value: str) -> str | None:
    """NAME of pas/NAME; None for another kind's name, or one without a kind."""
    kind, slash, name = value.partition("/")
    return name if slash and name and kind.lower() in NAMES else None


async def list_autoscalers(kube: Kube, namespace: str | None) -> list[dict[str, Any]]:
    """PredictiveAutoscalers of a namespace, or of all; none where the cluster does not know the kind."""
    try:
        return await kube.items(paths.predictiveautoscalers(namespace))
    except NotFound:
        return []


async def find_autoscaler(kube: Kube, name: str, namespace: str | None) -> dict[str, Any]:
    """The one of that name; without a namespace, the only one of that name in the cluster."""
    return only(await list_autoscalers(kube, namespace), KIND, name, namespace)


def parse(raw: dict[str, Any]) -> PredictiveAutoscaler:
    """The object as a model, for reading."""
    return read(PredictiveAutoscaler.parse, KIND, raw)


def render(objects: list[dict[str, Any]]) -> str:
    """The table of these objects, by namespace and name."""
    return table(HEADER, [_row(parse(raw)) for raw in sorted(objects, key=lambda raw: (raw["metadata"]["namespace"], raw["metadata"]["name"]))])


def _row(pas: PredictiveAutoscaler) -> tuple[str, ...]:
    its, replicas = pas.status, pas.status.replicas
    counts = (replicas.current, replicas.ready, replicas.wanted, replicas.reactive, replicas.proactive) if replicas else (None,) * 5
    forecast = next((one.reason for one in its.conditions if one.type == ConditionType.FORECAST_USABLE), NOTHING)
    return (
        pas.metadata.namespace,
        pas.metadata.name,
        its.mode or NOTHING,
        state(pas),
        str(pas.spec.scale_target_ref),
        *(NOTHING if count is None else str(count) for count in counts),
        forecast,
    )


def state(pas: PredictiveAutoscaler) -> str:
    """One word: the first thing that is not as it should be, else Ready."""
    if pas.spec.suspend:
        return "Suspended"
    conditions = {condition.type: condition for condition in pas.status.conditions}
    for kind in (ConditionType.READY, ConditionType.SIGNALS_AVAILABLE):
        if kind in conditions and conditions[kind].status is not Status.TRUE:
            return conditions[kind].reason
    if (conflict := conditions.get(ConditionType.CONFLICTED)) and conflict.status is Status.TRUE:
        return conflict.reason
    return "Ready" if conditions else "Unseen"


def summary(pas: PredictiveAutoscaler) -> Iterator[str]:
    """What it is about, and how many replicas come to what."""
    its = pas.status
    yield f"PredictiveAutoscaler {pas.metadata.namespace}/{pas.metadata.name} of {pas.spec.scale_target_ref}, mode {its.mode or pas.spec.mode}"
    if its.replicas:
        one = its.replicas
        known = [
            f"{name} {value}" for name, value in (("now", one.reactive), ("to come", one.proactive), ("schedule", one.floor)) if value is not None
        ]
        yield f"{one.current} replicas are asked for, {one.ready} ready; wanted {one.wanted} ({', '.join(known) or 'no demand is known'})"
    if its.ready_after_seconds is not None:
        yield f"A replica is ready after {its.ready_after_seconds} s ({'stated' if pas.spec.ready_after else 'learned'})."


def demands(pas: PredictiveAutoscaler) -> Iterator[str]:
    """Each demand: now, ahead, and what a replica carries."""
    for its in pas.status.demands:
        learned = "learned" if its.capacity_learned else "stated"
        yield f"{its.name}: {its.served or 'unknown'} a second; a replica carries {its.capacity or 'an unknown number'} ({learned})"
        for one in its.forecasts:
            skill = "" if one.skill_percent is None else f", skill {one.skill_percent:+d} %"
            yield f"    in {one.seconds} s: {one.demand}, with {pas.spec.quantile} % certainty at most {one.upper}{skill}"


def decision(record: ScalingRecord) -> Iterator[str]:
    """One decision."""
    yield f"{record.time} {record.reason}: {record.previous} -> {record.replicas}"
    yield f"    {record.message}"
    inputs = [f"{name} {value}" for name, value in (("demand", record.demand), ("forecast", record.forecast)) if value]
    if inputs:
        yield f"    Inputs: {', '.join(inputs)}"
    if record.observed:
        yield f"    Observed: {record.observed}"
