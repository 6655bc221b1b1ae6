"""Settings of the operator: one flat dataclass, each field with its unit, its default and the reason for it.

The command line (`flyball operator`) makes its options from the fields; FLYBALL_<FIELD> in the environment serves as well.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field, fields

from flyball.api.meta import Mode


def _help(text: str) -> dict[str, str]:
    return {"help": text}


def _identity() -> str:
    """Host and process, since two operators may run on one machine; in a pod the chart gives the pod's name."""
    return f"{socket.gethostname()}-{os.getpid()}"


class SettingsError(ValueError):
    """A setting that the operator cannot run with; the message names the option and what it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator needs to know. Durations in seconds."""

    prometheus_url: str = field(metadata=_help("Address of Prometheus' HTTP API, e.g. http://prometheus.monitoring:9090"))
    prometheus_timeout_seconds: float = field(default=10.0, metadata=_help("A query is given up after this long; a tick is 15 s"))
    lookback_seconds: float = field(
        default=60.0, metadata=_help("Time that the latest reading covers; at least four scrapes, so that increase() has what to go by")
    )
    max_mode: Mode = field(default=Mode.ENFORCE, metadata=_help("No object goes further than this: Observe, Recommend, Canary or Enforce"))
    allow_promql: bool = field(default=False, metadata=_help("Take free PromQL from objects; it reads with the operator's rights"))
    namespace: str = field(default="flyball-system", metadata=_help("The operator's own namespace, where its Leases lie"))
    identity: str = field(default_factory=_identity, metadata=_help("Name in the Leases; must differ between replicas"))
    history_days: float = field(default=7.0, metadata=_help("History that forecasts learn from at the start: a week shows each of its days once"))
    cross_check: bool = field(
        default=True, metadata=_help("Compare forecasts with Theta on logs in a process of its own, where statsmodels is installed")
    )
    tick_seconds: float = field(default=15.0, metadata=_help("Time between two looks at an object; Prometheus' usual scrape interval"))
    renew_seconds: float = field(default=30.0, metadata=_help("Time between two renewals of the plans' Lease, a tenth of the agents' patience"))
    workers: int = field(default=32, metadata=_help("Objects of a kind looked at side by side; half of them ask Prometheus together"))
    listen_host: str = field(default="0.0.0.0", metadata=_help("Address for /metrics, /healthz and /readyz"))
    listen_port: int = field(default=9617, metadata=_help("Port for /metrics, /healthz and /readyz; 0 takes a free one and logs it"))
    kubeconfig: str | None = field(default=None, metadata=_help("Kubeconfig to use; default: the pod's service account, or else the user's own"))
    log_format: str = field(default="text", metadata=_help("text, or json with one object a line"))
    log_level: str = field(default="info", metadata=_help("debug, info, warning or error"))

    def __post_init__(self) -> None:
        if not self.prometheus_url.startswith(("http://", "https://")):
            raise SettingsError(f"prometheus-url must be an http or https address, it is {self.prometheus_url!r}")
        for name in ("prometheus_timeout_seconds", "lookback_seconds", "tick_seconds", "renew_seconds", "workers", "history_days"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name.replace('_', '-')} must be greater than 0, it is {getattr(self, name)}")
        if self.log_format not in ("text", "json"):
            raise SettingsError(f"log-format must be text or json, it is {self.log_format!r}")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise SettingsError(f"log-level must be debug, info, warning or error, it is {self.log_level!r}")


def help_texts() -> dict[str, str]:
    """The help text of each field, by field name."""
    return {item.name: str(item.metadata["help"]) for item in fields(Settings)}
