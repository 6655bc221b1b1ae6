"""Settings of the node agent: one flat dataclass, each field with its unit, its default and the reason for it.

The command line builds it (`flyball agent`); the fields' metadata carries the help text, so that options can be made from them.
The defaults are those of a pod in a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


class SettingsError(ValueError):
    """A setting that the agent cannot run with; the message names the option and what it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the agent needs to know. Durations in seconds."""

    node_name: str = field(metadata={"help": "Name of the node that this agent serves (in a pod: spec.nodeName)"})
    operator_namespace: str = _option("flyball-system", "Namespace of the operator, where the Lease flyball-plans lies")
    plans_lease: str = _option("flyball-plans", "Name of the Lease that says how fresh the plans are")
    cgroup_root: Path = _option(Path("/sys/fs/cgroup"), "Mount point of the cgroup file systems")
    journal_dir: Path = _option(Path("/run/flyball"), "Folder on the node for what was lowered; lost with a reboot, as the cgroups are")

    tick_seconds: float = _option(
        1.0, "Time between two looks at a container, seconds; below 1 s the refill of each write shows (x2 at 0.1 s)"
    )
    settle_seconds: float = _option(
        60.0, "A pod is left alone until it has been Ready this long, seconds: start-up work is not its usual work"
    )
    release_hold_seconds: float = _option(600.0, "A container that restarted or lost readiness is left alone this long, seconds")
    lease_timeout_seconds: float = _option(
        300.0,
        "Everything is given back when the Lease has not been seen to change for this long, seconds; the operator renews it every 30 s",
    )

    api_server: str = _option("https://kubernetes.default.svc", "Address of the API server")
    token_file: Path = _option(SERVICE_ACCOUNT / "token", "File with the bearer token; read again as it rotates")
    ca_file: Path = _option(SERVICE_ACCOUNT / "ca.crt", "File with the certificate authority of the API server")

    listen_host: str = _option("0.0.0.0", "Address for /metrics, /healthz and /readyz")
    listen_port: int = _option(9618, "Port for /metrics, /healthz and /readyz; 0 takes a free one and logs it")
    log_format: str = _option("text", "text, or json with one object a line")
    log_level: str = _option("info", "debug, info, warning or error")

    def __post_init__(self) -> None:
        if not self.node_name:
            raise SettingsError("node_name is empty: the agent must know the node it serves")
        for name in ("tick_seconds", "lease_timeout_seconds"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name} must be greater than 0, it is {getattr(self, name)}")
        for name in ("settle_seconds", "release_hold_seconds"):
            if not getattr(self, name) >= 0:
                raise SettingsError(f"{name} must not be negative, it is {getattr(self, name)}")
        if self.log_format not in ("text", "json"):
            raise SettingsError(f"log_format must be text or json, it is {self.log_format!r}")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise SettingsError(f"log_level must be debug, info, warning or error, it is {self.log_level!r}")


def help_texts() -> dict[str, str]:
    """The help text of each field, by field name."""
    return {item.name: str(item.metadata["help"]) for item in fields(Settings)}
