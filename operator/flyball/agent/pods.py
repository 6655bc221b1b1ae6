"""Pods as the agent keeps them: the few fields it decides on, parsed once when the watch delivers an object.

A raw pod is 5 to 20 KB of JSON; the view is below 2 KB, which keeps the agent within its memory budget.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flyball.cgroup.discovery import bare_id

OPT_OUT_ANNOTATION = "flyball.dev/control"
OPT_OUT = "off"
MIRROR_ANNOTATION = "kubernetes.io/config.hash"
HASH_LABEL = "pod-template-hash"
FACTORS = {"n": Decimal("1e-6"), "u": Decimal("1e-3"), "m": Decimal(1), "": Decimal(1000), "k": Decimal(10**6)}
QUANTITY = re.compile(r"([0-9.eE+-]+?)([numk]?)")


class MalformedObject(ValueError):
    """An API object that lacks what the agent needs; the message names the field."""


@dataclass(frozen=True, slots=True)
class ContainerView:
    """One container: what it may use, and which incarnation runs."""

    name: str
    container_id: str  # without the runtime's scheme; empty before it runs
    spec_milli: int | None  # CPU limit of the live spec
    actual_milli: int | None  # CPU limit that the kubelet put in force, where it says so
    request_milli: int | None  # CPU request of the live spec
    actual_request_milli: int | None  # CPU request that the kubelet put in force, where it says so
    restarts: int
    ended: float  # wall clock of the last termination, seconds; 0 for none
    resources: str  # spec resources whole: any change of a value makes the kubelet rewrite the quota

    @property
    def grant_milli(self) -> int | None:
        """What the container may use: the smaller of spec and actual, since a resize may be on its way in either direction."""
        if self.spec_milli is None or self.actual_milli is None:
            return self.spec_milli
        return min(self.spec_milli, self.actual_milli)

    @property
    def request_grant_milli(self) -> int | None:
        """What the container may claim by weight: the smaller of both again."""
        if self.request_milli is None or self.actual_request_milli is None:
            return self.request_milli
        return min(self.request_milli, self.actual_request_milli)

    @property
    def carried_out(self) -> bool:
        """Whether the kubelet says that it put in force what governs this container: its limit, or its request where it has none."""
        if self.spec_milli is None:
            return self.actual_request_milli in (None, self.request_milli)
        return self.actual_milli in (None, self.spec_milli)


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod of this node."""

    namespace: str
    name: str
    uid: str
    cgroup_uid: str  # differs from the UID for static pods
    labels: dict[str, str]
    owner: tuple[str, str]  # kind, name
    ready: bool
    ready_since: float  # wall clock, seconds; when the Ready condition last changed
    terminating: bool
    opted_out: bool
    pod_resources: bool  # spec.resources is set: the pod's own quota governs
    resizing: bool  # PodResizeInProgress
    resize_pending: bool  # PodResizePending: may be carried out at any moment
    request_milli: int  # CPU request of the whole pod, of which the kubelet makes the weight of the pod's group
    containers: tuple[ContainerView, ...]

    @property
    def request_grant_milli(self) -> int:
        """What the pod may claim by weight: its request without what the kubelet has not put in force yet of its containers' requests."""
        missing = sum((container.request_milli or 0) - (container.request_grant_milli or 0) for container in self.containers)
        return max(0, self.request_milli - missing)

    @property
    def workload(self) -> str:
        """`Deployment/cart`, as metrics and status name it."""
        return "/".join(self.owner)

    def container(self, name: str) -> ContainerView | None:
        """The container of that name."""
        return next((container for container in self.containers if container.name == name), None)


def parse_pod(raw: dict[str, Any]) -> PodView:
    """The view of a pod object. Raises MalformedObject."""
    try:
        meta, spec, status = raw["metadata"], raw["spec"], raw.get("status") or {}
        conditions = {item["type"]: item for item in status.get("conditions") or ()}
        annotations = meta.get("annotations") or {}
        ready = conditions.get("Ready", {})
        states = {item["name"]: item for key in ("containerStatuses", "initContainerStatuses") for item in status.get(key) or ()}
        # An init container that restarts always is a sidecar: it runs beside the others and has a quota of its own.
        sidecars = [item for item in spec.get("initContainers") or () if item.get("restartPolicy") == "Always"]
        return PodView(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            cgroup_uid=annotations.get(MIRROR_ANNOTATION, meta["uid"]),
            labels=dict(meta.get("labels") or {}),
            owner=owner_of(meta),
            ready=ready.get("status") == "True",
            ready_since=seconds(ready.get("lastTransitionTime")),
            terminating="deletionTimestamp" in meta,
            opted_out=opted_out(meta),
            pod_resources=bool(spec.get("resources")),
            resizing="PodResizeInProgress" in conditions,
            resize_pending="PodResizePending" in conditions,
            request_milli=_pod_request(spec),
            containers=tuple(_container(item, states.get(item["name"], {})) for item in [*sidecars, *spec["containers"]]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedObject(f"a pod without {error}") from error


def owner_of(meta: dict[str, Any]) -> tuple[str, str]:
    """Kind and name of the workload a pod belongs to, found without asking the API.

    A ReplicaSet whose name ends in the pod's template hash stands for the Deployment of the name before it.
    """
    owner = next((item for item in meta.get("ownerReferences") or () if item.get("controller")), None)
    if owner is None:
        return "Pod", meta["name"]
    kind, name = owner["kind"], owner["name"]
    suffix = "-" + (meta.get("labels") or {}).get(HASH_LABEL, "")
    if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix) and len(name) > len(suffix):
        return "Deployment", name.removesuffix(suffix)
    return kind, name


def opted_out(meta: dict[str, Any]) -> bool:
    """Whether the owner of a pod or namespace asked to be left alone."""
    return str((meta.get("annotations") or {}).get(OPT_OUT_ANNOTATION, "")).lower() == OPT_OUT


def milli_cpu(quantity: str | int | float) -> int:
    """A CPU quantity in thousandths of a core, rounded up as Kubernetes does. Raises MalformedObject."""
    match = QUANTITY.fullmatch(str(quantity))
    try:
        if match is None:
            raise InvalidOperation
        return math.ceil(Decimal(match[1]) * FACTORS[match[2]])
    except (ArithmeticError, ValueError) as error:
        raise MalformedObject(f"a readable CPU quantity: {quantity!r}") from error


def seconds(timestamp: str | None) -> float:
    """An API time (RFC 3339) as seconds of the wall clock; 0 when absent."""
    if not timestamp:
        return 0.0
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError as error:
        raise MalformedObject(f"a readable time: {timestamp!r}") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _container(spec: dict[str, Any], status: dict[str, Any]) -> ContainerView:
    resources = spec.get("resources") or {}
    finished = ((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
    return ContainerView(
        name=spec["name"],
        container_id=bare_id(status.get("containerID", "")) if (status.get("state") or {}).get("running") is not None else "",
        spec_milli=_cpu(resources, "limits"),
        actual_milli=_cpu(status.get("resources") or {}, "limits"),
        request_milli=_cpu(resources, "requests"),
        actual_request_milli=_cpu(status.get("resources") or {}, "requests"),
        restarts=int(status.get("restartCount", 0)),
        ended=seconds(finished),
        resources=repr(sorted((kind, sorted((values or {}).items())) for kind, values in resources.items() if isinstance(values, dict))),
    )


def _cpu(resources: dict[str, Any], kind: str) -> int | None:
    amount = (resources.get(kind) or {}).get("cpu")
    return None if amount is None else milli_cpu(amount)


def _pod_request(spec: dict[str, Any]) -> int:
    """As the kubelet adds it up (component-helpers resource.PodRequests): containers and sidecars, or an init container beside the sidecars that
    start before it where that is more, and the runtime's overhead."""
    running = sum(_cpu(item.get("resources") or {}, "requests") or 0 for item in spec["containers"])
    sidecars = most = 0
    for item in spec.get("initContainers") or ():
        request = _cpu(item.get("resources") or {}, "requests") or 0
        if item.get("restartPolicy") == "Always":
            sidecars += request
            most = max(most, sidecars)
        else:
            most = max(most, sidecars + request)
    overhead = (spec.get("overhead") or {}).get("cpu")
    return max(running + sidecars, most) + (milli_cpu(overhead) if overhead is not None else 0)
