"""Benchmark `live`: static limits, K8s-CPU-Fast, Autothrottle and Flyball on the demo's shop under a real kernel. `make bench SUITE=live`.

QUICK=1: one round of a minute and a half. ROUNDS=n, BLOCK_SECONDS=n, SETTLE_SECONDS=n: other lengths. POLICIES=a,b: those alone; any policy of
`flyball simulate --list` will do. build/bench/live.json holds the outcome; a full run writes docs/benchmarks/live.md as well. Needs Linux and root,
as the local cluster does, and a machine with nothing else to do. Ctrl-C gives back and removes the cluster.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hack.cluster.layout import REPOSITORY
from hack.demo import machine
from hack.demo.errors import DemoError
from hack.demo.local import Local
from hack.demo.processes import Processes
from hack.ending import ended
from tests.benchmarks.live import report
from tests.benchmarks.live.contenders import NAMES
from tests.benchmarks.live.experiment import experiment
from tests.benchmarks.live.scene import Scene
from tests.benchmarks.live.score import standings, summary
from tests.benchmarks.live.shape import FULL, QUICK, Shape

FOLDER = REPOSITORY / "build" / "live"
OUT = REPOSITORY / "build" / "bench" / "live.json"
PAGE = REPOSITORY / "docs" / "benchmarks" / "live.md"
NAME = "live"


def main() -> int:
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {line}", file=sys.stderr, flush=True)

    return ended(lambda: measure(say), FOLDER)


def measure(say: Callable[[str], None]) -> None:
    """From an empty machine to the files."""
    base = QUICK if os.environ.get("QUICK") == "1" else FULL
    shape = asked(base)
    policies = [name for name in os.environ.get("POLICIES", "").split(",") if name] or list(NAMES)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Processes(FOLDER / "logs") as processes:
        environment = Local(processes, FOLDER, NAME, say)
        scene = Scene(environment, processes, FOLDER)
        try:
            scene.up()
            fit, blocks = experiment(scene, shape, policies, say)
            environment.stop_flyball()
        finally:
            scene.close()
            processes.stop_all()
            environment.down(keep_logs=isinstance(sys.exception(), Exception))  # after a fault, not after Ctrl-C
    found = standings(blocks)
    figures = summary(found)
    scope = said(shape)
    report.write_json(OUT, blocks, found, figures, fit.as_json(), scope)
    if shape == FULL and policies == list(NAMES):
        PAGE.write_text(report.page(blocks, found, figures, scope))
    print(report.terminal(blocks, found, figures))
    print(f"\n{OUT}")


def asked(base: Shape) -> Shape:
    """The shape with what the environment changes. Raises DemoError for what is no number of seconds or rounds."""
    changes = {}
    for variable, field, least in (("ROUNDS", "rounds", 1), ("BLOCK_SECONDS", "block", 10), ("SETTLE_SECONDS", "settle", 5)):
        text = os.environ.get(variable)
        if text is None:
            continue
        if not text.isdecimal() or int(text) < least:
            raise DemoError(f"{variable} must be a whole number of at least {least}, not {text!r}.")
        changes[field] = int(text)
    return replace(base, **changes)


def said(shape: Shape) -> dict[str, Any]:
    """Under what the figures were measured."""
    return {
        "rounds": shape.rounds,
        "block_seconds": shape.block,
        "settle_seconds": shape.settle,
        "observe_seconds": shape.observe,
        "warm_up_run_seconds": shape.warm_up_run,
        "cpus": machine.cores(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
