"""The operator as a process, as people run it: the command `flyball operator` under the rights of its service account."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from hack.cluster.process import poll

FLYBALL = Path(sys.executable).parent / "flyball"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Operator:
    """One `flyball operator`."""

    def __init__(self, folder: Path, kubeconfig: Path, prometheus_url: str, identity: str = "operator", **options: object) -> None:
        self.identity = identity
        self.port = free_port()
        self.log_file = folder / f"{identity}.log"
        given = {"tick_seconds": 1, "renew_seconds": 2, "lookback_seconds": 30, "prometheus_timeout_seconds": 2, **options}
        extra = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        self._command = [
            str(FLYBALL),
            "operator",
            *("--kubeconfig", str(kubeconfig), "--prometheus-url", prometheus_url, "--identity", identity),
            *("--listen-host", "127.0.0.1", "--listen-port", str(self.port), *extra),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def runs(self, *command: str) -> None:
        """Run this in place of the command `flyball`."""
        self._command[:1] = command

    def start(self) -> Operator:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FLYBALL_")}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was not started"
        return self._process.pid

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None, "it was not started"
        self._process.send_signal(number)

    def wait(self, seconds: float = 15) -> int:
        """The exit status."""
        assert self._process is not None, "it was not started"
        return self._process.wait(seconds)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        if self.running():
            self.send(signal.SIGKILL)
            self.wait()

    def end(self) -> None:
        """End it however it stands; by SIGTERM if that does, so that the next one need not wait for its Lease to run out."""
        if self.running():
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait()
        self.kill()

    def leads(self) -> bool:
        return "flyball_leading 1.0" in self.http("metrics")[1]

    def http(self, path: str) -> tuple[int, str]:
        """Status and body of an endpoint; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def log(self) -> str:
        return self.log_file.read_text()


@contextlib.contextmanager
def running(operator: Operator, seconds: float = 25) -> Iterator[Operator]:
    """The operator, once it leads and its caches are filled; ended afterwards."""
    try:
        operator.start()
        assert poll(lambda: operator.leads() and operator.http("readyz")[0] == 200, seconds), operator.log()
        yield operator
    finally:
        operator.end()
