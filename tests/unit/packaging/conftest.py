"""Programs that judge what we ship: helm for the chart, kind's own types for its configuration. Compiled once, then cached."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hack.cluster import ClusterError, tools


def _tool(name: str) -> Path:
    try:
        return tools.path(name)
    except ClusterError as error:
        if os.environ.get("FLYBALL_REQUIRE_TIERS"):
            raise
        pytest.skip(f"{name} cannot be compiled here: {error}")


@pytest.fixture(scope="session")
def helm() -> Path:
    return _tool("helm")


@pytest.fixture(scope="session")
def kindcheck() -> Path:
    return _tool("kindcheck")
