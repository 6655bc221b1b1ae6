"""A node of folders for the agent's tests; the kernel's answers to writes are played."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.agent.builders import Node
from tests.unit.cgroup.trees import play_kernel

__all__ = ["play_kernel"]


@pytest.fixture
def node(tmp_path: Path, play_kernel: list[tuple[str, str]]) -> Node:
    return Node(tmp_path)
