"""Indicators: how good and total requests are counted, the source of an objective's error budget.

A LatencySLO's objective holds one; `signals/` turns it into queries. Label names are checked here, because they go into PromQL.
"""

from __future__ import annotations

import enum
from typing import Annotated

from pydantic import ConfigDict, Field

from flyball.api.cel import SUBDOMAIN, exactly_one, matches, rules
from flyball.api.meta import Model

METRIC = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"
LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"


class LatencyUnit(enum.StrEnum):
    """Unit of a histogram's bucket bounds."""

    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"


_LABEL_RULES = (
    (f"self.all(key, {matches(LABEL, 'key')})", "a matcher's key must be a Prometheus label name: letters, digits and underscores, no digit first"),
    ("!self.exists(key, key.startsWith('__'))", "matchers must not name a label that starts with __: Prometheus keeps those to itself"),
    ("!('namespace' in self)", "matchers must not name the label namespace: Flyball adds the object's own namespace itself"),
    ("!('le' in self)", "matchers must not name the label le: Flyball chooses the bucket by the threshold"),
)
_REGEX_RULE = (
    "self.all(key, ''.matches(self[key]) in [true, false])",
    "badMatchers' values must be regular expressions (RE2)",
)
"""True for every expression; one that cannot be read makes the rule fail with the parser's words before this sentence."""
MatcherValue = Annotated[str, Field(max_length=256)]


class HistogramIndicator(Model):
    """Good requests are those in the bucket at or below the threshold of a classic Prometheus histogram."""

    metric: Annotated[
        str,
        Field(
            max_length=256,
            description="Name of the histogram without _bucket, _count or _sum, e.g. http_request_duration_seconds.",
            json_schema_extra=rules(
                (matches(METRIC), "metric must be a Prometheus metric name"),
                ("!" + matches("_(bucket|count|sum)$"), "metric must be the histogram's name without _bucket, _count or _sum"),
            ),
        ),
    ]
    unit: Annotated[LatencyUnit, Field(description="Unit of the bucket bounds.")] = LatencyUnit.SECONDS
    matchers: Annotated[
        dict[str, MatcherValue] | None,
        Field(max_length=16, description="Labels that a series must have with exactly these values.", json_schema_extra=rules(*_LABEL_RULES)),
    ] = None
    bad_matchers: Annotated[
        dict[str, MatcherValue] | None,
        Field(
            max_length=8,
            description="Requests that match one of these (label: regular expression, anchored) are bad however fast they were, e.g. code: 5..",
            json_schema_extra=rules(*_LABEL_RULES, _REGEX_RULE),
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
            max_length=253,
            description="istio: destination_workload; linkerd: deployment; nginx-ingress: ingress.",
            json_schema_extra=rules((matches(SUBDOMAIN), "workload must be the name of a Kubernetes object")),
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
        json_schema_extra=rules((exactly_one("histogram", "preset", "promql"), "indicator needs exactly one of histogram, preset and promql"))
    )
