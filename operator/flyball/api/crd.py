"""CRDs from the models: pydantic's JSON schema made structural.

The API server refuses six things that pydantic writes as a matter of course ($ref, anyOf with null, const, numeric exclusive bounds, uniqueItems,
titles beside additionalProperties: false); here they become what it takes. Unknown fields are pruned by the API server, so nothing forbids them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from flyball.api.latencyslo import LatencySLO, LatencySLOSpec
from flyball.api.latencyslo_status import LatencySLOStatus
from flyball.api.meta import GROUP, VERSION
from flyball.api.predictiveautoscaler import PredictiveAutoscaler, PredictiveAutoscalerSpec
from flyball.api.predictiveautoscaler_status import PredictiveAutoscalerStatus
from flyball.api.throttleplan import ThrottlePlan, ThrottlePlanSpec

_KEPT = (
    "type",
    "format",
    "description",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; priority 1 shows with -o wide."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0
    description: str = ""

    def to_api(self) -> dict[str, Any]:
        column: dict[str, Any] = {"name": self.name, "type": self.type, "jsonPath": self.path, "priority": self.priority}
        return {**column, "description": self.description} if self.description else column


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind: its models, names and columns."""

    model: type[BaseModel]
    spec: type[BaseModel]
    status: type[BaseModel] | None
    plural: str
    short: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        return self.model.__name__


_AGE = Column("Age", ".metadata.creationTimestamp", "date")

KINDS = (
    Kind(
        LatencySLO,
        LatencySLOSpec,
        LatencySLOStatus,
        "latencyslos",
        "lslo",
        (
            Column("Mode", ".status.mode", description="Mode in effect."),
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Understood, and its loop runs."),
            Column("Budget left %", ".status.objectives[0].budgetLeftPercent", description="Error budget left of the governing objective."),
            Column("Burn", ".status.objectives[0].burnRate", description="Burn rate of the governing objective; 1 spends the budget exactly."),
            Column("Saved %", ".status.savedPercent", "integer", description="Share of the granted CPU that is not allocated."),
            Column("Reason", '.status.conditions[?(@.type=="Enforcing")].reason', priority=1, description="Why it enforces, or does not."),
            Column("Used m", ".status.cores.usedMilli", "integer", 1, "CPU used, in millicores."),
            Column("Allocated m", ".status.cores.allocatedMilli", "integer", 1, "Quota in force, in millicores."),
            Column("Granted m", ".status.cores.grantedMilli", "integer", 1, "Limits in the pods' specs, in millicores."),
            _AGE,
        ),
    ),
    Kind(
        PredictiveAutoscaler,
        PredictiveAutoscalerSpec,
        PredictiveAutoscalerStatus,
        "predictiveautoscalers",
        "pas",
        (
            Column("Mode", ".status.mode", description="Mode in effect."),
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Understood, and its loop runs."),
            Column("Target", ".spec.scaleTargetRef.name", description="What is scaled."),
            Column("Replicas", ".status.replicas.current", "integer", description="Asked for in the target's spec."),
            Column("Wanted", ".status.replicas.wanted", "integer", description="What Flyball asks for now, or would."),
            Column("Forecast", '.status.conditions[?(@.type=="ForecastUsable")].reason', description="Whether forecasts are used, in one word."),
            Column("Reactive", ".status.replicas.reactive", "integer", 1, "Replicas for the demand of now."),
            Column("Proactive", ".status.replicas.proactive", "integer", 1, "Replicas for the demand to come."),
            Column("Ready after s", ".status.readyAfterSeconds", "integer", 1, "Time until a replica serves."),
            Column("Reason", '.status.conditions[?(@.type=="Scaling")].reason', priority=1, description="Why so many replicas."),
            _AGE,
        ),
    ),
    Kind(
        ThrottlePlan,
        ThrottlePlanSpec,
        None,
        "throttleplans",
        "tp",
        (
            Column("Action", ".spec.action", description="Measure or Control."),
            Column("Canary %", ".spec.canaryPercent", "integer", 1, "Share of the pods that is controlled."),
            Column("Targets", ".spec.workloads[*].throttlePermille", description="Throttled CFS periods of 1000."),
            _AGE,
        ),
    ),
)


def crd(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    properties: dict[str, Any] = {
        "apiVersion": {"type": "string", "description": "Version of this kind's schema."},
        "kind": {"type": "string", "description": "Name of this kind."},
        "metadata": {"type": "object"},
        "spec": structural(kind.spec),
    }
    if kind.status:
        properties["status"] = structural(kind.status)
    schema = {"type": "object", "description": kind.model.__doc__, "required": ["spec"], "properties": properties}
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": [column.to_api() for column in kind.columns],
    }
    if kind.status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": ["flyball"],
            },
            "versions": [version],
        },
    }


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """The model's schema as the API server takes it."""
    schema = model.model_json_schema(by_alias=True)
    return _convert(schema, schema.get("$defs", {}))


def _convert(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    merged = _resolve(schema, definitions)
    if "const" in merged:
        merged["enum"] = [merged.pop("const")]
    converted = {key: merged[key] for key in _KEPT if key in merged and merged[key] is not None}
    if "default" in converted:
        converted["default"] = _without_nulls(converted["default"])
    converted |= {key: value for key, value in merged.items() if key.startswith("x-kubernetes-")}
    for numeric, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if numeric in merged:
            converted |= {bound: merged[numeric], numeric: True}
    if "properties" in merged:
        converted["properties"] = {name: _convert(value, definitions) for name, value in merged["properties"].items()}
    if "items" in merged:
        converted["items"] = _convert(merged["items"], definitions)
    if isinstance(merged.get("additionalProperties"), Mapping):
        converted["additionalProperties"] = _convert(merged["additionalProperties"], definitions)
    return converted


def _without_nulls(value: Any) -> Any:
    """A default as it would be stored: absent fields are absent, not null."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(part) for key, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """One schema of a reference, an optional, or a single-part allOf and what stands beside it; what stands nearer to the field wins."""
    beside = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf", "allOf")}
    if "$ref" in schema:
        inner = _resolve(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    elif "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
        if len(choices) != 1:
            raise ValueError(f"a structural schema has no place for a choice of {len(choices)} types")
        inner = _resolve(choices[0], definitions)
    else:
        return beside
    rules = [*inner.get("x-kubernetes-validations", ()), *beside.get("x-kubernetes-validations", ())]
    return {**inner, **beside, **({"x-kubernetes-validations": rules} if rules else {})}
