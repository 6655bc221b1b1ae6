"""A demand: work per second that a workload serves, and what one replica carries of it. Part of PredictiveAutoscaler; `signals/demand` reads it."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from flyball.api.cel import NAME, exactly_one, matches, rules
from flyball.api.indicator import LABEL, METRIC, MatcherValue, PresetIndicator
from flyball.api.meta import Model

AMOUNT = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"
"""A decimal number; the API has no floats."""

_LABEL_RULES = (
    (f"self.all(key, {matches(LABEL, 'key')})", "a matcher's key must be a Prometheus label name: letters, digits and underscores, no digit first"),
    ("!self.exists(key, key.startsWith('__'))", "matchers must not name a label that starts with __: Prometheus keeps those to itself"),
    ("!('namespace' in self)", "matchers must not name the label namespace: Flyball adds the object's own namespace itself"),
)


class CounterDemand(Model):
    """A Prometheus counter of work done; its rate, summed over all matching series, is the demand."""

    metric: Annotated[
        str,
        Field(
            max_length=256,
            description="Name of the counter, e.g. http_requests_total, or http_request_duration_seconds_count of a histogram.",
            json_schema_extra=rules((matches(METRIC), "metric must be a Prometheus metric name")),
        ),
    ]
    matchers: Annotated[
        dict[str, MatcherValue] | None,
        Field(max_length=16, description="Labels that a series must have with exactly these values.", json_schema_extra=rules(*_LABEL_RULES)),
    ] = None


class PromQLDemand(Model):
    """A free expression. It reads with the operator's rights, so the operator takes it only when started with --allow-promql."""

    rate: Annotated[str, Field(min_length=1, max_length=2048, description="Expression of the demand per second, one series.")]


class Demand(Model):
    """Work per second: exactly one of counter, preset and promql says how it is measured."""

    name: Annotated[
        str,
        Field(
            max_length=63,
            description="Name of the demand.",
            json_schema_extra=rules((matches(NAME), "a demand's name must be lower-case letters, digits and dashes")),
        ),
    ]
    counter: Annotated[CounterDemand | None, Field(description="A Prometheus counter.")] = None
    preset: Annotated[PresetIndicator | None, Field(description="The request counter of a known mesh or gateway.")] = None
    promql: Annotated[PromQLDemand | None, Field(description="A free expression; only where the operator allows it.")] = None
    capacity: Annotated[
        str | None,
        Field(
            max_length=16,
            description="Demand per second that one replica carries at the wanted utilisation, a decimal string such as 120 or 0.5. "
            "Without it Flyball learns it from CPU use against demand.",
            json_schema_extra=rules((f"{matches(AMOUNT)} && double(self) > 0.0", 'capacity must be a number above 0, such as "120" or "0.5"')),
        ),
    ] = None

    model_config = ConfigDict(
        json_schema_extra=rules((exactly_one("counter", "preset", "promql"), "a demand needs exactly one of counter, preset and promql"))
    )

    @property
    def stated_capacity(self) -> float | None:
        """Demand per second and replica, None where it is to be learned."""
        return float(self.capacity) if self.capacity else None
