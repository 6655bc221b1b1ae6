"""PredictiveAutoscaler: "have replicas ready before the demand comes". The part that people write.

Its parts: `demand`, `behavior`, and the status in `predictiveautoscaler_status`. Rules over several fields are CEL with a sentence each.
"""

from __future__ import annotations

import enum
from typing import Annotated

from pydantic import ConfigDict, Field

from flyball.api.behavior import Behavior
from flyball.api.cel import NAME, SUBDOMAIN, duration_rules, list_map, matches, rules
from flyball.api.demand import AMOUNT, Demand
from flyball.api.meta import Metadata, Mode, Model
from flyball.api.predictiveautoscaler_status import PredictiveAutoscalerStatus

API_VERSION_PATTERN = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9][a-z0-9]*$"
KIND_PATTERN = r"^[A-Z][A-Za-z0-9]*$"
CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
ZONE = r"^[A-Za-z]+([-_+/][A-Za-z0-9]+)*$"
QUANTILE = r"^([5-8][0-9](\.[0-9])?|9[0-8](\.[0-9])?|99(\.0)?)$"
"""The engine's largest quantile is .99: what is missed one time in a thousand happens ten times a week, which is too few to hold it against."""


class ScaleTarget(Model):
    """The object whose `/scale` is moved, in the same namespace."""

    api_version: Annotated[
        str,
        Field(
            max_length=317,
            description="API version of the target.",
            json_schema_extra=rules((matches(API_VERSION_PATTERN), "scaleTargetRef.apiVersion must be a group and version such as apps/v1")),
        ),
    ] = "apps/v1"
    kind: Annotated[
        str,
        Field(
            max_length=63,
            description="Kind of the target: anything with a scale subresource, e.g. Deployment.",
            json_schema_extra=rules((matches(KIND_PATTERN), "scaleTargetRef.kind must be a kind such as Deployment or StatefulSet")),
        ),
    ] = "Deployment"
    name: Annotated[
        str,
        Field(
            max_length=253,
            description="Name of the target.",
            json_schema_extra=rules((matches(SUBDOMAIN), "scaleTargetRef.name must be the name of a Kubernetes object")),
        ),
    ]

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Via(enum.StrEnum):
    """What is moved."""

    SCALE = "Scale"
    HPA_FLOOR = "HPAFloor"


class Day(enum.StrEnum):
    """A day of the week."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


_Clock = Annotated[
    str, Field(max_length=5, json_schema_extra=rules((matches(CLOCK), 'a schedule\'s start and end must be times of day such as "08:00"')))
]


class Schedule(Model):
    """At least so many replicas at these hours, whatever the demand; they are ready when it begins."""

    name: Annotated[
        str,
        Field(
            max_length=63,
            description="Name of the schedule.",
            json_schema_extra=rules((matches(NAME), "a schedule's name must be lower-case letters, digits and dashes")),
        ),
    ]
    days: Annotated[
        list[Day], Field(min_length=1, max_length=7, description="Days on which it begins.", json_schema_extra={"x-kubernetes-list-type": "set"})
    ] = list(Day)
    start: Annotated[_Clock, Field(description='When it begins, in quotes, e.g. "08:00".')]
    end: Annotated[_Clock, Field(description="When it ends; at or before the start: on the next day.")]
    time_zone: Annotated[
        str,
        Field(
            max_length=64,
            description="Whose clock, as in the IANA database, e.g. Europe/Berlin.",
            json_schema_extra=rules((matches(ZONE), "a schedule's timeZone must be a name of the IANA database such as Europe/Berlin or UTC")),
        ),
    ] = "UTC"
    min_replicas: Annotated[int, Field(ge=1, le=10_000, description="Replicas at least.")]


def _price(field: str) -> dict[str, object]:
    return rules((f"{matches(AMOUNT)} && double(self) > 0.0", f'cost.{field} must be a number above 0, such as "0.12"'))


_PAYS_ONE = (
    f"!has(self.maxPerHour) || !{matches(AMOUNT, 'self.maxPerHour')} || !{matches(AMOUNT, 'self.replicaHour')}"
    " || double(self.maxPerHour) >= double(self.replicaHour)"
)
"""CEL; what is no number has a sentence of its own."""


class Cost(Model):
    """Money, in any currency: a ceiling of as many replicas as maxPerHour pays, or what too few of them cost, or both. minReplicas is kept all the same."""

    replica_hour: Annotated[str, Field(max_length=16, description="Price of a replica for an hour.", json_schema_extra=_price("replicaHour"))]
    max_per_hour: Annotated[
        str | None,
        Field(
            max_length=16, description="What all replicas may cost an hour; without it there is no ceiling.", json_schema_extra=_price("maxPerHour")
        ),
    ] = None
    short_minute: Annotated[
        str | None,
        Field(
            max_length=16,
            description="What a minute with too few replicas costs. With it, replicas beyond the expected demand are asked for as long as they save more "
            "than they cost, by how often earlier demand was that much higher; the expected demand is then the median, whatever `quantile` says.",
            json_schema_extra=_price("shortMinute"),
        ),
    ] = None

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.maxPerHour) || has(self.shortMinute)", "cost needs maxPerHour, shortMinute or both: a price alone decides nothing"),
            (_PAYS_ONE, "cost.maxPerHour must not be below cost.replicaHour: it would not pay for one replica"),
        )
    )

    @property
    def short_replica_minutes(self) -> float | None:
        """Replica-minutes that a short minute costs."""
        return None if self.short_minute is None else 60 * float(self.short_minute) / float(self.replica_hour)

    @property
    def replicas(self) -> int | None:
        """Replicas that the money allows; None where there is no ceiling."""
        return None if self.max_per_hour is None else int(float(self.max_per_hour) / float(self.replica_hour) + 1e-9)


class PredictiveAutoscalerSpec(Model):
    """Which workload, which demands, and within which bounds."""

    scale_target_ref: Annotated[ScaleTarget, Field(description="What is scaled.")]
    mode: Annotated[
        str,
        Field(
            max_length=16,
            description="Observe: measure and forecast, write nothing but status. Recommend: also publish what it would do. Enforce: scale. "
            "The operator's --max-mode caps it.",
            json_schema_extra=rules(
                ("self != 'Canary'", "mode Canary is not for replicas: a part of a number is a number; use Recommend and then Enforce"),
                ("self in ['Observe', 'Recommend', 'Canary', 'Enforce']", "mode must be Observe, Recommend or Enforce"),
            ),
        ),
    ] = Mode.RECOMMEND.value
    suspend: Annotated[bool, Field(description="Rest; replicas stay as they are, and an HPA's floor goes back to what it was.")] = False
    via: Annotated[
        Via,
        Field(description="Scale: spec.replicas of the target. HPAFloor: minReplicas of the HPA that scales the target, which goes on as it is."),
    ] = Via.SCALE
    min_replicas: Annotated[int, Field(ge=0, le=10_000, description="Replicas at least; 0 allows scaling to zero.")] = 1
    max_replicas: Annotated[int, Field(ge=1, le=10_000, description="Replicas at most.")]
    demands: Annotated[
        list[Demand], Field(min_length=1, max_length=4, description="What is served; the largest need wins.", json_schema_extra=list_map("name"))
    ]
    utilization_percent: Annotated[
        int, Field(ge=10, le=95, description="Wanted CPU use of a replica, of what its spec grants; what learned capacities and saturation go by.")
    ] = 70
    ready_after: Annotated[
        str | None,
        Field(
            max_length=32,
            description="Time from asking for a replica until it serves, e.g. 90s. Without it Flyball learns it from the pods' own starts.",
            json_schema_extra=duration_rules(
                "readyAfter",
                "90s",
                (">= duration('1s')", "readyAfter must be at least 1s"),
                ("<= duration('1h')", "readyAfter must be at most 1h: forecasts reach no further at one-minute resolution"),
            ),
        ),
    ] = None
    quantile: Annotated[
        str,
        Field(
            max_length=4,
            description="Share of the time, in percent, in which the forecast should suffice, 50 to 99. More costs replicas, less costs latency.",
            json_schema_extra=rules((matches(QUANTILE), 'quantile must be a percentage from 50 to 99 with at most one decimal, such as "95"')),
        ),
    ] = "95"
    behavior: Annotated[Behavior, Field(description="How fast replicas come and go.")] = Behavior()
    scale_to_zero_after: Annotated[
        str,
        Field(
            max_length=32,
            description="Where minReplicas is 0: time without demand before the last replica goes.",
            json_schema_extra=duration_rules(
                "scaleToZeroAfter", "10m", (">= duration('1m')", "scaleToZeroAfter must be at least 1m: a scrape may miss a request for as long")
            ),
        ),
    ] = "10m"
    schedules: Annotated[list[Schedule], Field(max_length=16, description="Floors by the clock.", json_schema_extra=list_map("name"))] = []
    cost: Annotated[Cost | None, Field(description="A ceiling by money, and what too few replicas cost.")] = None

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self.minReplicas <= self.maxReplicas", "minReplicas must not be above maxReplicas"),
            ("self.via == 'Scale' || self.minReplicas >= 1", "via HPAFloor needs minReplicas of at least 1: an HPA's floor cannot be 0"),
        )
    )


class PredictiveAutoscaler(Model):
    """Demands and the workload that serves them; Flyball has replicas ready before the demand comes."""

    metadata: Metadata
    spec: PredictiveAutoscalerSpec
    status: PredictiveAutoscalerStatus = PredictiveAutoscalerStatus()
