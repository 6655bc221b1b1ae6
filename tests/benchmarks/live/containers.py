"""The shop's containers on the node: their counters, their quotas, and what they are granted.

Read and written through `flyball.cgroup`, as the agent does it; only found once, since nothing of the shop is restarted during a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.agent.pods import PodView, parse_pod
from flyball.cgroup.discovery import find_container, find_pods
from flyball.cgroup.handle import QUOTA_MIN_US, ContainerHandle, PodHandle, quota_us
from flyball.cgroup.layout import Layout
from flyball.sim.policy import Floats, Ints
from hack.demo.errors import DemoError

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Counters:
    """All containers at one time; counters since each was made."""

    usage: Floats
    """CPU seconds."""
    throttled: Ints
    throttled_by_pod: Ints
    periods: Ints
    quota: Floats
    """Cores."""
    burst: Floats


@dataclass(frozen=True, slots=True)
class Container:
    """One container with its descriptors open."""

    name: str
    handle: ContainerHandle
    pod: PodHandle
    grant_us: int
    period_us: int


class Containers:
    """Those of a run, in the order of `names`."""

    def __init__(self, containers: Sequence[Container]) -> None:
        self._all = tuple(containers)
        self.names = tuple(its.name for its in containers)
        self.grant: Floats = np.array([its.grant_us / its.period_us for its in containers])

    @classmethod
    def find(cls, layout: Layout, pods: Iterable[dict[str, Any]], services: Sequence[str]) -> Containers:
        """One container of each service, from the API's pod objects. Raises DemoError for one that is missing."""
        views = {view.owner[1]: view for view in map(parse_pod, pods) if not view.terminating}
        groups = find_pods(layout.cpu, [view.cgroup_uid for view in views.values()])
        return cls([_open(layout, service, views.get(service), groups) for service in services])

    def read(self) -> Counters:
        """Raises DemoError when a container has ended."""
        try:
            readings = [its.handle.read() for its in self._all]
            by_pod = [its.pod.throttled() for its in self._all]
            periods = [_periods(its.handle.path) for its in self._all]
        except OSError as error:
            raise DemoError(f"A container of the shop ended during the run ({error}); figures of a restarted shop would mean nothing.") from error
        return Counters(
            usage=np.array([its.usage_ns * 1e-9 for its in readings]),
            throttled=np.array([its.throttled for its in readings]),
            throttled_by_pod=np.array(by_pod),
            periods=np.array(periods),
            quota=np.array([its.quota_us / its.period_us for its in readings]),
            burst=np.array([its.burst_us / its.period_us for its in readings]),
        )

    def write(self, quota: Floats, burst: Floats) -> Flags:
        """Put quotas and bursts (cores) in force, in whole microseconds between the kernel's least and the grant; whether each was written.

        Raises ValueError for what is no number.
        """
        if np.any(np.isnan(quota)) or np.any(np.isnan(burst)):
            raise ValueError("a policy asked for a quota that is no number")
        written = []
        for its, cores, allowance in zip(self._all, quota.tolist(), burst.tolist(), strict=True):
            wanted = max(QUOTA_MIN_US, round(min(cores * its.period_us, its.grant_us)))
            extra = min(wanted, max(0, round(allowance * its.period_us))) if its.handle.has_burst else 0
            now = its.handle.read()
            written.append((wanted, extra) != (now.quota_us, now.burst_us))
            if written[-1]:
                its.handle.write(wanted, extra, now)
        return np.array(written, np.bool_)

    def give_back(self) -> None:
        """The grants, and no burst."""
        self.write(self.grant, np.zeros(len(self.names)))

    def granted(self) -> bool:
        """Whether all have their grant and no burst."""
        return all((now.quota_us, now.burst_us) == (its.grant_us, 0) for its in self._all for now in [its.handle.read()])

    def close(self) -> None:
        for its in self._all:
            its.handle.close()
            its.pod.close()


def _open(layout: Layout, service: str, view: PodView | None, groups: Mapping[str, Path]) -> Container:
    container = view.container(service) if view else None
    if view is None or container is None or container.grant_milli is None or not container.container_id:
        raise DemoError(f"The shop's {service} has no running container with a CPU limit.")
    pod = groups.get(view.cgroup_uid)
    group = find_container(pod, container.container_id) if pod else None
    if pod is None or group is None:
        raise DemoError(f"The control group of the shop's {service} was not found below {layout.cpu}.")
    handle = ContainerHandle(layout, group)
    period = handle.read().period_us
    return Container(service, handle, PodHandle(pod), quota_us(container.grant_milli, period), period)


def _periods(group: Path) -> int:
    """Active CFS periods, which the agent has no use for and its handle does not read."""
    for line in (group / "cpu.stat").read_text().splitlines():
        if line.startswith("nr_periods "):
            return int(line.split()[1])
    return 0
