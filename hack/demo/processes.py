"""Programs that the demo starts, each with a log file, all ended when the demo ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from hack.demo.errors import DemoError

GRACE_SECONDS = 15.0
"""For a clean end. The agent gives back within 2 s; k6 waits up to 7 s for open requests."""


class Processes:
    """Child processes by name, ended in the reverse order of their start."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a program; what it prints goes to its log. In a session of its own, so that Ctrl-C reaches the demo alone, which then ends it."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                env=os.environ | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def ended(self, name: str) -> int | None:
        """The exit status of a program that has ended by itself, else None."""
        return self._running[name].poll()

    def check(self, *names: str) -> None:
        """Raise DemoError, with the end of its log, when one of these has ended."""
        for name in names:
            if (status := self.ended(name)) is not None:
                raise DemoError(f"{name} ended (exit status {status}); its log ends with:\n{self.tail(name)}")

    def wait(self, name: str, seconds: float) -> int:
        """Wait for a program's own end; its exit status. Raises DemoError when it does not come."""
        try:
            return self._running[name].wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"{name} did not end within {seconds:.0f} s.") from error

    def stop(self, name: str) -> None:
        """SIGTERM, then SIGKILL for one that does not end."""
        process = self._running.pop(name, None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        for name in reversed(list(self._running)):
            self.stop(name)

    def tail(self, name: str, lines: int = 12) -> str:
        """The last lines of a program's log."""
        try:
            return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop_all()
