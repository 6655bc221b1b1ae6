"""What the tests of weight control are told with: pods without a limit, plans that ask for weights, and what stands in the files."""

from __future__ import annotations

from typing import Any

from tests.unit.agent.builders import CONTAINER_ID, Node, plan, pod

SPEC = 1024  # of a request of one core
OTHER_ID = "d" * 64


def unlimited(**change: Any) -> dict[str, Any]:
    return pod(**({"limit": None, "request": "1"} | change))


def weighed(**change: Any) -> dict[str, Any]:
    return plan(**({"weight": True, "permille": 100} | change))


def with_sidecar(request: str = "500m") -> dict[str, Any]:
    """A pod with a second container, `proxy`, that no plan names."""
    raw = unlimited()
    raw["spec"]["containers"].append({"name": "proxy", "resources": {"requests": {"cpu": request}}})
    return raw


ONLY_APP = [{"name": "app", "minMilli": 50}]


def weight(node: Node, container_id: str = CONTAINER_ID) -> int:
    return int((node.group(container_id) / "cpu.shares").read_text())


def pod_weight(node: Node) -> int:
    return int((node.group().parent / "cpu.shares").read_text())


def set_weights(node: Node, container: int | None = None, pod: int | None = None) -> None:
    """As the kubelet or somebody else would."""
    for group, value in ((node.group(), container), (node.group().parent, pod)):
        if value is not None:
            (group / "cpu.shares").write_text(f"{value}\n")


def given_back(node: Node, spec: int = SPEC) -> bool:
    return (weight(node), pod_weight(node)) == (spec, spec) and not node.governor.journal.entries()
