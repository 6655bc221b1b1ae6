"""CEL: rules that the API server checks when an object is applied, each with the sentence that a person reads when it is broken.

The helpers make the schema extras of the models' fields. The API server estimates the cost of every rule before it takes a CRD, so whatever a
rule touches has a length.
"""

from __future__ import annotations

from typing import Any

from flyball.api import duration

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""A DNS label, as Kubernetes names containers."""

SUBDOMAIN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
"""A DNS subdomain, as Kubernetes names workloads."""

PERCENT = r"^[0-9]{1,2}(\.[0-9]{1,3})?$"


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """Schema extra: CEL rules, each with its sentence."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


def list_map(*keys: str) -> dict[str, Any]:
    """Schema extra: a list whose items are told apart by `keys`, for server-side apply."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def matches(pattern: str, value: str = "self") -> str:
    """CEL: `value` matches the pattern. A rule, unlike the schema's `pattern`, answers with a sentence."""
    return f"{value}.matches(r'{pattern}')"


def exactly_one(*fields: str) -> str:
    """CEL: one of the fields is set, and no other."""
    return " + ".join(f"(has(self.{field}) ? 1 : 0)" for field in fields) + " == 1"


def duration_rules(field: str, example: str, *bounds: tuple[str, str]) -> dict[str, Any]:
    """Schema extra: the string is a duration, and for each bound (comparison such as `>= duration('5m')`, sentence) it holds."""
    shaped = matches(duration.PATTERN)
    bounded = [(f"!{shaped} || duration(self) {comparison}", message) for comparison, message in bounds]
    return rules((shaped, f"{field} must be a duration such as {example}"), *bounded)
