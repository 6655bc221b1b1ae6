"""Builders for the demo's tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hack.demo.counters import Counter
from hack.demo.figures import figures
from hack.demo.page import Page
from hack.demo.phases import Phase, Recording
from hack.demo.prometheus import Counts
from hack.demo.records import Request
from hack.demo.status import parse

START = 1_750_000_000.0
"""Unix seconds at which the runs of these tests begin."""
OBSERVED, ENFORCED = 60.0, 120.0


def request(at: float, milliseconds: float = 50.0, ok: bool = True) -> Request:
    """A request sent `at` seconds into the run."""
    return Request(start=START + at, seconds=milliseconds / 1000, ok=ok, route="/browse")


def line(cores: float, since: float = -10.0, until: float = 200.0) -> Counter:
    """A counter of core seconds that was scraped every 5 s."""
    times = range(int(since), int(until), 5)
    return Counter([(START + time, cores * (time - since)) for time in times])


def counts(**cores: tuple[float, float, float]) -> Counts:
    """Services with constant (granted, allocated, used) cores."""
    core_seconds = ({name: [line(values[index])] for name, values in cores.items()} for index in range(3))
    periods = ({name: [line(rate)] for name in cores} for rate in (0.5, 10.0))  # one of twenty is throttled
    return Counts(*core_seconds, *periods)


def decision(at: str = "06:01:30", reason: str = "Spend", message: str = "gateway: budget to spare: targets rise.", high: int = 20) -> dict[str, Any]:
    """One decision of a LatencySLO's status."""
    return {
        "time": f"2025-06-15T{at}Z",
        "reason": reason,
        "message": message,
        "budgetLeftPercent": "80.0",
        "targets": [{"group": "high", "throttlePermille": high, "previousPermille": 0}],
    }


def latency_slo(
    decisions: Sequence[dict[str, Any]] = (), high: int = 20, left: str = "80.0", conditions: Sequence[dict[str, str]] = ()
) -> dict[str, Any]:
    """A LatencySLO as the API serves it."""
    return {
        "spec": {"mode": "Enforce"},
        "status": {
            "mode": "Enforce",
            "objectives": [{"name": "gateway", "budgetLeftPercent": left, "burnRate": "0.50"}],
            "workloads": [
                {"owner": {"kind": "Deployment", "name": "gateway"}, "group": "high", "pods": 1, "throttlePermille": high},
                {"owner": {"kind": "Deployment", "name": "catalog"}, "group": "high", "pods": 1, "throttlePermille": high},
                {"owner": {"kind": "Deployment", "name": "cart"}, "group": "low", "pods": 1, "throttlePermille": 60},
            ],
            "cores": {"usedMilli": 500, "allocatedMilli": 1200, "grantedMilli": 2400},
            "decisions": list(decisions),
            "conditions": list(conditions),
        },
    }


def recording_of(requests: Sequence[Request] = (), decisions: Sequence[dict[str, Any]] = (), given_back: float = 7.0, busy: float = 1.2) -> Recording:
    """A run of one minute of Observe and two of Enforce, ten requests a second."""
    held = list(requests) or [request(at / 10) for at in range(1800)]
    recording = Recording(0.2, 0.01, requests=held, given_back_seconds=given_back)
    recording.phases = [
        Phase("Observe", START, START + OBSERVED),
        Phase("Enforce", START + OBSERVED, START + OBSERVED + ENFORCED),
    ]
    for at in range(0, 181, 5):
        recording.busy.append((START + at, 5000.0 + busy * at))
        snapshot = parse(latency_slo(decisions, high=at // 5), START + at)
        recording.snapshots.append(snapshot)
        recording.decisions.add(snapshot)
    return recording


def page(requests: Sequence[Request] = (), decisions: Sequence[dict[str, Any]] = (), given_back: float = 7.0, busy: float = 1.2) -> Page:
    """The page of such a run with two services."""
    recording = recording_of(requests, decisions, given_back, busy)
    held = recording.requests
    counted = counts(gateway=(0.4, 0.2, 0.1), cart=(0.6, 0.2, 0.1))
    found = {phase.name: figures(held, phase.start, phase.end, 0.2, counted.cores(phase.start, phase.end)) for phase in recording.phases}
    return Page.of(recording, counted, found)
