"""The cluster's HorizontalPodAutoscalers and VerticalPodAutoscalers: what each claims, listed once a minute for all objects."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flyball.api.meta import Owner
from flyball.controllers.shared import raised
from flyball.controllers.shared.raised import Raised
from flyball.kube import paths
from flyball.kube.client import Kube, NotFound

log = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0
FRESH_SECONDS = 1.0
"""For an object that is new or was changed: an autoscaler that was made just before it is seen at the first look, and not fought for a minute. A
start with a thousand objects lists once a second for as long as their first looks take."""


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler's or VerticalPodAutoscaler's claim."""

    namespace: str
    name: str
    target: Owner
    cpu_percent: int | None = None
    """HPA: wanted CPU utilisation in percent of requests."""
    container: str | None = None
    """HPA: the container whose utilisation counts; None: the pod's."""
    updates: bool = False
    """VPA: whether it changes pods."""
    horizontal: bool = False
    floor: int = 1
    """HPA: minReplicas."""
    ceiling: int = 0
    """HPA: maxReplicas."""
    keda: str | None = None
    """HPA: the ScaledObject that made it."""
    raised: Raised | None = None
    """HPA: the record of a floor that a PredictiveAutoscaler raised."""

    @property
    def own_floor(self) -> int:
        """HPA: minReplicas as its owner has it."""
        return self.raised.own if self.raised and self.raised.to == self.floor else self.floor


class Autoscalers:
    """The cluster's HPAs and VPAs."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._listing: asyncio.Task[None] | None = None
        self._known: list[Autoscaler] = []
        self._listed_at = -math.inf
        self._unread: set[str] = set()
        """Objects of the last list that could not be read, which the log knows."""

    async def known(self, now: float, at_most_seconds: float = REFRESH_SECONDS) -> list[Autoscaler]:
        """All claims (`now`: monotonic seconds), listed so long ago at most. Raises KubeError."""
        if now - self._listed_at >= at_most_seconds:
            if self._listing is None or self._listing.done():
                self._listing = asyncio.create_task(self._list(now))
            await asyncio.shield(self._listing)  # looks that run side by side share one list, and its failure
        return self._known

    async def _list(self, now: float) -> None:
        told, self._unread = self._unread, set()
        horizontals, verticals = await self._kube.items(paths.autoscalers()), await self._vertical()
        aimed = [body for body in verticals if (body.get("spec") or {}).get("targetRef")]
        self._known = [*self._claims(horizontal, horizontals, told), *self._claims(vertical, aimed, told)]
        self._listed_at = now

    def _claims(self, read: Callable[[Mapping[str, Any]], Autoscaler], bodies: Iterable[Mapping[str, Any]], told: set[str]) -> Iterator[Autoscaler]:
        """What each object claims. One that cannot be read claims nothing, and takes nobody along."""
        for body in bodies:
            try:
                yield read(body)
            except Exception as error:  # a loop's edge: anybody may make such an object, and all looks of the cluster wait for this list
                named = f"{read.__name__} autoscaler {_named(body)}"
                self._unread.add(named)
                if named not in told:
                    log.warning("the %s is left out, it cannot be read: %r", named, error)

    def seen(self, hpa: Autoscaler) -> None:
        """An HPA as it was read or written by itself; the next list is up to a minute away."""
        self._known = [hpa if its.horizontal and (its.namespace, its.name) == (hpa.namespace, hpa.name) else its for its in self._known]

    async def _vertical(self) -> list[dict[str, Any]]:
        try:
            return await self._kube.items(paths.vertical_autoscalers())
        except NotFound:
            return []  # the kind is not installed


def horizontal(body: Mapping[str, Any]) -> Autoscaler:
    """A HorizontalPodAutoscaler's claim."""
    percent = container = None
    for metric in body["spec"].get("metrics") or ():
        source = metric.get("resource") or metric.get("containerResource") or {}
        if source.get("name") == "cpu" and (wanted := (source.get("target") or {}).get("averageUtilization")):
            percent, container = wanted, source.get("container")
    spec, owners = body["spec"], body["metadata"].get("ownerReferences") or ()
    return Autoscaler(
        *_identity(body, "scaleTargetRef"),
        cpu_percent=percent,
        container=container,
        horizontal=True,
        floor=spec.get("minReplicas") or 1,
        ceiling=spec.get("maxReplicas") or 0,
        keda=next((its["name"] for its in owners if its["kind"] == "ScaledObject"), None),
        raised=raised.read(body["metadata"]),
    )


def vertical(body: Mapping[str, Any]) -> Autoscaler:
    """A VerticalPodAutoscaler's claim; without a mode it updates."""
    mode = ((body["spec"].get("updatePolicy") or {}).get("updateMode")) or "Recreate"
    return Autoscaler(*_identity(body, "targetRef"), updates=mode not in ("Off", "Initial"))


def _identity(body: Mapping[str, Any], reference: str) -> tuple[str, str, Owner]:
    metadata, target = body["metadata"], body["spec"][reference]
    return metadata["namespace"], metadata["name"], Owner.unchecked(target["kind"], target["name"])


def _named(body: Mapping[str, Any]) -> str:
    metadata = body.get("metadata") or {}
    return f"{metadata.get('namespace')}/{metadata.get('name')}"
