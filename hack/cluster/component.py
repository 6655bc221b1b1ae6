"""One program of a cluster: started and watched by `cluster`, killed, frozen and brought back by tests of faults."""

from __future__ import annotations

import signal
from collections.abc import Callable

from hack.cluster.errors import ClusterError
from hack.cluster.layout import Layout
from hack.cluster.process import Process, poll
from hack.cluster.sandbox import Sandbox, tail

READY_SECONDS = 120.0
"""How long a component may take to come up: 30 times what it takes on an idle machine."""


class Component:
    """One program of the cluster, to be killed, frozen and started again by tests of faults."""

    def __init__(self, layout: Layout, sandbox: Sandbox, name: str, command: Callable[[], list[str]]) -> None:
        self.name = name
        self._file = layout.home / "pids" / name
        self._log = layout.logs / f"{name}.log"
        self._sandbox = sandbox
        self._command = command

    @property
    def process(self) -> Process | None:
        """The running program, None when it does not run."""
        return Process.load(self._file)

    def start(self) -> None:
        if not self.process:
            self._sandbox.spawn(self.name, self._command())

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after 10 s."""
        if process := self.process:
            process.end(grace_seconds=10)

    def kill(self) -> None:
        if process := self.process:
            process.signal(signal.SIGKILL)
            poll(lambda: not process.alive(), 10)

    def freeze(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        if process := self.process:
            process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if process := self.process:
            process.signal(signal.SIGCONT)

    def wait(self, ready: Callable[[], object], seconds: float = READY_SECONDS) -> None:
        """Wait until `ready`. Raises ClusterError with the end of the log when it ends or does not come up."""
        last: list[str] = []

        def done() -> bool:
            if self.process is None:
                raise ClusterError(f"{self.name} ended while starting; its log ends with:\n{tail(self._log)}")
            try:
                return bool(ready())
            except (OSError, ClusterError) as error:
                last[:] = [str(error)]
                return False

        if not poll(done, seconds):
            raise ClusterError(f"{self.name} was not ready within {seconds:.0f} s ({' '.join(last)}); its log ends with:\n{tail(self._log)}")
