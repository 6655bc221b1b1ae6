"""Objects that a CRD's rules refuse, and the rules that must each have one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flyball.api.crd import KINDS, crd


@dataclass(frozen=True)
class Refused:
    """The minimal object with `path` set to `value` is refused at `where`, with the sentence."""

    title: str
    path: str
    value: Any
    where: str
    sentence: str


def sentences(*plurals: str) -> set[str]:
    """The sentences of all rules of these kinds."""
    return {rule["message"] for kind in KINDS if kind.plural in plurals for rule in _rules(crd(kind))}


def _rules(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        yield from value.get("x-kubernetes-validations", ())
        for part in value.values():
            yield from _rules(part)
    elif isinstance(value, list):
        for part in value:
            yield from _rules(part)
