"""Every field of the CRDs, one after the other, refuses another type and whatever lies beyond its bounds, on the real API server.

The table is made from the CRDs: a field or bound that is added is tested without anybody remembering it. Cross-field rules: test_crds_rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from flyball.api.crd import KINDS, Kind, crd
from hack.cluster import Cluster
from tests.api_objects import changed, full_pas, full_pas_status, full_plan, full_slo, full_status
from tests.cluster.rest import Rest
from tests.cluster.served import served

pytestmark = pytest.mark.cluster

OBJECTS = {
    "latencyslos": {**full_slo("typed"), "status": full_status()},
    "predictiveautoscalers": {**full_pas("typed"), "status": full_pas_status()},
    "throttleplans": full_plan("typed"),
}
OTHER_TYPE = {"string": 7, "integer": "many", "boolean": "yes", "object": "none", "array": "none"}


@dataclass(frozen=True)
class Case:
    """The object that uses every field, with `path` set to `value`, is refused with `sentence`."""

    plural: str
    path: str
    value: Any
    sentence: str
    why: str

    def __str__(self) -> str:
        return f"{self.plural} {self.path}: {self.why}"


def schema_of(kind: Kind) -> dict[str, Any]:
    schema: dict[str, Any] = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return {**schema, "properties": {part: schema["properties"][part] for part in ("spec", "status") if part in schema["properties"]}}


def fields(schema: dict[str, Any], value: Any, path: str = "", named: str = "") -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Each field that the object uses: its path in the object, its path in the schema, its schema, its value."""
    if named:
        yield path, named, schema, value
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            yield from fields(inner, value[name], f"{path}.{name}".lstrip("."), f"{named}.{name}".lstrip("."))
    if "items" in schema:
        for index, item in enumerate(value):
            yield from fields(schema["items"], item, f"{path}.{index}", f"{named}[]")
    if "additionalProperties" in schema:
        for key, item in value.items():
            if "." not in key:  # `changed` takes a dot for the next step
                yield from fields(schema["additionalProperties"], item, f"{path}.{key}", f"{named}.*")


def declared(schema: dict[str, Any], named: str = "") -> Iterator[str]:
    """The path of each field that the schema has."""
    if named:
        yield named
    for name, inner in schema.get("properties", {}).items():
        yield from declared(inner, f"{named}.{name}".lstrip("."))
    if "items" in schema:
        yield from declared(schema["items"], f"{named}[]")
    if "additionalProperties" in schema:
        yield from declared(schema["additionalProperties"], f"{named}.*")


def beyond(schema: dict[str, Any], value: Any) -> Iterator[tuple[str, Any, str]]:
    """Values that the schema must not take: why, value, what the API server says."""
    yield "another type", OTHER_TYPE[schema["type"]], f"must be of type {schema.get('format', schema['type'])}"
    if "enum" in schema:
        yield "a word that is not on the list", "Perhaps", "supported values: " + ", ".join(f'"{word}"' for word in schema["enum"])
    if schema.get("format") == "date-time":
        yield "no time", "yesterday", "must be of type date-time"
    if "maximum" in schema:
        yield "too much", schema["maximum"] + 1, f"should be less than or equal to {schema['maximum']}"
    if "minimum" in schema:
        yield "too little", schema["minimum"] - 1, f"should be greater than or equal to {schema['minimum']}"
    if "maxLength" in schema:
        yield "too long", "1" * (schema["maxLength"] + 1), f"may not be more than {schema['maxLength']} bytes"
    if schema.get("minLength"):
        yield "empty", "", f"should be at least {schema['minLength']} chars long"
    if "maxItems" in schema:
        yield "too many items", _many(schema, value, schema["maxItems"] + 1), f"must have at most {schema['maxItems']} items"
    if schema.get("minItems"):
        yield "too few items", [], f"should have at least {schema['minItems']} items"
    if "maxProperties" in schema:
        key, item = next(iter(value.items()))
        many = {f"{key}{number}": item for number in range(schema["maxProperties"] + 1)}
        yield "too many entries", many, f"must have at most {schema['maxProperties']} items"


def _many(schema: dict[str, Any], value: list[Any], count: int) -> list[Any]:
    keys = schema.get("x-kubernetes-list-map-keys", ())
    items = [deepcopy(value[0]) for _ in range(count)]
    for number, item in enumerate(items):
        for key in keys:
            item[key] = number if isinstance(item[key], int) else f"n{number}"
    return items


def cases() -> Iterator[Case]:
    for kind in KINDS:
        seen: set[tuple[str, str]] = set()
        for path, named, schema, value in fields(schema_of(kind), OBJECTS[kind.plural]):
            for why, wrong, sentence in beyond(schema, value):
                if (named, why) not in seen:
                    seen.add((named, why))
                    yield Case(kind.plural, path, wrong, sentence, why)


CASES = list(cases())


@pytest.fixture(scope="module")
def rest(api_cluster: Cluster) -> Iterator[Rest]:
    rest = served(api_cluster)
    whole = {"latencyslos": full_slo("typed"), "predictiveautoscalers": full_pas("typed")}
    for plural, body in whole.items():
        made = rest.create(plural, body)
        assert made.code == 201, made.message
    yield rest
    for plural in whole:
        rest.delete(plural, "default", "typed")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_field_refuses_what_it_does_not_take(rest: Rest, case: Case) -> None:
    obj = changed(OBJECTS[case.plural], case.path, case.value)
    if case.path.startswith("status"):
        stored = rest.get(case.plural, "default", "typed")
        answer = rest.put_status(case.plural, {**stored, "status": obj["status"]}, dry_run=True)
    else:
        obj["metadata"]["name"] = "other"
        answer = rest.create(case.plural, obj, dry_run=True)
    assert answer.code in (400, 422), f"taken: {answer.body}"
    assert case.sentence in answer.message
    assert case.path.rsplit(".", 1)[-1] in answer.message or case.path[-1].isdigit()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_no_field_is_left_out(kind: Kind) -> None:
    used = {named for _, named, _, _ in fields(schema_of(kind), OBJECTS[kind.plural])}
    assert [path for path in declared(schema_of(kind)) if path not in used] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_every_string_and_every_list_ends_somewhere(kind: Kind) -> None:
    limits = {"string": ("maxLength", "enum", "format"), "array": ("maxItems",)}
    endless = [
        named
        for _, named, schema, _ in fields(schema_of(kind), OBJECTS[kind.plural])
        if schema["type"] in limits and not any(limit in schema for limit in limits[schema["type"]])
    ]
    assert endless == []
