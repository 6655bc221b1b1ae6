"""What a run of the comparison is asked for, by environment variables: which cells, which policies, how many seeds. What is unknown is refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tests.benchmarks.cpu.cells import Cell, cells, variants
from tests.benchmarks.cpu.plan import FULL, QUICK, Scope

QUICK_CELLS = ("social-network/diurnal", "social-network/noisy", "train-ticket/constant")
CLASSES, OBJECTIVES = ("no-burst", "burst"), ("H", "M")
CUTS = ("APPLICATIONS", "POLICIES", "CLASSES", "OBJECTIVES")
HELD = ("HELD_SEEDS", "HELD_POLICIES", "HELD_CLASSES", "HELD_APPLICATIONS")
NAMES = ("FROM_PAGE", "QUICK", "HOLDOUT", "SEEDS", *CUTS, "VARIED", *HELD)


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a run."""

    scope: Scope
    chosen: list[Cell]
    """Cells that constants were chosen on."""
    held_scope: Scope
    held: list[Cell]
    """Cells that none was chosen on."""
    varied: list[Cell]
    three_weeks: bool
    whole: bool
    """Whether nothing is left out but, it may be, the cells held out: the page of the documentation is written then."""
    said: Mapping[str, object]
    """The same in words, for the results."""


def asked(env: Mapping[str, str] = os.environ) -> Asked:
    """Raises SystemExit for a value that does not exist: what is not run would be missing from the table without a word."""
    quick, holdout = env.get("QUICK") == "1", env.get("HOLDOUT") == "1"
    scope = QUICK if quick else FULL
    policies = (*FULL.tuned, *FULL.pairs, *FULL.untuned)
    known: dict[str, Iterable[str]] = {
        "APPLICATIONS": dict.fromkeys(cell.application for which in (False, True) for cell in cells(holdout=which)),
        "POLICIES": policies,
        "CLASSES": CLASSES,
        "OBJECTIVES": OBJECTIVES,
        "HELD_POLICIES": policies,
        "HELD_CLASSES": CLASSES,
    }
    known["HELD_APPLICATIONS"] = known["APPLICATIONS"]
    listed = {name: _listed(name, env, its) for name, its in known.items()}
    scope = _cut(replace(scope, seeds=_seeds("SEEDS", env, scope.seeds)), listed["POLICIES"], listed["CLASSES"])
    if listed["OBJECTIVES"]:
        scope = replace(scope, minutes_objective="M" in listed["OBJECTIVES"])
    held_scope = _cut(replace(scope, seeds=_seeds("HELD_SEEDS", env, scope.seeds)), listed["HELD_POLICIES"], listed["HELD_CLASSES"])
    whole = not quick and not any(listed[name] for name in CUTS)
    more = whole or env.get("VARIED") == "1"
    wanted = listed["APPLICATIONS"]
    held_wanted = listed["HELD_APPLICATIONS"] or wanted
    said: dict[str, object] = {"quick": quick, "holdout": holdout, "seconds": scope.seconds, "seeds": len(scope.seeds)}
    said |= {name.lower().replace("_", " "): env[name].replace(",", " ") for name in (*CUTS, *HELD) if env.get(name)}
    said["command"] = " ".join([*(f"{name}={env[name]}" for name in NAMES if env.get(name)), "make bench SUITE=cpu"])
    return Asked(
        scope,
        [its for its in cells(holdout=False) if (not quick or its.name in QUICK_CELLS) and (not wanted or its.application in wanted)],
        held_scope,
        [its for its in cells(holdout=True) if holdout and (not held_wanted or its.application in held_wanted)],
        variants() if more else [],
        more,
        whole,
        said,
    )


def _cut(scope: Scope, policies: list[str], classes: list[str]) -> Scope:
    """Of these policies and classes alone; without any named, of all."""
    scope = scope.only(policies) if policies else scope
    return replace(scope, classes=tuple(burst for burst in scope.classes if not classes or CLASSES[burst] in classes))


def _seeds(name: str, env: Mapping[str, str], seeds: tuple[int, ...]) -> tuple[int, ...]:
    value = env.get(name) or str(len(seeds))
    if not value.isdecimal() or int(value) < 1:
        raise SystemExit(f"{name}: {value!r} is no number of seeds; there are {len(seeds)}")
    return seeds[: int(value)]


def _listed(name: str, env: Mapping[str, str], known: Iterable[str]) -> list[str]:
    values, known = [value for value in env.get(name, "").split(",") if value], list(known)
    for value in values:
        if value not in known:
            raise SystemExit(f"{name}: there is no {value!r}; there are {', '.join(known)}")
    return values
