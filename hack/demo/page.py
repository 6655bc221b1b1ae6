"""What the report shows, as plain series: made from a run's recording, kept in run.json, drawn by `report`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from hack.demo import machine
from hack.demo.counters import Counter, mean, steps
from hack.demo.figures import MINUTE, Bin, Figures, bins
from hack.demo.phases import Phase, Recording
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
    throttled: Points
    """Percent of periods of all services together that were throttled."""
    services: list[Service]
    decisions: list[dict[str, Any]]
    observe: dict[str, Any]
    enforce: dict[str, Any]
    busy_cores: dict[str, float | None]
    """Phase -> mean cores of the machine that were busy with anything."""
    busy: Points
    """The same in stretches of ten seconds."""
    machine_cores: int
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
            throttled=[
                (since(time), _known(100 * throttled / periods) if periods > 0 else None)
                for (time, throttled), (_, periods) in zip(
                    steps(counts.series(counts.throttled), start, end, BIN_SECONDS),
                    steps(counts.series(counts.periods), start, end, BIN_SECONDS),
                    strict=True,
                )
            ],
            services=services,
            decisions=[
                {**decision.as_json(), "at": since(decision.unix_time())} for decision in recording.decisions.all() if decision.unix_time() >= start
            ],
            observe=found["Observe"].as_json(),
            enforce=found["Enforce"].as_json(),
            busy_cores={phase.name: busy_cores(recording, phase) for phase in recording.phases},
            busy=[(since(time), value) for time, value in busy_steps(recording, start, end)],
            machine_cores=machine.cores(),
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


def busy_cores(recording: Recording, phase: Phase) -> float | None:
    """Mean cores of the machine that were busy during a phase; None where the machine does not tell."""
    return round(mean(_busy(recording), phase.start, phase.end), 2) if recording.busy else None


def busy_steps(recording: Recording, start: float, end: float) -> Points:
    """(Unix seconds, cores that were busy) in stretches of ten seconds."""
    return [(time, _known(value)) for time, value in steps(_busy(recording), start, end, BIN_SECONDS)] if recording.busy else []


def _busy(recording: Recording) -> list[Counter]:
    first = recording.busy[0][1]
    return [Counter([(time, value - first) for time, value in recording.busy])]


def _known(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None


def _cores(counts: Counts, start: float, end: float, name: str) -> tuple[float, float, float]:
    cores = counts.cores(start, end, name)
    return round(cores.granted, 4), round(cores.allocated, 4), round(cores.used, 4)
