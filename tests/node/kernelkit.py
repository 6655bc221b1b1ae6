"""For tests of the governor on this machine's kernel: busy processes in control groups of their own, neighbours, and ticks; no cluster."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from flyball.agent.governor import Governor
from hack.cluster.process import poll
from tests.unit.cgroup.trees import ROOT, make_group

HOG = "while True: pass\n"
# Two processes, parent and child, that work for the given share of each 50 ms.
WORK = """
import os, sys, time
os.fork()
share = float(sys.argv[1]) / 2
while True:
    end = time.process_time() + 0.05 * share
    while time.process_time() < end: pass
    time.sleep(max(0.0, 0.05 * (1 - share)))
"""


def within(group: Path, program: str) -> list[str]:
    """A command that enters the group, where its CPU is counted as well as where it is shared out (v1 has a tree for each), and runs the program."""
    files = [str(folder / "cgroup.procs") for folder in (ROOT / "cpuacct" / group.relative_to(ROOT / "cpu"), group)]
    return [sys.executable, "-S", "-c", f"import os\nfor file in {files!r}:\n    open(file, 'w').write(str(os.getpid()))\n{program}"]


class Tree:
    """Busy processes in a group."""

    def __init__(self, group: Path) -> None:
        self._group = group
        self._processes: list[subprocess.Popen[bytes]] = []

    def work(self, cores: float) -> None:
        self._processes.append(subprocess.Popen([*within(self._group, WORK), str(cores)]))

    def end(self) -> None:
        for pid in (self._group / "cgroup.procs").read_text().split():
            subprocess.run(["kill", "-9", pid], check=False)
        for process in self._processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def neighbours(group: Path, shares: int = 10_240) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Neighbours of the pod of `group` that want every CPU, by default at ten times the pod's weight; nobody else on the machine comes between them
    and the pod."""
    root = group.parent.parent
    (root / "cpu.shares").write_text("262144")
    neighbour = make_group(str((root / "neighbour").relative_to(ROOT / "cpu")))
    (neighbour / "cpu.shares").write_text(str(shares))
    processes = [subprocess.Popen(within(neighbour, HOG)) for _ in range(os.cpu_count() or 1)]
    try:
        assert poll(lambda: len((neighbour / "cgroup.procs").read_text().split()) == len(processes), 20)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def tick_until(governor: Governor, done: Callable[[], bool], seconds: float) -> float:
    """Tick each second until `done`, which is asked every 10 ms; the seconds it took."""
    begun = time.monotonic()
    due = begun
    while time.monotonic() - begun < seconds:
        if time.monotonic() >= due:
            governor.freshness.seen(str(due), 0.0, time.monotonic())
            governor.tick(time.monotonic())
            due += 1.0
        if done():
            return time.monotonic() - begun
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s")
