"""Processes of a cluster, found again by PID and start time, so that another command, or the next one after a crash, can end them and no other."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Process:
    """A running process; `started` (clock ticks since boot) tells it from a later one with the same PID."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        stat = _stat(pid)
        return cls(pid, stat[19]) if stat else None

    @classmethod
    def load(cls, file: Path) -> Process | None:
        """The process that `save` wrote, if it still runs."""
        try:
            pid, started = file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        process = cls(int(pid), started)
        return process if process.alive() else None

    def save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{self.pid} {self.started}")

    def alive(self) -> bool:
        """Whether it runs. A child of ours that has ended is reaped on the way."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        stat = _stat(self.pid)
        return stat is not None and stat[19] == self.started and stat[0] not in "ZX"

    def signal(self, number: signal.Signals) -> None:
        if self.alive():
            os.kill(self.pid, number)

    def end(self, grace_seconds: float) -> None:
        """SIGTERM, then SIGKILL when it has not gone in time."""
        for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
            self.signal(number)
            if poll(lambda: not self.alive(), seconds):
                return
        raise ClusterError(f"Process {self.pid} does not end, not even by SIGKILL.")

    def children(self) -> list[Process]:
        try:
            pids = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return []
        return [child for pid in pids if (child := Process.of(int(pid)))]

    def pid_inside(self) -> str:
        """Its PID as its own PID namespace counts, empty when it has ended."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return ""
        return next(line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:"))


def poll(condition: Callable[[], object], seconds: float, step: float = 0.05) -> bool:
    """Whether `condition` became true within `seconds`."""
    end = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() > end:
            return False
        time.sleep(step)


def unproxied() -> dict[str, str]:
    """This process's environment without proxies: a cluster's addresses are known to this machine alone."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def _stat(pid: int) -> list[str] | None:
    """Fields 3 onwards of /proc/PID/stat."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
