"""The cluster's HorizontalPodAutoscalers and VerticalPodAutoscalers: what each claims, listed once a minute for all objects."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flyball.api.meta import Owner
from flyball.kube import paths
from flyball.kube.client import Kube, NotFound

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


class Autoscalers:
    """The cluster's HPAs and VPAs."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._listing: asyncio.Task[None] | None = None
        self._known: list[Autoscaler] = []
        self._listed_at = -math.inf

    async def known(self, now: float, at_most_seconds: float = REFRESH_SECONDS) -> list[Autoscaler]:
        """All claims (`now`: monotonic seconds), listed so long ago at most. Raises KubeError."""
        if now - self._listed_at >= at_most_seconds:
            if self._listing is None or self._listing.done():
                self._listing = asyncio.create_task(self._list(now))
            await asyncio.shield(self._listing)  # looks that run side by side share one list, and its failure
        return self._known

    async def _list(self, now: float) -> None:
        self._known = [
            *map(horizontal, await self._kube.items(paths.autoscalers())),
            *(vertical(body) for body in await self._vertical() if body["spec"].get("targetRef")),
        ]
        self._listed_at = now

    def moved(self, hpa: Autoscaler, floor: int) -> None:
        """We have set an HPA's floor ourselves; the next list is up to a minute away."""
        self._known = [replace(its, floor=floor) if its == hpa else its for its in self._known]

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
    )


def vertical(body: Mapping[str, Any]) -> Autoscaler:
    """A VerticalPodAutoscaler's claim; without a mode it updates."""
    mode = ((body["spec"].get("updatePolicy") or {}).get("updateMode")) or "Recreate"
    return Autoscaler(*_identity(body, "targetRef"), updates=mode not in ("Off", "Initial"))


def _identity(body: Mapping[str, Any], reference: str) -> tuple[str, str, Owner]:
    metadata, target = body["metadata"], body["spec"][reference]
    return metadata["namespace"], metadata["name"], Owner(kind=target["kind"], name=target["name"])
