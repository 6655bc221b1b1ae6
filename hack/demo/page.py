"""What the report shows, as plain series: made from a run's recording, kept in run.json, drawn by `report`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from hack.demo.counters import steps
from hack.demo.figures import MINUTE, Bin, Figures, bins
from hack.demo.phases import Recording
from hack.demo.prometheus import Counts

BIN_SECONDS = 10.0
"""200 to 390 requests lie in 10 s: p99 is the second to fourth largest, coarse but telling; minutes are drawn beside it."""

Points = list[tuple[float, float | None]]
"""(seconds since the run's start, value); None where it was not known."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service's mean cores in Enforce."""

    name: str
    group: str
    granted: float
    allocated: float
    used: float


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page holds. Times are seconds since the beginning of Observe."""

    started: str
    """UTC, ISO 8601."""
    objective_seconds: float
    allowed_share: float
    seconds: float
    enforce_at: float
    rate: Points
    p99: Points
    p99_minutes: Points
    """At each minute's middle, minutes counted from the beginning of each phase."""
    budget: Points
    granted: Points
    allocated: Points
    used: Points
    targets: dict[str, Points]
    """Group -> percent."""
    services: list[Service]
    decisions: list[dict[str, Any]]
    observe: dict[str, Any]
    enforce: dict[str, Any]
    dropped: int
    given_back_seconds: float | None

    @classmethod
    def of(cls, recording: Recording, counts: Counts, found: Mapping[str, Figures]) -> Page:
        """The page of a run."""
        observe, enforce = recording.phases
        start, end, objective = observe.start, enforce.end, recording.objective_seconds

        def since(time: float) -> float:
            return round(time - start, 2)

        def points(held: list[Bin], value: str) -> Points:
            return [(since(one.start + one.seconds / 2), _known(getattr(one, value))) for one in held]

        def cores(kind: dict[str, list[Any]]) -> Points:
            return [(since(time), _known(value)) for time, value in steps(counts.series(kind), start, end, BIN_SECONDS)]

        tens = bins(recording.requests, start, end, BIN_SECONDS, objective)
        minutes: Points = []
        for phase in recording.phases:
            minutes += points(bins(recording.requests, phase.start, phase.end, MINUTE, objective), "p99")
            minutes.append((since(phase.end), None))  # the line does not lead from one phase into the other
        seen = [snapshot for snapshot in recording.snapshots if start <= snapshot.time <= end]
        group_of = {name: group for group, names in (seen[-1].groups.items() if seen else ()) for name in names}
        services = [
            Service(name, group_of.get(name, ""), *_cores(counts, enforce.start, enforce.end, name))
            for name in sorted(counts.granted, key=lambda name: -counts.cores(enforce.start, enforce.end, name).granted)
        ]
        return cls(
            started=datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            objective_seconds=objective,
            allowed_share=recording.allowed_share,
            seconds=since(end),
            enforce_at=since(enforce.start),
            rate=points(tens, "rate"),
            p99=points(tens, "p99"),
            p99_minutes=minutes,
            budget=[(since(snapshot.time), _known(snapshot.budget_left_percent)) for snapshot in seen],
            granted=cores(counts.granted),
            allocated=cores(counts.allocated),
            used=cores(counts.used),
            targets={
                group: [(since(snapshot.time), snapshot.targets[group] / 10 if group in snapshot.targets else None) for snapshot in seen]
                for group in sorted({group for snapshot in seen for group in snapshot.targets})
            },
            services=services,
            decisions=[
                {**decision.as_json(), "at": since(decision.unix_time())} for decision in recording.decisions.all() if decision.unix_time() >= start
            ],
            observe=found["Observe"].as_json(),
            enforce=found["Enforce"].as_json(),
            dropped=recording.dropped,
            given_back_seconds=_known(recording.given_back_seconds),
        )

    def dumps(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def loads(cls, text: str) -> Page:
        """A page that `dumps` wrote."""
        held = json.loads(text)
        return cls(**{**held, "services": [Service(**service) for service in held["services"]]})


def _known(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None


def _cores(counts: Counts, start: float, end: float, name: str) -> tuple[float, float, float]:
    cores = counts.cores(start, end, name)
    return round(cores.granted, 4), round(cores.allocated, 4), round(cores.used, 4)
