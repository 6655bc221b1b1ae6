"""Settings of the node agent: one flat dataclass, each field with its unit, its default and the reason for it.

The command line builds it (`flyball agent`); the fields' metadata carries the help text, so that options can be made from them.
The defaults are those of a pod in a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def _help(text: str) -> dict[str, str]:
    return {"help": text}


class SettingsError(ValueError):
    """A setting that the agent cannot run with; the message names the option and what it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the agent needs to know. Durations in seconds. The help text names the unit and the reason."""

    node_name: str = field(metadata=_help("Name of the node that this agent serves (in a pod: spec.nodeName)"))
    operator_namespace: str = field(default="flyball-system", metadata=_help("Namespace of the operator, where the Lease of the plans lies"))
    plans_lease: str = field(default="flyball-plans", metadata=_help("Name of the Lease that says how fresh the plans are"))
    cgroup_root: Path = field(default=Path("/sys/fs/cgroup"), metadata=_help("Mount point of the cgroup file systems"))
    journal_dir: Path = field(
        default=Path("/run/flyball"), metadata=_help("Folder on the node that says what was lowered; lost with a reboot, as cgroups are")
    )

    tick_seconds: float = field(default=1.0, metadata=_help("Time between two looks, seconds; faster, the refill of each write shows"))
    settle_seconds: float = field(
        default=60.0, metadata=_help("A pod is left alone until it has been Ready this long, seconds: starting is not its usual work")
    )
    release_hold_seconds: float = field(
        default=600.0, metadata=_help("A container that restarted or lost readiness is left alone this long, seconds")
    )
    lease_timeout_seconds: float = field(
        default=300.0, metadata=_help("All is given back when the Lease has not changed for this long, seconds; it is renewed every 30 s")
    )

    api_server: str = field(default="https://kubernetes.default.svc", metadata=_help("Address of the API server"))
    token_file: Path = field(default=SERVICE_ACCOUNT / "token", metadata=_help("File with the bearer token; read again as it rotates"))
    ca_file: Path = field(default=SERVICE_ACCOUNT / "ca.crt", metadata=_help("File with the API server's certificate authority"))

    listen_host: str = field(default="0.0.0.0", metadata=_help("Address for /metrics, /healthz and /readyz"))
    listen_port: int = field(default=9618, metadata=_help("Port for /metrics, /healthz and /readyz; 0 takes a free one and logs it"))
    log_format: str = field(default="text", metadata=_help("text, or json with one object a line"))
    log_level: str = field(default="info", metadata=_help("debug, info, warning or error"))

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
