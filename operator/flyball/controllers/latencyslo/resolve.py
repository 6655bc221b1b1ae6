"""From a LatencySLO's workloads to the controllers behind them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flyball.api.meta import LabelSelector, Owner
from flyball.api.workload import ContainerPolicy, Workload
from flyball.kube.pods import Pod


@dataclass(frozen=True, slots=True)
class Resolved:
    """A controller whose pods the object names."""

    owner: Owner
    selector: LabelSelector | None
    """The user's selector, which each pod must match as well; None where the workload was named."""
    policies: tuple[ContainerPolicy, ...]
    pods: tuple[Pod, ...]

    @property
    def name(self) -> str:
        """As in metrics and status: Deployment/cart."""
        return str(self.owner)

    def policy(self, container: str) -> ContainerPolicy | None:
        """What may be done to a container: an exact name wins over "*", None is hands off."""
        named: Mapping[str, ContainerPolicy] = {policy.name: policy for policy in self.policies}
        return named.get(container) or named.get("*")


def resolve(workloads: Sequence[Workload], pods: Iterable[Pod]) -> list[Resolved]:
    """The controllers, by name. One that two entries match belongs to the first."""
    found: dict[Owner, tuple[Workload, list[Pod]]] = {}
    for pod in pods:
        entry = next((workload for workload in workloads if names(workload, pod)), None)
        if entry is not None:
            _, members = found.setdefault(pod.owner, (entry, []))
            members.append(pod)
    return [
        Resolved(owner, entry.selector, tuple(entry.containers), tuple(sorted(members, key=lambda pod: pod.name)))
        for owner, (entry, members) in sorted(found.items(), key=lambda item: str(item[0]))
    ]


def names(workload: Workload, pod: Pod) -> bool:
    """Whether an entry of a LatencySLO means the pod."""
    if workload.target_ref is not None:
        return pod.owner == workload.target_ref.owner
    return workload.selector is not None and workload.selector.matches(pod.labels)
