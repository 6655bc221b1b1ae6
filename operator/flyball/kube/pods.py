"""The operator's cache of pods: what the controllers need of each, fed by watch events.

Anybody may make a pod: one that is odd is read as far as it goes, and one that cannot be read is not kept, nor what was kept under its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flyball.api import quantity
from flyball.api.meta import LabelSelector, Owner


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
    revision: str = ""
    """Which version of the template it was made from; two among one workload's pods: a rollout runs."""
    created: float = 0.0
    """Unix seconds."""
    ready_at: float | None = None
    """When it last became ready; None while it is not."""

    @property
    def grant_milli(self) -> int | None:
        """CPU that the spec grants all containers: limits, else requests; None where one has neither."""
        grants = [container.limit_milli or container.request_milli for container in self.containers]
        known = [grant for grant in grants if grant]
        return sum(known) if known and len(known) == len(grants) else None

    def same_work(self, other: Pod | None) -> bool:
        """Whether the two differ in nothing but readiness, which is no news for whoever cares for CPU."""
        return other is not None and replace(self, ready_at=None) == replace(other, ready_at=None)


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
        containers=tuple(map(_container, running(spec))),
        revision=_revision(metadata.get("labels") or {}),
        created=_seconds(metadata.get("creationTimestamp")) or 0.0,
        ready_at=_ready_at(body.get("status") or {}),
    )


def running(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers that run as long as the pod: an init container that restarts always is a sidecar, and uses CPU beside the others."""
    sidecars = [its for its in spec.get("initContainers") or () if its.get("restartPolicy") == "Always"]
    return [*sidecars, *(spec.get("containers") or ())]


def _revision(labels: Mapping[str, str]) -> str:
    return labels.get("pod-template-hash") or labels.get("controller-revision-hash") or ""


def _ready_at(status: Mapping[str, Any]) -> float | None:
    ready = next((its for its in status.get("conditions") or () if its["type"] == "Ready" and its["status"] == "True"), None)
    return _seconds(ready.get("lastTransitionTime")) if ready else None


def _seconds(moment: str | None) -> float | None:
    return datetime.fromisoformat(moment).timestamp() if moment else None


def owner(metadata: Mapping[str, Any]) -> Owner:
    """The pod's controller, found without asking the API: a Deployment's ReplicaSet is named after it and the template's hash.

    A reference that no object of Kubernetes can have (a kind of 64 letters) names nobody: such a pod stands for itself.
    """
    alone = Owner.unchecked("Pod", metadata["name"])
    controller = next((reference for reference in metadata.get("ownerReferences") or () if reference.get("controller")), None)
    if controller is None:
        return alone
    kind, name = controller["kind"], controller["name"]
    suffix = f"-{(metadata.get('labels') or {}).get('pod-template-hash') or ''}"
    if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix) and name != suffix:
        kind, name = "Deployment", name.removesuffix(suffix)
    try:
        return Owner(kind=kind, name=name)
    except ValueError:
        return alone


class PodCache:
    """Pods by namespace, and by the labels that were asked for: a thousand looks must not each go through all pods of a namespace."""

    def __init__(self) -> None:
        self._pods: dict[str, dict[str, Pod]] = {}
        self._by_label: dict[str, dict[tuple[str, str], dict[str, Pod]]] = {}
        """Label key -> (namespace, label's value) -> pods by name."""

    def update(self, body: Mapping[str, Any], *, deleted: bool) -> tuple[Pod | None, Pod | None]:
        """Take in a watch event; returns the pod as it was and as it is. Whatever `slim` raises, once the pod is forgotten."""
        before = self._forget(body["metadata"]["namespace"], body["metadata"]["name"])
        now = None if deleted else slim(body)
        if now:
            self._pods.setdefault(now.namespace, {})[now.name] = now
            for key, index in self._by_label.items():
                _enter(index, key, now)
        return before, now

    def _forget(self, namespace: str, name: str) -> Pod | None:
        pods = self._pods.get(namespace, {})
        before = pods.pop(name, None)
        if before:
            for key, index in self._by_label.items():
                _leave(index, key, before)
            if not pods:
                del self._pods[namespace]
        return before

    def of(self, namespace: str) -> Iterable[Pod]:
        return self._pods.get(namespace, {}).values()

    def selected(self, namespace: str, selector: LabelSelector) -> list[Pod]:
        """The namespace's pods that a selector matches."""
        exact = selector.exact
        pods: Iterable[Pod]
        if exact is None:
            pods = self.of(namespace)
        else:
            key, value = exact
            if key not in self._by_label:
                self._by_label[key] = {}
                for pod in (pod for each in self._pods.values() for pod in each.values()):
                    _enter(self._by_label[key], key, pod)
            pods = self._by_label[key].get((namespace, value), {}).values()
        return [pod for pod in pods if selector.matches(pod.labels)]


def _enter(index: dict[tuple[str, str], dict[str, Pod]], key: str, pod: Pod) -> None:
    if key in pod.labels:
        index.setdefault((pod.namespace, pod.labels[key]), {})[pod.name] = pod


def _leave(index: dict[tuple[str, str], dict[str, Pod]], key: str, pod: Pod) -> None:
    if key in pod.labels:
        place = (pod.namespace, pod.labels[key])
        index[place].pop(pod.name)
        if not index[place]:
            del index[place]


def _container(body: Mapping[str, Any]) -> Container:
    resources = body.get("resources") or {}
    return Container(body["name"], _cpu(resources.get("requests")), _cpu(resources.get("limits")))


def _cpu(amounts: Mapping[str, Any] | None) -> int | None:
    return quantity.milli(amounts["cpu"]) if amounts and "cpu" in amounts else None
