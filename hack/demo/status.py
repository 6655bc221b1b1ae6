"""What the LatencySLO's status says, as the live table and the page show it. Pure: the object's JSON in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Decision:
    """One of the operator's decisions."""

    time: str
    reason: str
    message: str
    targets: dict[str, int] = field(default_factory=dict)
    """Group -> throttle target in thousandths."""
    budget_left_percent: float = math.nan

    def unix_time(self) -> float:
        """Its time in Unix seconds."""
        return datetime.fromisoformat(self.time).timestamp()

    def as_json(self) -> dict[str, object]:
        left = self.budget_left_percent
        return {
            "time": self.time,
            "reason": self.reason,
            "message": self.message,
            "targets_permille": self.targets,
            "budget_left_percent": left if math.isfinite(left) else None,
        }


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The status at one time; NaN where it says nothing."""

    time: float
    """Unix seconds at which it was read."""
    mode: str = ""
    budget_left_percent: float = math.nan
    burn_rate: float = math.nan
    targets: dict[str, int] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Group -> names of the workloads in it."""
    used: float = math.nan
    allocated: float = math.nan
    granted: float = math.nan
    """Cores over the last minute."""
    decisions: tuple[Decision, ...] = ()
    troubles: tuple[str, ...] = ()
    """Conditions that a person should know of, in sentences."""


def parse(thing: Mapping[str, Any], time: float) -> Snapshot:
    """A snapshot from a LatencySLO as the API serves it. With several objectives the one with the least budget counts."""
    status = thing.get("status") or {}
    objectives = status.get("objectives") or []
    least: Mapping[str, Any] = min(objectives, key=lambda objective: float(objective["budgetLeftPercent"]), default={})
    workloads = status.get("workloads") or []
    groups: dict[str, list[str]] = {}
    for workload in workloads:
        groups.setdefault(workload["group"], []).append(workload["owner"]["name"])
    cores = status.get("cores") or {}
    return Snapshot(
        time=time,
        mode=status.get("mode") or "",
        budget_left_percent=float(least.get("budgetLeftPercent", math.nan)),
        burn_rate=float(least.get("burnRate", math.nan)),
        targets={workload["group"]: workload["throttlePermille"] for workload in workloads},
        groups={group: sorted(names) for group, names in sorted(groups.items())},
        used=_cores(cores.get("usedMilli")),
        allocated=_cores(cores.get("allocatedMilli")),
        granted=_cores(cores.get("grantedMilli")),
        decisions=tuple(map(_decision, status.get("decisions") or [])),
        troubles=tuple(_troubles(status.get("conditions") or [])),
    )


def _decision(record: Mapping[str, Any]) -> Decision:
    return Decision(
        time=record["time"],
        reason=record["reason"],
        message=record["message"],
        targets={change["group"]: change["throttlePermille"] for change in record.get("targets") or []},
        budget_left_percent=float(record.get("budgetLeftPercent") or math.nan),
    )


def _troubles(conditions: list[Mapping[str, Any]]) -> list[str]:
    """Conditions that are not as they should be. Enforcing is False in Observe, which is as it should be."""
    wrong = {"Ready": "False", "SignalsAvailable": "False", "BudgetAvailable": "False", "Conflicted": "True"}
    return [f"{c['type']}: {c['message']}" for c in conditions if wrong.get(c["type"]) == c["status"]]


def _cores(milli: int | None) -> float:
    return math.nan if milli is None else milli / 1000


class Decisions:
    """All decisions of a run: the status keeps the last ten, this keeps what was seen."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], Decision] = {}

    def add(self, snapshot: Snapshot) -> None:
        """Take in a status. A decision is known by its time and reason; the operator adds further steps of a rise to it, so the last sight counts."""
        for decision in snapshot.decisions:
            self._seen[decision.time, decision.reason] = decision

    def all(self) -> list[Decision]:
        """In the order of their times."""
        return sorted(self._seen.values(), key=lambda decision: decision.time)
