"""The ThrottlePlans that there are, as watched, and the writing of them: only on a difference, and never by force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyball.api.latencyslo import LatencySLO
from flyball.api.throttleplan import ThrottlePlanSpec
from flyball.controllers.latencyslo import plan
from flyball.kube import paths
from flyball.kube.client import Conflict, Kube, KubeError
from flyball.runtime.metrics import Metrics

Key = tuple[str, str]


class Plans:
    """Plans by their LatencySLO's namespace and name."""

    def __init__(self, kube: Kube, metrics: Metrics) -> None:
        self._kube = kube
        self._metrics = metrics
        self._specs: dict[Key, Mapping[str, Any]] = {}

    def take(self, key: Key, spec: Mapping[str, Any] | None) -> bool:
        """Note a plan as watched, None when it is gone; False when that is what was known."""
        if self._specs.get(key) == spec:
            return False
        if spec is None:
            del self._specs[key]
        else:
            self._specs[key] = spec
        return True

    def differs(self, key: Key, wanted: ThrottlePlanSpec) -> bool:
        """Whether there is no such plan."""
        return self._specs.get(key) != wanted.to_api()

    async def write(self, key: Key, slo: LatencySLO, wanted: ThrottlePlanSpec) -> str | None:
        """Write a plan. Returns a sentence when someone else owns part of it. Raises KubeError."""
        spec, before = wanted.to_api(), self._specs.get(key)
        self._specs[key] = spec  # before it is written: the watch may be faster than the answer, and our own writes are no news
        try:
            await self._kube.apply(paths.throttleplan(*key), plan.manifest(slo, wanted))
        except KubeError as error:
            if self._specs.get(key) is spec:  # else a watch has told it better meanwhile
                self.take(key, before)
            if isinstance(error, Conflict):
                return f"ThrottlePlan {key[1]} is also written by someone else: {error}"
            raise
        self._metrics.writes.labels("throttleplan").inc()
        return None

    async def drop(self, key: Key) -> None:
        """Delete the plan, if there is one. Raises KubeError."""
        if key in self._specs:
            await self._kube.delete(paths.throttleplan(*key))
            self._metrics.writes.labels("throttleplan").inc()
            self._specs.pop(key, None)
