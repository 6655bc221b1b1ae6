"""via HPAFloor: raises the floors of HorizontalPodAutoscalers, and gives them back.

What to give back stands on the HPA itself (`shared.raised`), so that it is given back whatever became of the object that raised it: suspended,
deleted while no operator led, pointed at something else, or told to act otherwise. An owner who changes `minReplicas` meanwhile has it as they said.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from flyball.controllers.predictiveautoscaler.target import Targets
from flyball.controllers.shared.autoscalers import REFRESH_SECONDS, Autoscaler, Autoscalers
from flyball.controllers.shared.raised import Raised
from flyball.kube.client import KubeError

log = logging.getLogger(__name__)

Key = tuple[str, str]


def floor_for(hpa: Autoscaler, replicas: int) -> int:
    """The floor for so many replicas: above the HPA's ceiling there is none, and its owner's is never lowered."""
    return max(hpa.own_floor, min(max(replicas, 1), hpa.ceiling or replicas))


def record_of(hpa: Autoscaler, by: str, floor: int) -> Raised | None:
    """The record that belongs to this floor; none where it is the owner's own."""
    return Raised(by, hpa.own_floor, floor) if floor > hpa.own_floor else None


def stands(hpa: Autoscaler, by: str, replicas: int) -> bool:
    """Whether the HPA has the floor for so many replicas already, and the record that belongs to it."""
    floor = floor_for(hpa, replicas)
    return hpa.floor == floor and hpa.raised == record_of(hpa, by, floor)


class Floors:
    """Moves the floors of all objects' HPAs."""

    def __init__(self, targets: Targets, autoscalers: Autoscalers) -> None:
        self._targets = targets
        self._autoscalers = autoscalers

    async def latest(self, hpa: Autoscaler) -> Autoscaler | None:
        """The HPA as it is now, None where it is gone: what its owner did since the last list must not be written over. Raises KubeError."""
        found = await self._targets.read_hpa(hpa.namespace, hpa.name)
        if found:
            self._autoscalers.seen(found)
        return found

    async def move(self, hpa: Autoscaler, by: str, replicas: int) -> str | None:
        """Set the floor for so many replicas. Returns a sentence when a manager keeps the field. Raises KubeError."""
        floor = floor_for(hpa, replicas)
        return await self._write(hpa, floor, record_of(hpa, by, floor))

    async def give_back(self, namespace: str, by: str, keep: Autoscaler | None = None) -> None:
        """Put back what this object has raised, but on the HPA to keep. Replicas stay: whoever takes over finds them as they are needed.

        Raises KubeError.
        """
        for hpa in await self._autoscalers.known(time.monotonic()):
            if hpa.namespace == namespace and hpa.raised and hpa.raised.by == by and not (keep and keep.name == hpa.name):
                await self._put_back(hpa, by)

    async def give_back_orphans(self, there: Callable[[Key], bool]) -> None:
        """Put back what objects have raised that are not there any more. Raises KubeError."""
        for hpa in await self._autoscalers.known(time.monotonic(), REFRESH_SECONDS):
            if hpa.raised and not there((hpa.namespace, hpa.raised.by)):
                try:
                    await self._put_back(hpa, hpa.raised.by)
                except KubeError as error:
                    if not error.about_object:
                        raise
                    log.warning("the floor of the HorizontalPodAutoscaler %s/%s is not given back yet: %s", hpa.namespace, hpa.name, error)

    async def _put_back(self, hpa: Autoscaler, by: str) -> None:
        found = await self.latest(hpa)
        if found is None or found.raised is None or found.raised.by != by:
            return
        if await self._write(found, found.own_floor, None):
            await self._write(found, found.floor, None)  # a repository has come to want what was raised: that is the owner's floor now
        else:
            log.info("minReplicas of the HorizontalPodAutoscaler %s/%s: %d -> %d, given back", hpa.namespace, hpa.name, found.floor, found.own_floor)

    async def _write(self, hpa: Autoscaler, floor: int, record: Raised | None) -> str | None:
        kept = await self._targets.write_floor(hpa.namespace, hpa.name, floor, record)
        if not kept:
            self._autoscalers.seen(replace(hpa, floor=floor, raised=record))
        return kept
