"""Settings of the operator: refused with the option's name and what it must be; each with a help text."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from flyball.api.meta import Mode
from flyball.runtime.settings import Settings, SettingsError, help_texts


def settings(**changes: Any) -> Settings:
    return Settings(**{"prometheus_url": "http://prometheus:9090", **changes})


def test_the_defaults_serve() -> None:
    its = settings()
    assert its.max_mode is Mode.ENFORCE
    assert its.allow_promql is False
    assert its.identity.startswith(socket.gethostname())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prometheus_url": "prometheus:9090"}, "prometheus-url must be an http or https address"),
        ({"tick_seconds": 0}, "tick-seconds must be greater than 0"),
        ({"workers": -1}, "workers must be greater than 0"),
        ({"log_format": "xml"}, "log-format must be text or json"),
        ({"log_level": "loud"}, "log-level must be debug, info, warning or error"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings(**changes)


def test_every_field_has_a_help_text() -> None:
    assert all(help_texts().values())
