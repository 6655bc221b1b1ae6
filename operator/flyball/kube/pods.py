"""The operator's cache of pods: what the controllers need of each, fed by watch events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flyball.api import quantity
from flyball.api.meta import Owner


@dataclass(frozen=True, slots=True)
class Container:
    """One container's CPU, in millicores; None where the spec says nothing."""

    name: str
    request_milli: int | None
    limit_milli: int | None


@dataclass(frozen=True, slots=True)
class Pod:
    """What is kept of a pod."""

    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    owner: Owner
    containers: tuple[Container, ...]


def slim(body: Mapping[str, Any]) -> Pod | None:
    """What is kept of a pod; None for one that has ended or is about to."""
    metadata = body["metadata"]
    if metadata.get("deletionTimestamp") or (body.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return None
    spec = body.get("spec") or {}
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        labels=dict(metadata.get("labels") or {}),
        owner=owner(metadata),
        containers=tuple(_container(container) for container in spec.get("containers") or ()),
    )


def owner(metadata: Mapping[str, Any]) -> Owner:
    """The pod's controller, found without asking the API: a Deployment's ReplicaSet is named after it and the template's hash."""
    controller = next((reference for reference in metadata.get("ownerReferences") or () if reference.get("controller")), None)
    if controller is None:
        return Owner(kind="Pod", name=metadata["name"])
    hashed = (metadata.get("labels") or {}).get("pod-template-hash")
    if controller["kind"] == "ReplicaSet" and hashed and controller["name"].endswith(f"-{hashed}"):
        return Owner(kind="Deployment", name=controller["name"].removesuffix(f"-{hashed}"))
    return Owner(kind=controller["kind"], name=controller["name"])


class PodCache:
    """Pods by namespace."""

    def __init__(self) -> None:
        self._pods: dict[str, dict[str, Pod]] = {}

    def update(self, body: Mapping[str, Any], *, deleted: bool) -> tuple[Pod | None, Pod | None]:
        """Take in a watch event; returns the pod as it was and as it is."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        pods = self._pods.setdefault(namespace, {})
        before, now = pods.pop(name, None), None if deleted else slim(body)
        if now:
            pods[name] = now
        if not pods:
            del self._pods[namespace]
        return before, now

    def of(self, namespace: str) -> Iterable[Pod]:
        return self._pods.get(namespace, {}).values()


def _container(body: Mapping[str, Any]) -> Container:
    resources = body.get("resources") or {}
    return Container(body["name"], _cpu(resources.get("requests")), _cpu(resources.get("limits")))


def _cpu(amounts: Mapping[str, Any] | None) -> int | None:
    return quantity.milli(amounts["cpu"]) if amounts and "cpu" in amounts else None
