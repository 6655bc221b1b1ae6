"""The workloads that serve an application, and what may be done to which of their containers."""

from __future__ import annotations

import enum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from flyball.api import quantity
from flyball.api.cel import NAME, SUBDOMAIN, exactly_one, list_map, matches, rules
from flyball.api.meta import LabelSelector, Model, Owner

LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_KEY = "a label's key must be letters, digits, dashes, underscores and dots, with a DNS name and a slash before it at most"
_VALUE = "a label's value must be letters, digits, dashes, underscores and dots"

SELECTOR_RULES = rules(
    (
        "(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
        "selector must not be empty: it would select every pod of the namespace",
    ),
    (
        "!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn'] == (has(e.values) && size(e.values) > 0))",
        "operators In and NotIn need values, Exists and DoesNotExist take none",
    ),
    (f"!has(self.matchLabels) || self.matchLabels.all(key, {matches(LABEL_KEY, 'key')})", _KEY),
    (f"!has(self.matchLabels) || self.matchLabels.all(key, {matches(LABEL_VALUE, 'self.matchLabels[key]')})", _VALUE),
    (f"!has(self.matchExpressions) || self.matchExpressions.all(e, {matches(LABEL_KEY, 'e.key')})", _KEY),
    (f"!has(self.matchExpressions) || self.matchExpressions.all(e, !has(e.values) || e.values.all(value, {matches(LABEL_VALUE, 'value')}))", _VALUE),
)
"""Not in the selector's own model: the operator copies a checked selector into a plan, whose 512 workloads would cost too much to check."""


class Control(enum.StrEnum):
    """Whether a container's quota or weight may be moved."""

    AUTO = "Auto"
    OFF = "Off"


class CPUBounds(Model):
    """Bounds of a container's quota, or of the request that its weight stands for; the upper one is the limit, or request, in the pod's spec."""

    min: Annotated[
        str,
        Field(
            max_length=16,
            description="Neither goes below this, e.g. 50m; 10m to 1000 cores.",
            json_schema_extra=rules(
                (matches(quantity.PATTERN), "cpu.min must be a CPU quantity such as 50m or 0.5"),
                (
                    f"!{matches(quantity.PATTERN)} || (quantity(self).compareTo(quantity('10m')) >= 0 && quantity(self).compareTo(quantity('1k')) <= 0)",
                    "cpu.min must be at least 10m, the kernel's smallest quota, and at most 1000",
                ),
            ),
        ),
    ] = "50m"


class ContainerPolicy(Model):
    """What may be done to the containers of a name."""

    name: Annotated[
        str,
        Field(
            max_length=63,
            description='Name of the container; "*" stands for all that are not named.',
            json_schema_extra=rules((f"self == '*' || {matches(NAME)}", 'a container\'s name must be lower-case letters, digits and dashes, or "*"')),
        ),
    ]
    control: Annotated[
        Control, Field(description='Auto: quota or weight follows the targets. "Off" (in quotes: YAML reads a bare Off as false): hands off.')
    ] = Control.AUTO
    cpu: Annotated[CPUBounds, Field(description="Bounds of quota or weight.")] = CPUBounds()

    @property
    def min_milli(self) -> int:
        return quantity.milli(self.cpu.min)


class TargetRef(Model):
    """One workload of the object's namespace."""

    api_version: Annotated[str, Field(max_length=64, description="API version of the workload.")] = "apps/v1"
    kind: Annotated[Literal["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"], Field(description="Kind of the workload.")]
    name: Annotated[
        str,
        Field(
            max_length=253,
            description="Name of the workload.",
            json_schema_extra=rules((matches(SUBDOMAIN), "targetRef.name must be the name of a Kubernetes object")),
        ),
    ]

    model_config = ConfigDict(json_schema_extra=rules(("self.apiVersion == 'apps/v1'", "targetRef must name a workload of apps/v1")))

    @property
    def owner(self) -> Owner:
        return Owner(kind=self.kind, name=self.name)


class Workload(Model):
    """Pods that serve the application: a selector or one workload by name."""

    name: Annotated[
        str,
        Field(
            max_length=63,
            description="Name of the entry.",
            json_schema_extra=rules((matches(NAME), "a workload's name must be lower-case letters, digits and dashes")),
        ),
    ]
    selector: Annotated[
        LabelSelector | None,
        Field(description="Pods by labels; each controller among them is steered as a workload of its own.", json_schema_extra=SELECTOR_RULES),
    ] = None
    target_ref: Annotated[TargetRef | None, Field(description="One workload by name.")] = None
    containers: Annotated[
        list[ContainerPolicy],
        Field(
            min_length=1,
            max_length=16,
            description='What may be done to which container; an exact name wins over "*", a container that no entry names is left alone.',
            json_schema_extra=list_map("name"),
        ),
    ] = [ContainerPolicy(name="*")]

    model_config = ConfigDict(
        json_schema_extra=rules((exactly_one("selector", "targetRef"), "a workload needs exactly one of selector and targetRef"))
    )
