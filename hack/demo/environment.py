"""Where the demo runs: kind where a docker engine answers, otherwise the local cluster. Both offer the same few things."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Protocol

Progress = Callable[[str], None]


class Environment(Protocol):
    """A cluster with Prometheus, on which the shop and Flyball are put."""

    prometheus_url: str
    """As this machine reaches it."""
    gateway: str
    """HOST:PORT of the shop's front door, as the load generator reaches it."""

    def up(self) -> None:
        """Start cluster and Prometheus."""

    def deploy_shop(self) -> None:
        """Build the shop's image, deploy it, and wait until it serves."""

    def k6(self) -> list[str]:
        """The load generator's command; it reaches `gateway`, and it finds the shop's and the output folder where they lie on this machine."""

    def start_flyball(self) -> None:
        """Start operator and agent."""

    def get(self, path: str) -> bytes:
        """A raw GET of the API server."""

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl; what it printed."""

    def check(self) -> None:
        """Raise DemoError when something that must run has ended."""

    def usage(self) -> str:
        """How a person uses kubectl on it, and ends it."""

    def stop_flyball(self) -> None:
        """Stop operator and agent; the agent gives back first."""

    def down(self, keep_logs: bool) -> None:
        """Remove the cluster; with `keep_logs` its logs stay."""


def docker_answers() -> bool:
    """Whether a docker engine answers; the client alone is not enough."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        return subprocess.run([docker, "info"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
