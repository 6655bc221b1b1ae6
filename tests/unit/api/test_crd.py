"""The converter: what pydantic writes becomes what the API server takes; and what was made from the models is current."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import ConfigDict, Field

from flyball.api.cel import rules
from flyball.api.crd import KINDS, Kind, crd, structural
from flyball.api.latencyslo import LatencySLO
from flyball.api.meta import Model
from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from flyball.api.throttleplan import ThrottlePlan
from hack import generate
from tests.api_objects import full_pas, full_plan, full_slo


class Colour(StrEnum):
    RED = "Red"
    BLUE = "Blue"


class Inner(Model):
    """An inner object."""

    size: Annotated[int, Field(gt=0, description="How large.")] = 3
    note: str | None = None

    model_config = ConfigDict(json_schema_extra=rules(("self.size != 13", "no thirteen")))


class Outer(Model):
    """An outer object."""

    plain: Inner
    described: Annotated[Inner | None, Field(description="At its field.", json_schema_extra=rules(("self.size < 9", "small")))] = None
    defaulted: Inner = Inner()
    colour: Colour = Colour.RED
    only: Literal["one"] = "one"
    many_names: list[Inner] = []  # noqa: RUF012 (pydantic copies it)
    labels: dict[str, Colour] | None = None


class Choice(Model):
    """A choice that no structural schema can hold."""

    either: int | str


def properties() -> dict[str, Any]:
    inner: dict[str, Any] = structural(Outer)["properties"]
    return inner


def test_references_are_written_out() -> None:
    assert properties()["plain"]["properties"]["size"]["type"] == "integer"
    assert properties()["manyNames"]["items"] == properties()["plain"]


def test_an_optional_field_is_its_type_and_not_required() -> None:
    assert properties()["described"]["type"] == "object"
    assert properties()["plain"]["properties"]["note"] == {"type": "string"}
    assert structural(Outer)["required"] == ["plain"]


def test_a_description_at_the_field_wins_over_the_models() -> None:
    assert properties()["plain"]["description"] == "An inner object."
    assert properties()["described"]["description"] == "At its field."


def test_rules_of_the_model_and_of_the_field_both_hold() -> None:
    assert [rule["message"] for rule in properties()["described"]["x-kubernetes-validations"]] == ["no thirteen", "small"]


def test_a_default_is_complete_and_without_nulls() -> None:
    assert properties()["defaulted"]["default"] == {"size": 3}
    assert properties()["manyNames"]["default"] == []


def test_an_exclusive_bound_is_written_as_the_api_server_wants_it() -> None:
    size = properties()["plain"]["properties"]["size"]
    assert (size["minimum"], size["exclusiveMinimum"]) == (0, True)


def test_a_single_word_is_an_enum_of_one() -> None:
    assert properties()["only"] == {"type": "string", "default": "one", "enum": ["one"]}


def test_a_map_has_the_type_of_its_values() -> None:
    assert properties()["labels"]["additionalProperties"]["enum"] == ["Red", "Blue"]


def test_a_choice_of_types_is_refused_when_the_crds_are_made() -> None:
    with pytest.raises(ValueError, match="no place for a choice of 2 types"):
        structural(Choice)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_nothing_is_left_that_the_api_server_refuses(kind: Kind) -> None:
    def keys(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, part in value.items():
                yield key
                if key not in ("default", "properties"):
                    yield from keys(part)
                elif key == "properties":
                    for inner in part.values():
                        yield from keys(inner)

    schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert {"$ref", "$defs", "anyOf", "allOf", "title", "const", "uniqueItems"}.isdisjoint(keys(schema))


def test_defaults_do_not_depend_on_how_much_was_written() -> None:
    """Parsing what was stored changes nothing: the defaults are complete at every depth."""
    for model, obj in ((LatencySLO, full_slo()), (PredictiveAutoscaler, full_pas()), (ThrottlePlan, full_plan())):
        assert model.parse(obj).to_api()["spec"] == obj["spec"]


def test_generated_files_are_current() -> None:
    stale = [path.name for path, text in generate.files().items() if not path.exists() or path.read_text() != text]
    assert stale == [], "`make generate` writes them"


def test_the_chart_carries_the_same_crds() -> None:
    made = generate.files()
    for kind in KINDS:
        assert made[generate.ROOT / "crds" / f"{kind.plural}.yaml"] == made[generate.ROOT / "helm" / "flyball" / "crds" / f"{kind.plural}.yaml"]


def test_check_names_what_is_not_current_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate"])
    assert generate.main() == 0
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    assert generate.main() == 0
    changed, surplus = tmp_path / "crds" / "latencyslos.yaml", tmp_path / "docs" / "reference" / "gone.md"
    changed.write_text("edited by hand")
    surplus.write_text("a kind that is no more")
    assert generate.main() == 1
    said = capsys.readouterr().err
    assert "crds/latencyslos.yaml" in said
    assert "docs/reference/gone.md" in said
    assert changed.read_text() == "edited by hand"
    monkeypatch.setattr("sys.argv", ["generate"])
    assert generate.main() == 0
    assert yaml.safe_load(changed.read_text())["kind"] == "CustomResourceDefinition"
    assert not surplus.exists()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_the_reference_names_every_rule_and_shows_an_example(kind: Kind) -> None:
    page = generate.reference(kind)
    messages = re.findall(r"^ +message: (.*)$", yaml.dump(crd(kind), width=10_000), re.MULTILINE)
    for message in messages:
        assert yaml.safe_load(message) in page
    assert f"kind: {kind.name}" in page
