"""LatencySLO: "99 % of this application's requests answer within 200 ms; these workloads serve it". The part that people write.

Every cross-field rule is CEL, so that `kubectl apply` refuses a bad object with a sentence. Its parts: `objective`, `indicator`, `workload`,
and the status in `latencyslo_status`.
"""

from __future__ import annotations

import enum
from typing import Annotated

from pydantic import ConfigDict, Field

from flyball.api import quantity
from flyball.api.cel import PERCENT, duration_rules, list_map, matches, rules
from flyball.api.latencyslo_status import LatencySLOStatus
from flyball.api.meta import Metadata, Mode, Model
from flyball.api.objective import Objective
from flyball.api.workload import Workload


class PolicyType(enum.StrEnum):
    """How targets are chosen."""

    BUDGET = "Budget"
    BANDIT = "Bandit"
    FIXED = "Fixed"


class Policy(Model):
    """How throttle targets are chosen."""

    type: Annotated[
        PolicyType,
        Field(
            description="Budget: the burn rate of the error budget moves them. Bandit: the highest that has been safe at this load, learned "
            "by load. Fixed: they stay at throttlePercent."
        ),
    ] = PolicyType.BUDGET
    throttle_percent: Annotated[
        str | None,
        Field(
            max_length=6,
            description="Fixed: share of throttled CFS periods to hold, or of waiting under actuators.weight, in percent, 0 to 30.",
            json_schema_extra=rules(
                (f"{matches(PERCENT)} && double(self) <= 30.0", 'throttlePercent must be between 0 and 30, such as "5" or "2.5"'),
            ),
        ),
    ] = None

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("(self.type == 'Fixed') == has(self.throttlePercent)", "policy Fixed needs throttlePercent, Budget and Bandit take none")
        )
    )


class Switch(enum.StrEnum):
    """Whether an actuator is used."""

    AUTO = "Auto"
    OFF = "Off"


class Requests(Model):
    """What happens to the pods' CPU requests."""

    policy: Annotated[
        str,
        Field(
            max_length=16,
            description="Keep: requests stay as they are. (Follow, which moves them in place, comes with a later version.)",
            json_schema_extra=rules(
                ("self != 'Follow'", "requests.policy Follow is not in this version: requests stay as they are (Keep)"),
                ("self in ['Keep', 'Follow']", "requests.policy must be Keep"),
            ),
        ),
    ] = "Keep"
    min: Annotated[
        str | None,
        Field(
            max_length=16,
            description="Follow would never set a request below this; Keep does not read it.",
            json_schema_extra=rules((matches(quantity.PATTERN), "requests.min must be a CPU quantity such as 50m or 0.5")),
        ),
    ] = None


class Actuators(Model):
    """What may be moved."""

    quota: Annotated[
        Switch, Field(description='The CFS quota of containers with a CPU limit. "Off" (in quotes): they are only measured, whatever the mode.')
    ] = Switch.AUTO
    burst: Annotated[Switch, Field(description="The burst allowance: unused quota may be spent later, up to the old limit. Needs Linux 5.14.")] = (
        Switch.AUTO
    )
    weight: Annotated[
        Switch,
        Field(
            description="Auto: containers without a CPU limit are controlled by their weight, between cpu.min and what their request stands for. Needs "
            "nodes that show for how long tasks wait: pressure stall information, schedstats, or the chart's agent.hostPID."
        ),
    ] = Switch.OFF
    requests: Annotated[Requests, Field(description="The pods' CPU requests.")] = Requests()


class Canary(Model):
    """Which part of the pods mode Canary acts on."""

    percent: Annotated[int, Field(ge=1, le=50, description="Share of the pods, chosen by a stable hash of their UID.")] = 10
    duration: Annotated[
        str,
        Field(
            max_length=32,
            description="How long the part is compared before it widens. (Comparing comes with a later version.)",
            json_schema_extra=duration_rules("canary.duration", "30m", (">= duration('1m')", "canary.duration must be at least 1m")),
        ),
    ] = "30m"


class LatencySLOSpec(Model):
    """What is wanted of an application, and what may be moved for it."""

    mode: Annotated[
        Mode,
        Field(
            description="Observe: measure, write nothing but status. Recommend: also publish what it would do. "
            "Canary: act on a part of the pods. Enforce: act. The operator's --max-mode caps it."
        ),
    ] = Mode.RECOMMEND
    suspend: Annotated[bool, Field(description="Give back what was taken and rest.")] = False
    objectives: Annotated[
        list[Objective],
        Field(
            min_length=1, max_length=4, description="What must hold; the one whose budget burns fastest governs.", json_schema_extra=list_map("name")
        ),
    ]
    workloads: Annotated[
        list[Workload], Field(min_length=1, max_length=64, description="What serves the application.", json_schema_extra=list_map("name"))
    ]
    policy: Annotated[Policy, Field(description="How targets are chosen.")] = Policy()
    actuators: Annotated[Actuators, Field(description="What may be moved.")] = Actuators()
    canary: Annotated[Canary, Field(description="The part that mode Canary acts on.")] = Canary()


class LatencySLO(Model):
    """A latency objective and the workloads that serve it; Flyball finds the least CPU that keeps it."""

    metadata: Metadata
    spec: LatencySLOSpec
    status: LatencySLOStatus = LatencySLOStatus()
