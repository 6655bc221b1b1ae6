"""A node of folders for the agent's tests; the kernel's answers to writes are played."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.agent.builders import Crowd, Node
from tests.unit.agent.weights import unlimited, weighed, weight
from tests.unit.cgroup.trees import play_kernel

__all__ = ["play_kernel"]


@pytest.fixture
def node(tmp_path: Path, play_kernel: list[tuple[str, str]]) -> Node:
    return Node(tmp_path)


@pytest.fixture
def crowd(node: Node, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """A container without a limit under weight control; what it waits."""
    made = Crowd()
    monkeypatch.setattr("flyball.agent.locator.open_waiting", lambda *_: made)
    node.make(quota=-1)
    node.planned(weighed())
    node.renew()
    node.see(unlimited())
    return made


@pytest.fixture
def lowered(node: Node, crowd: Crowd) -> Crowd:
    crowd.run(node, 60, waited=0.0, cores=0.2)
    assert weight(node) < 300
    return crowd
