"""LatencySLO: "99 % of this application's requests answer within 200 ms; these workloads serve it". The part that people write.

Every cross-field rule is CEL, so that `kubectl apply` refuses a bad object with a sentence; the status is in `latencyslo_status`.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from flyball.api import duration, quantity
from flyball.api.latencyslo_status import LatencySLOStatus
from flyball.api.meta import LabelSelector, Metadata, Mode, Model, Owner, list_map, rules

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
METRIC = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"
LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
PERCENT = r"^[0-9]{1,2}(\\.[0-9]{1,3})?$"
_DURATION = duration.PATTERN.replace("\\", "\\\\")
_QUANTITY = quantity.PATTERN.replace("\\", "\\\\")


def _duration_rules(field: str, example: str, *more: tuple[str, str]) -> dict[str, Any]:
    shaped = f"self.matches('{_DURATION}')"
    checked = [(f"!{shaped} || ({rule})", message) for rule, message in more]
    return rules((shaped, f"{field} must be a duration such as {example}"), *checked)


def _exactly_one(*fields: str) -> str:
    return " + ".join(f"(has(self.{field}) ? 1 : 0)" for field in fields) + " == 1"


class LatencyUnit(enum.StrEnum):
    """Unit of a histogram's bucket bounds."""

    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"


_MATCHER_RULES = rules(
    (f"self.all(key, key.matches('{LABEL}'))", "a matcher's key must be a Prometheus label name: letters, digits and underscores, no digit first"),
    ("!('namespace' in self)", "matchers must not name the label namespace: Flyball adds the object's own namespace itself"),
    ("!('le' in self)", "matchers must not name the label le: Flyball chooses the bucket by the threshold"),
)
MatcherValue = Annotated[str, Field(max_length=256)]


class HistogramIndicator(Model):
    """Good requests are those in the bucket at or below the threshold of a classic Prometheus histogram."""

    metric: Annotated[
        str,
        Field(
            min_length=1,
            max_length=256,
            description="Name of the histogram without _bucket, _count or _sum, e.g. http_request_duration_seconds.",
            json_schema_extra=rules(
                (f"self.matches('{METRIC}')", "metric must be a Prometheus metric name"),
                ("!self.matches('_(bucket|count|sum)$')", "metric must be the histogram's name without _bucket, _count or _sum"),
            ),
        ),
    ]
    unit: Annotated[LatencyUnit, Field(description="Unit of the bucket bounds.")] = LatencyUnit.SECONDS
    matchers: Annotated[
        dict[str, MatcherValue] | None,
        Field(max_length=16, description="Labels that a series must have with exactly these values.", json_schema_extra=_MATCHER_RULES),
    ] = None
    bad_matchers: Annotated[
        dict[str, MatcherValue] | None,
        Field(
            max_length=8,
            description="Requests that match one of these (label: regular expression, anchored) are bad however fast they were, e.g. code: 5..",
            json_schema_extra=_MATCHER_RULES,
        ),
    ] = None


class PresetName(enum.StrEnum):
    """Meshes and gateways whose histograms Flyball knows."""

    ISTIO = "istio"
    LINKERD = "linkerd"
    NGINX_INGRESS = "nginx-ingress"


class PresetIndicator(Model):
    """The latency histogram that a mesh or gateway keeps for a workload."""

    name: Annotated[PresetName, Field(description="Which mesh or gateway.")]
    workload: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description="istio: destination_workload; linkerd: deployment; nginx-ingress: ingress.",
            json_schema_extra=rules(("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')", "workload must be a Kubernetes name")),
        ),
    ]


class PromQLIndicator(Model):
    """Two free expressions. They read with the operator's rights, so the operator takes them only when started with --allow-promql."""

    good: Annotated[
        str, Field(min_length=1, max_length=2048, description="Expression of a counter of good requests, one series; Flyball takes its increase.")
    ]
    total: Annotated[str, Field(min_length=1, max_length=2048, description="Expression of a counter of all requests, one series.")]


class Indicator(Model):
    """How good and total requests are counted: exactly one of the fields."""

    histogram: Annotated[HistogramIndicator | None, Field(description="A classic Prometheus histogram.")] = None
    preset: Annotated[PresetIndicator | None, Field(description="The histogram of a known mesh or gateway.")] = None
    promql: Annotated[PromQLIndicator | None, Field(description="Free expressions; only where the operator allows them.")] = None

    model_config = ConfigDict(
        json_schema_extra=rules((_exactly_one("histogram", "preset", "promql"), "indicator needs exactly one of histogram, preset and promql"))
    )


class Objective(Model):
    """A share of requests that must be good within a threshold, over a rolling window."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            description="Name of the objective.",
            json_schema_extra=rules((f"self.matches('{NAME}')", "an objective's name must be lower-case letters, digits and dashes")),
        ),
    ]
    target: Annotated[
        str,
        Field(
            max_length=6,
            description="Percent of requests that must be good, as a decimal string, e.g. 99 or 99.9.",
            json_schema_extra=rules(
                (f"self.matches('{PERCENT}')", 'target must be a percentage below 100 with at most three decimals, such as "99" or "99.9"'),
                (f"!self.matches('{PERCENT}') || double(self) > 0.0", "target must be above 0"),
            ),
        ),
    ]
    threshold: Annotated[
        str,
        Field(
            max_length=32,
            description="A good request is answered within this time, e.g. 200ms. Where it is no bound of the histogram, the bound below counts.",
            json_schema_extra=_duration_rules("threshold", "200ms", ("duration(self) > duration('0s')", "threshold must be above zero")),
        ),
    ]
    window: Annotated[
        str,
        Field(
            max_length=32,
            description="The rolling window over which the target must hold, 5m to 720h.",
            json_schema_extra=_duration_rules(
                "window",
                "1h",
                ("duration(self) >= duration('5m') && duration(self) <= duration('720h')", "window must be between 5m and 720h (30 days)"),
            ),
        ),
    ] = "1h"
    indicator: Annotated[Indicator, Field(description="How requests are counted.")]

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                f"!self.threshold.matches('{_DURATION}') || !self.window.matches('{_DURATION}') || duration(self.threshold) < duration(self.window)",
                "threshold must be shorter than window",
            )
        )
    )

    @property
    def share(self) -> float:
        """The target as a share, 0 to 1."""
        return float(self.target) / 100

    @property
    def threshold_seconds(self) -> float:
        return duration.seconds(self.threshold)

    @property
    def window_seconds(self) -> float:
        return duration.seconds(self.window)


class Control(enum.StrEnum):
    """Whether a container's quota may be moved."""

    AUTO = "Auto"
    OFF = "Off"


class CPUBounds(Model):
    """Bounds of a container's quota; the upper one is the limit in the pod's spec."""

    min: Annotated[
        str,
        Field(
            max_length=16,
            description="The quota never goes below this, e.g. 50m.",
            json_schema_extra=rules(
                (f"self.matches('{_QUANTITY}')", "cpu.min must be a CPU quantity such as 50m or 0.5"),
                (
                    f"!self.matches('{_QUANTITY}') || quantity(self).compareTo(quantity('10m')) >= 0",
                    "cpu.min must be at least 10m: the kernel's smallest quota",
                ),
            ),
        ),
    ] = "50m"


class ContainerPolicy(Model):
    """What may be done to the containers of a name."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            description='Name of the container; "*" stands for all that are not named.',
            json_schema_extra=rules(
                (f"self == '*' || self.matches('{NAME}')", 'a container\'s name must be lower-case letters, digits and dashes, or "*"')
            ),
        ),
    ]
    control: Annotated[Control, Field(description="Auto: the quota follows the targets. Off: hands off.")] = Control.AUTO
    cpu: Annotated[CPUBounds, Field(description="Bounds of the quota.")] = CPUBounds()

    @property
    def min_milli(self) -> int:
        return quantity.milli(self.cpu.min)


class TargetRef(Model):
    """One workload of the object's namespace."""

    api_version: Annotated[str, Field(max_length=64, description="API version of the workload.")] = "apps/v1"
    kind: Annotated[Literal["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"], Field(description="Kind of the workload.")]
    name: Annotated[str, Field(min_length=1, max_length=253, description="Name of the workload.")]

    model_config = ConfigDict(json_schema_extra=rules(("self.apiVersion == 'apps/v1'", "targetRef must name a workload of apps/v1")))

    @property
    def owner(self) -> Owner:
        return Owner(kind=self.kind, name=self.name)


class Workload(Model):
    """Pods that serve the application: a selector or one workload by name."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            description="Name of the entry.",
            json_schema_extra=rules((f"self.matches('{NAME}')", "a workload's name must be lower-case letters, digits and dashes")),
        ),
    ]
    selector: Annotated[
        LabelSelector | None, Field(description="Pods by labels; each controller among them is steered as a workload of its own.")
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
        json_schema_extra=rules((_exactly_one("selector", "targetRef"), "a workload needs exactly one of selector and targetRef"))
    )


class PolicyType(enum.StrEnum):
    """How targets are chosen."""

    BUDGET = "Budget"
    FIXED = "Fixed"


class Policy(Model):
    """How throttle targets are chosen."""

    type: Annotated[PolicyType, Field(description="Budget: the burn rate of the error budget moves them. Fixed: they stay at throttlePercent.")] = (
        PolicyType.BUDGET
    )
    throttle_percent: Annotated[
        str | None,
        Field(
            max_length=6,
            description="Fixed: share of throttled CFS periods to hold, in percent, 0 to 30.",
            json_schema_extra=rules(
                (f"self.matches('{PERCENT}') && double(self) <= 30.0", 'throttlePercent must be between 0 and 30, such as "5" or "2.5"'),
            ),
        ),
    ] = None

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("(self.type == 'Fixed') == has(self.throttlePercent)", "policy Fixed needs throttlePercent, policy Budget takes none")
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


class Actuators(Model):
    """What may be moved."""

    quota: Annotated[Switch, Field(description="The CFS quota of containers. Off: measure only, whatever the mode.")] = Switch.AUTO
    burst: Annotated[Switch, Field(description="The burst allowance: unused quota may be spent later, up to the old limit. Needs Linux 5.14.")] = (
        Switch.AUTO
    )
    requests: Annotated[Requests, Field(description="The pods' CPU requests.")] = Requests()


class Canary(Model):
    """Which part of the pods mode Canary acts on."""

    percent: Annotated[int, Field(ge=1, le=50, description="Share of the pods, chosen by a stable hash of their UID.")] = 10
    duration: Annotated[
        str,
        Field(
            max_length=32,
            description="How long the part is compared before it widens. (Comparing comes with a later version.)",
            json_schema_extra=_duration_rules("canary.duration", "30m", ("duration(self) >= duration('1m')", "canary.duration must be at least 1m")),
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
