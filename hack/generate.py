"""Writes what is made from models and commands: crds/, the chart's copy of them, docs/reference. `--check` fails when one of them is not current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from flyball.api.crd import KINDS, Kind, crd
from flyball.api.meta import API_VERSION
from hack import cli_reference

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# Made from operator/flyball/api by `make generate`; do not edit.\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is not current")
    check = parser.parse_args().check
    wanted = files()
    folders = {path.parent for path in wanted}
    surplus = [path for folder in folders if folder.exists() for path in folder.iterdir() if path not in wanted]
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if check:
        for path in [*stale, *surplus]:
            print(f"not current: {path.relative_to(ROOT)}", file=sys.stderr)
        if stale or surplus:
            print("`make generate` makes these files from operator/flyball/api.", file=sys.stderr)
        return 1 if stale or surplus else 0
    for path in surplus:
        path.unlink()
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


def files() -> dict[Path, str]:
    """Every generated file and its text."""
    made: dict[Path, str] = {}
    for kind in KINDS:
        text = HEADER + yaml.dump(crd(kind), Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True)
        made[ROOT / "crds" / f"{kind.plural}.yaml"] = text
        made[ROOT / "helm" / "flyball" / "crds" / f"{kind.plural}.yaml"] = text
        made[ROOT / "docs" / "reference" / f"{kind.name.lower()}.md"] = reference(kind)
    made[ROOT / "docs" / "reference" / "cli.md"] = cli_reference.page()
    return made


def reference(kind: Kind) -> str:
    """The reference page of a kind."""
    schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    lines = [f"# {kind.name}", "", f"`{API_VERSION}`, short name `{kind.short}`. {schema['description']}", ""]
    example = ROOT / "examples" / f"{kind.name.lower()}.yaml"
    if example.exists():
        lines += ["```yaml", example.read_text().rstrip(), "```", ""]
    for part in ("spec", "status"):
        if part in schema["properties"]:
            lines += [f"## {part}", "", "| field | type | default | meaning |", "|---|---|---|---|"]
            lines += _rows("", schema["properties"][part])
            lines.append("")
    rules = _rules("spec", schema["properties"]["spec"])
    if rules:
        lines += ["## Refused by the API server", "", "| where | when |", "|---|---|", *rules, ""]
    return "\n".join(["<!-- Made by `make generate`; do not edit. -->", *lines])


def _rows(prefix: str, schema: dict[str, Any]) -> list[str]:
    rows = []
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        required = name in schema.get("required", ())
        default = "required" if required else f"`{_short(field['default'])}`" if "default" in field else ""
        rows.append(f"| `{path}` | {_type(field)} | {default} | {field.get('description', '').replace('|', chr(92) + '|')} |")
        inner = field.get("items", field)
        rows += _rows(f"{path}[]." if "items" in field else f"{path}.", inner)
    return rows


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "items" in field:
        return f"list of {_type(field['items'])}{_between(field.get('minItems', 0), field.get('maxItems'))}"
    if "additionalProperties" in field:
        return f"map to {_type(field['additionalProperties'])}{_between(field.get('minProperties', 0), field.get('maxProperties'))}"
    return str(field["type"]) + _between(field.get("minimum", 0), field.get("maximum"))


def _between(least: int, most: int | None) -> str:
    return "" if most is None else f", {least} to {most}"


def _short(value: object) -> str:
    text = yaml.dump(value, default_flow_style=True, width=1000).strip().removesuffix("...").strip()
    return text if len(text) <= 80 else "see the fields"


def _rules(path: str, schema: dict[str, Any]) -> list[str]:
    rows = [f"| `{path}` | {rule['message']} |" for rule in schema.get("x-kubernetes-validations", ())]
    for name, field in schema.get("properties", {}).items():
        rows += _rules(f"{path}.{name}", field)
    if "items" in schema:
        rows += _rules(f"{path}[]", schema["items"])
    return rows


class _Dumper(yaml.SafeDumper):
    """Writes every value in full: the same defaults stand in several places, and anchors would hide them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


if __name__ == "__main__":
    sys.exit(main())
