"""ThrottlePlan: "these pods, these targets". Written by the operator alone, read by the node agents; one a LatencySLO.

The agents read the raw JSON (they carry no pydantic); docs/designs/0001-the-loop.md says what each field means to them.
"""

from __future__ import annotations

import enum
from typing import Annotated

from pydantic import Field

from flyball.api.cel import list_map
from flyball.api.meta import LabelSelector, Metadata, Model, Owner
from flyball.api.workload import Control


class Action(enum.StrEnum):
    """What agents do."""

    MEASURE = "Measure"
    CONTROL = "Control"


class PlannedContainer(Model):
    """What may be done to the containers of a name."""

    name: Annotated[str, Field(min_length=1, max_length=63, description='Name of the container, or "*".')]
    control: Annotated[Control, Field(description="Auto or Off.")] = Control.AUTO
    min_milli: Annotated[
        int, Field(ge=10, le=1_000_000, description="Quota, or request that the weight stands for, is never below this, in millicores.")
    ] = 50


class PlannedWorkload(Model):
    """A controller's pods and their target."""

    owner: Annotated[Owner, Field(description="The pods' controller.")]
    selector: Annotated[LabelSelector | None, Field(description="A pod must match this as well.")] = None
    group: Annotated[str, Field(min_length=1, max_length=63, description="Group of the workload, a label of the agents' metrics.")]
    throttle_permille: Annotated[
        int, Field(ge=0, le=500, description="Target: throttled wall periods of 1000, or time spent waiting where a weight is moved.")
    ]
    containers: Annotated[list[PlannedContainer], Field(min_length=1, max_length=16, description="Containers.", json_schema_extra=list_map("name"))]


class ThrottlePlanSpec(Model):
    """Pods, targets, and whether agents act or only count."""

    action: Annotated[Action, Field(description="Measure: count and export. Control: also move quotas and weights.")]
    quota: Annotated[bool, Field(description="Whether the quotas of containers with a CPU limit are moved.")] = True
    burst: Annotated[bool, Field(description="Whether a burst allowance is set.")] = True
    weight: Annotated[bool, Field(description="Whether the weights of containers without a CPU limit are moved.")] = False
    canary_percent: Annotated[int, Field(ge=1, le=100, description="Share of the pods that is controlled.")] = 100
    keep_permille: Annotated[
        int, Field(ge=0, le=1000, description="No quota goes below this part of 1000 of its grant, no weight below that of the request.")
    ] = 0
    workloads: Annotated[
        list[PlannedWorkload],
        Field(min_length=1, max_length=512, description="Workloads.", json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ]


class ThrottlePlan(Model):
    """Internal: the targets that node agents hold. Written by the operator; edit the LatencySLO instead."""

    metadata: Metadata
    spec: ThrottlePlanSpec
