"""What the demo says at its end: honest, whatever came out."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.demo import machine
from hack.demo.driver import closing
from hack.demo.figures import Cores, figures
from hack.demo.phases import Recording
from tests.unit.demo.builders import recording_of, request

OUTPUT = Path("build/demo")


def said(recording: Recording) -> str:
    observe, enforce = (
        figures(recording.requests, phase.start, phase.end, 0.2, Cores(granted=2.4, allocated=allocated, used=0.5))
        for phase, allocated in zip(recording.phases, (2.4, 1.2), strict=True)
    )
    return closing(observe, enforce, recording, OUTPUT)


def test_a_run_that_kept_its_objective_says_what_it_saved() -> None:
    text = said(recording_of())
    assert "Objective: 99 % of requests within 200 ms." in text
    assert "Enforce: 1200 requests, 0 errors, p99 50 ms; 1.20 of 2.40 cores allocated, 0.50 used: 50 % saved" in text
    assert "Objective kept in Enforce: 0.00 % of requests slow or failed, 0 of 2 minutes with a p99 above it." in text
    assert "Requests not sent on time: 0." in text
    assert "Given back 7 s after" in text
    assert "crowded" not in text


def test_a_missed_objective_is_said_aloud() -> None:
    late = [request(at / 10, 300 if at % 20 == 0 else 50) for at in range(1800)]
    assert "Objective MISSED in Enforce: 5.00 % of requests slow or failed, 2 of 2 minutes" in said(recording_of(late))


def test_quota_that_was_not_seen_to_come_back_is_said_aloud() -> None:
    assert "Giving back was NOT seen" in said(recording_of(given_back=float("nan")))


@pytest.mark.parametrize(("share", "crowded"), [(0.85, False), (0.95, True)])
def test_a_crowded_machine_is_told_because_latency_then_says_little_about_quotas(share: float, crowded: bool) -> None:
    assert ("The machine was crowded for 180 s" in said(recording_of(busy=share * machine.cores()))) is crowded
