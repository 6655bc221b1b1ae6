"""A whole demo, from an empty machine to summary.json and report.html."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from hack.demo import environment as environments
from hack.demo import live, machine, prometheus, report, shop, trace
from hack.demo.environment import Environment
from hack.demo.figures import Figures, figures, summary
from hack.demo.kind import Kind
from hack.demo.load import Load
from hack.demo.local import Local
from hack.demo.page import BIN_SECONDS, Page, busy_steps
from hack.demo.phases import SPARE_SECONDS, WARM_UP_SECONDS, Recording, Run
from hack.demo.processes import Processes

SCRAPES_SECONDS = 12.0
"""Two scrapes: before a phase and after it, so that counters can be read at its very ends."""

Progress = Callable[[str], None]


def run(minutes: float, observe_minutes: float, keep: bool, output: Path, name: str, progress: Progress) -> None:
    """Run the demo. Raises DemoError or ClusterError with a sentence when it could not run; a missed objective is a result, not an error."""
    output = output.resolve()  # k6 takes files by their place beside its script otherwise
    output.mkdir(parents=True, exist_ok=True)
    for old in ("summary.json", "report.html", "run.json"):
        (output / old).unlink(missing_ok=True)  # an old result must not pass for this run's
    with Processes(output / "logs") as processes:
        chosen = Kind if environments.docker_answers() else Local
        environment: Environment = chosen(processes, output, name, progress)
        done = False
        try:
            environment.up()
            _measure(environment, processes, minutes, observe_minutes, output, progress)
            environment.stop_flyball()
            done = True
        finally:
            if done and keep:
                print(f"\nThe cluster stays up:\n  {environment.usage()}")
            else:
                processes.stop_all()
                environment.down(keep_logs=isinstance(sys.exception(), Exception))  # after a fault, not after Ctrl-C


def _measure(environment: Environment, processes: Processes, minutes: float, observe_minutes: float, output: Path, progress: Progress) -> None:
    progress("deploying the shop")
    environment.deploy_shop()
    progress("starting Flyball's operator and agent")
    environment.start_flyball()
    shop.apply_objective(environment.kubectl)
    shop.wait_serving(environment.get)
    load = Load(processes, output, environment.k6())
    seconds = round(60 * (minutes + observe_minutes))
    load.start(environment.gateway, trace.plan(trace.read(), WARM_UP_SECONDS, seconds + SPARE_SECONDS))
    with live.Display() as display:
        watching = Run(environment, load, display)
        watching.phase("warm-up", WARM_UP_SECONDS)
        watching.recording.phases.clear()
        observe = watching.phase("Observe", 60 * observe_minutes)
        shop.set_mode(environment.kubectl, "Enforce")
        enforce = watching.phase("Enforce", 60 * minutes)
        watching.drain(enforce.end)
    recording = watching.recording
    counts = prometheus.read(environment.prometheus_url, observe.start - SCRAPES_SECONDS, enforce.end + SCRAPES_SECONDS)
    watching.give_back(progress)
    found = {
        phase.name: figures(recording.requests, phase.start, phase.end, recording.objective_seconds, counts.cores(phase.start, phase.end))
        for phase in (observe, enforce)
    }
    made_in_enforce = [decision for decision in recording.decisions.all() if decision.unix_time() >= enforce.start - 1]
    result = summary(recording.objective_seconds, found["Enforce"], found["Observe"], [decision.as_json() for decision in made_in_enforce])
    (output / "summary.json").write_text(json.dumps(result, indent=2) + "\n")
    page = Page.of(recording, counts, found)
    (output / "run.json").write_text(page.dumps())
    (output / "report.html").write_text(report.render(page))
    print(closing(found["Observe"], found["Enforce"], recording, output))


def closing(observe: Figures, enforce: Figures, recording: Recording, output: Path) -> str:
    """What came out, in a few honest lines."""
    kept = enforce.slow_share <= recording.allowed_share
    lines = [
        "",
        f"Objective: {100 * (1 - recording.allowed_share):g} % of requests within {1000 * recording.objective_seconds:.0f} ms.",
        f"Observe: {_line(observe)}",
        f"Enforce: {_line(enforce)}",
        f"Objective {'kept' if kept else 'MISSED'} in Enforce: {100 * enforce.slow_share:.2f} % of requests slow or failed, "
        f"{enforce.minutes_violated} of {enforce.minutes:g} minutes with a p99 above it.",
        f"Requests not sent on time: {recording.dropped}.",
        *_crowded(recording),
        f"Given back {recording.given_back_seconds:.0f} s after the change back to Observe."
        if recording.given_back_seconds == recording.given_back_seconds
        else "Giving back was NOT seen within a minute of the change back to Observe.",
        f"Page: {output / 'report.html'}   figures: {output / 'summary.json'}",
    ]
    return "\n".join(lines)


def _crowded(recording: Recording) -> list[str]:
    """A warning when the machine was so busy that latency says little about quotas."""
    observe, enforce = recording.phases
    bins = [value for _, value in busy_steps(recording, observe.start, enforce.end) if value is not None]
    crowded = sum(value > machine.CROWDED_SHARE * machine.cores() for value in bins)
    if not crowded:
        return []
    return [f"The machine was crowded for {BIN_SECONDS * crowded:.0f} s: requests waited for its {machine.cores()} cores, not only for quota."]


def _line(phase: Figures) -> str:
    cores = phase.cores
    return (
        f"{phase.requests} requests, {phase.errors} errors, p99 {1000 * phase.p99_seconds:.0f} ms; {cores.allocated:.2f} of "
        f"{cores.granted:.2f} cores allocated, {cores.used:.2f} used: {cores.saved_percent:.0f} % saved"
    )
