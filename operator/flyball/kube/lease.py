"""Leases: who leads, and how fresh the plans are.

Leader election as client-go does it (15 s lease, 10 s renew deadline, 2 s retry): a lease is another's as long as we have seen it change within its
duration on our own monotonic clock, so that clocks need not agree. The elector of the official Python package (37.0.2) cannot create its lease.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flyball.kube import paths
from flyball.kube.client import Conflict, Kube, KubeError, NotFound

log = logging.getLogger(__name__)

LEADER_LEASE = "flyball-operator"
PLANS_LEASE = "flyball-plans"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; the defaults are controller-runtime's."""

    lease: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0


class LeaderElector:
    """Holds one Lease for one identity."""

    def __init__(self, kube: Kube, namespace: str, identity: str, timing: Timing = Timing(), clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._namespace = namespace
        self._identity = identity
        self._timing = timing
        self._clock = clock
        self._seen: tuple[str, float] | None = None
        """The lease's resourceVersion when it last changed, and when that was on our clock."""
        self._renewed_at = 0.0

    async def acquire(self) -> None:
        """Wait until we lead."""
        announced = False
        while not await self._attempt():
            if not announced:
                log.info("another operator leads; waiting as %s", self._identity)
                announced = True
            await asyncio.sleep(self._timing.retry)
        log.info("leading as %s", self._identity)

    async def keep(self) -> None:
        """Renew until the lease is lost; then return, and the caller must stop acting at once."""
        while self._clock() - self._renewed_at < self._timing.renew_deadline:
            await asyncio.sleep(self._timing.retry)
            # An attempt that hangs must not outlive the deadline: another may lead soon after it.
            left = self._timing.renew_deadline - (self._clock() - self._renewed_at)
            try:
                async with asyncio.timeout(max(0.0, min(left, self._timing.renew_deadline / 2))):
                    await self._attempt()
            except TimeoutError:
                log.warning("renewing the leader's Lease took too long")
        log.error("the leader's Lease was not renewed for %g s: another operator may lead", self._timing.renew_deadline)

    async def release(self) -> None:
        """Give the lease up, so that the next operator leads within a retry and not within a lease's length."""
        try:
            lease = await self._kube.get(paths.lease(self._namespace, LEADER_LEASE))
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": micro_time()}
                await self._kube.replace(paths.lease(self._namespace, LEADER_LEASE), lease)
        except KubeError as error:
            log.warning("the leader's Lease could not be released: %s", error)

    async def _attempt(self) -> bool:
        """Take or renew the lease if nobody else holds it. Errors count as failure: the deadline decides."""
        try:
            return await self._try()
        except KubeError as error:
            log.warning("the leader's Lease could not be renewed: %s", error)
            return False

    async def _try(self) -> bool:
        now = self._clock()
        try:
            lease = await self._kube.get(paths.lease(self._namespace, LEADER_LEASE))
        except NotFound:
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEADER_LEASE}, "spec": self._spec({})}
            await self._kube.create(paths.leases(self._namespace), body)
            self._renewed_at = now
            return True
        if not self._free(lease, now):
            return False
        lease["spec"] = self._spec(lease["spec"])
        try:
            await self._kube.replace(paths.lease(self._namespace, LEADER_LEASE), lease)
        except Conflict:
            return False  # someone else was faster
        self._renewed_at = now
        return True

    def _free(self, lease: dict[str, Any], now: float) -> bool:
        version, holder = lease["metadata"]["resourceVersion"], lease["spec"].get("holderIdentity")
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
        return holder in (self._identity, "", None) or now - self._seen[1] > float(lease["spec"].get("leaseDurationSeconds") or 0)

    def _spec(self, before: dict[str, Any]) -> dict[str, Any]:
        now, ours = micro_time(), before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": round(self._timing.lease),
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if ours or not before else 1),
        }


async def renew_plans(kube: Kube, namespace: str, identity: str) -> None:
    """Say that the plans are fresh: agents release everything when this Lease has not changed for five minutes."""
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": PLANS_LEASE, "namespace": namespace},
        "spec": {"holderIdentity": identity, "renewTime": micro_time()},
    }
    await kube.apply(paths.lease(namespace, PLANS_LEASE), body)


def micro_time() -> str:
    """Now as Kubernetes' MicroTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
