"""The ThrottlePlans that there are, as watched, and the writing of them: only on a difference, and by force only to give back."""

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


class NotGivenBack(KubeError):
    """A plan neither changes nor goes. Only agents that see an old Lease give back then: it may not be renewed, though one object is the reason."""

    @property
    def about_object(self) -> bool:
        return False


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
        """Write a plan. Returns a sentence when someone else owns part of it, who keeps it unless the plan gives back. Raises KubeError.

        A plan that gives back and is refused goes altogether: what was taken must not stay because the plan is not to somebody's liking.
        """
        spec, before = wanted.to_api(), self._specs.get(key)
        back = plan.gives_back(before, spec)
        self._specs[key] = spec  # before it is written: the watch may be faster than the answer, and our own writes are no news
        try:
            told = await self._apply(key, plan.manifest(slo, wanted), force=back)
        except KubeError as error:
            if self._specs.get(key) is spec:  # else a watch has told it better meanwhile
                self.take(key, before)
            if isinstance(error, Conflict) and not back:
                return _also_written(key, error)
            if back and error.status:
                await self.drop(key)
            raise
        self._metrics.writes.labels("throttleplan").inc()
        return told

    async def _apply(self, key: Key, manifest: Mapping[str, Any], *, force: bool) -> str | None:
        """Apply a plan, in spite of another's claims only where asked to; then they are returned as a sentence. Raises KubeError."""
        try:
            await self._kube.apply(paths.throttleplan(*key), manifest)
        except Conflict as error:
            if not force:
                raise
            await self._kube.apply(paths.throttleplan(*key), manifest, force=True)
            return f"{_also_written(key, error)} It was written over, to give CPU back."
        return None

    async def drop(self, key: Key) -> None:
        """Delete the plan, if there is one. Raises KubeError; NotGivenBack where the one object's plan stays in force."""
        if key not in self._specs:
            return
        try:
            await self._kube.delete(paths.throttleplan(*key))
        except KubeError as error:
            if error.about_object and plan.in_force(self._specs.get(key)):
                raise NotGivenBack(error.status, f"ThrottlePlan {key[1]} cannot be deleted, and agents go on with it: {error}") from error
            raise
        self._metrics.writes.labels("throttleplan").inc()
        self._specs.pop(key, None)


def _also_written(key: Key, error: Conflict) -> str:
    return f"ThrottlePlan {key[1]} is also written by someone else: {error}"
