"""Watches: the four things the agent reads from the API, each brought to the governor.

Pods of this node, all plans, the namespaces' opt-out annotation, and the Lease that says how fresh the plans are.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flyball.agent.apiclient import ApiClient, ApiError
from flyball.agent.governor import Governor
from flyball.agent.plans import Plan, parse_plan
from flyball.agent.pods import PodView, opted_out, parse_pod, seconds
from flyball.agent.reflector import Key, Reflector
from flyball.agent.settings import Settings

log = logging.getLogger(__name__)

# One watch lasts half the Lease's timeout, at most 5 minutes as the kubelet's do: its end, or a bookmark, proves within that time that it lives.
WATCH_SECONDS_MAX = 300.0
# A Lease that did not change for three renewals (30 s each) is asked for directly: the watch may be dead while the server is not.
POLLS_PER_TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class LeaseView:
    """What changes when the operator renews, and when it did by its own clock."""

    mark: str
    renewed: float  # wall clock, seconds


def parse_lease(raw: dict[str, Any]) -> LeaseView:
    """The view of a Lease. The resource version is no mark: somebody else's annotation would change it as well."""
    spec = raw.get("spec") or {}
    return LeaseView(f"{spec.get('holderIdentity')}/{spec.get('renewTime')}", seconds(spec.get("renewTime")))


class PodSink:
    """Pods to the governor."""

    def __init__(self, governor: Governor) -> None:
        self._governor = governor

    def seen(self, view: PodView) -> None:
        """A pod appeared or changed."""
        self._governor.pod_seen(view, time.monotonic())

    def gone(self, key: Key) -> None:
        """A pod was deleted."""
        self._governor.pod_gone(key[2])


class PlanSink:
    """Plans to the governor."""

    def __init__(self, governor: Governor) -> None:
        self._governor = governor

    def seen(self, view: Plan) -> None:
        """A plan appeared or changed."""
        self._governor.plan_seen(view)

    def gone(self, key: Key) -> None:
        """A plan was deleted or cannot be read."""
        self._governor.plan_gone(key[0], key[1])


class NamespaceSink:
    """Opt-outs to the governor."""

    def __init__(self, governor: Governor) -> None:
        self._governor = governor

    def seen(self, view: tuple[str, bool]) -> None:
        """A namespace was read."""
        self._governor.namespace_seen(*view)

    def gone(self, key: Key) -> None:
        """A namespace was deleted."""
        self._governor.namespace_gone(key[1])


class LeaseSink:
    """The Lease to the governor's freshness."""

    def __init__(self, governor: Governor) -> None:
        self._governor = governor

    def seen(self, view: LeaseView) -> None:
        """The Lease was read."""
        self._governor.freshness.seen(view.mark, time.time() - view.renewed, time.monotonic())

    def gone(self, key: Key) -> None:
        """The Lease was deleted."""
        self._governor.freshness.gone()


class Watches:
    """All reflectors of an agent."""

    def __init__(self, client: ApiClient, governor: Governor, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._lease_path = f"/apis/coordination.k8s.io/v1/namespaces/{settings.operator_namespace}/leases"
        self._lease_sink = LeaseSink(governor)
        self._governor = governor
        lasting = min(WATCH_SECONDS_MAX, settings.lease_timeout_seconds / 2.0)

        def heard(source: str) -> Callable[[float], None]:
            return lambda now: governor.heard(source, now)

        self.pods = Reflector(
            client, "/api/v1/pods", parse_pod, PodSink(governor), heard("pods"), lasting, {"fieldSelector": f"spec.nodeName={settings.node_name}"}
        )
        self.plans = Reflector(client, "/apis/flyball.dev/v1alpha1/throttleplans", parse_plan, PlanSink(governor), heard("plans"), lasting)
        self.namespaces = Reflector(
            client,
            "/api/v1/namespaces",
            lambda raw: (raw["metadata"]["name"], opted_out(raw["metadata"])),
            NamespaceSink(governor),
            _unheard,
            lasting,
        )
        self.lease = Reflector(
            client, self._lease_path, parse_lease, self._lease_sink, _unheard, lasting, {"fieldSelector": f"metadata.name={settings.plans_lease}"}
        )
        self._reflectors: tuple[Reflector[Any], ...] = (self.pods, self.plans, self.namespaces, self.lease)

    @property
    def synced(self) -> bool:
        """Whether every cache was filled once."""
        return all(reflector.synced.is_set() for reflector in self._reflectors)

    async def wait_synced(self) -> None:
        """Until every cache was filled once."""
        for reflector in self._reflectors:
            await reflector.synced.wait()

    async def run(self) -> None:
        """Reflect until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run(), name=reflector.path)
            group.create_task(self._poll_lease(), name="lease poll")

    async def _poll_lease(self) -> None:
        every = self._settings.lease_timeout_seconds / POLLS_PER_TIMEOUT
        while True:
            await asyncio.sleep(every)
            if self._governor.freshness.age(time.monotonic()) < every:
                continue
            try:
                raw = await self._client.get(f"{self._lease_path}/{self._settings.plans_lease}")
                self._lease_sink.seen(parse_lease(raw))
            except ApiError as error:
                log.warning("the Lease of the plans cannot be read: %s", error)


def _unheard(now: float) -> None:
    """Freshness does not depend on this watch: the Lease has its own clock, and an opt-out is honoured when it is seen."""
