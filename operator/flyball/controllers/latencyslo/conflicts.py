"""Who else steers a workload. Pure; `shared.autoscalers` fetches what is decided on.

Two masters on one valve are worse than none. Where an updating VerticalPodAutoscaler has a workload, it is measured and left alone; where an older
LatencySLO has it, it is left out, because agents keep their hands off a container that two plans name. A HorizontalPodAutoscaler on CPU
utilisation is no such master, as long as it still sees demand: the quota keeps a floor above its target.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flyball.api.conditions import Reason
from flyball.api.latencyslo import LatencySLO, Switch
from flyball.api.workload import Control
from flyball.controllers.latencyslo.resolve import Resolved, names
from flyball.controllers.shared.autoscalers import Autoscaler

HPA_HEADROOM = 1.2
"""Quota over the usage at which an HPA scales out: with less, usage could never reach its target and it would never scale."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What others' claims leave of a workload."""

    conflict: tuple[Reason, str] | None = None
    """Why it is left alone."""
    floors: Mapping[str, int] | None = None
    """Container -> lowest quota, or request that its weight stands for, in millicores, for an HPA's sake."""

    @property
    def taken(self) -> bool:
        """Whether another LatencySLO plans the workload, so that this one must not."""
        return self.conflict is not None and self.conflict[0] is Reason.OTHER_LATENCY_SLO


def judge(slo: LatencySLO, workload: Resolved, others: Iterable[LatencySLO], autoscalers: Iterable[Autoscaler]) -> Verdict:
    """Who else has a claim on the workload, and what it leaves. `others` are LatencySLOs of the same namespace."""
    for other in others:
        if _older(other, slo) and any(names(entry, pod) for entry in other.spec.workloads for pod in workload.pods):
            return Verdict((Reason.OTHER_LATENCY_SLO, f"{workload.name} is steered by the older LatencySLO {other.metadata.name}."))
    for its in autoscalers:
        if its.namespace != slo.metadata.namespace or its.target != workload.owner:
            continue
        if its.updates:
            return Verdict((Reason.VERTICAL_POD_AUTOSCALER, f"{workload.name} is changed by the VerticalPodAutoscaler {its.name}."))
        if its.cpu_percent is not None:
            return _beside_hpa(workload, its, weighed=slo.spec.actuators.weight is Switch.AUTO)
    return Verdict()


def _beside_hpa(workload: Resolved, hpa: Autoscaler, *, weighed: bool) -> Verdict:
    floors: dict[str, int] = {}
    room = False
    # During a rollout pods differ: the largest request counts.
    for container in (container for pod in workload.pods for container in pod.containers):
        policy = workload.policy(container.name)
        # A weight bounds what is used only on a full node; there its lower bound is what the container gets.
        most = container.limit_milli or (container.request_milli if weighed else None)
        if policy is None or policy.control is Control.OFF or not most:
            continue
        counts = hpa.container in (None, container.name) and container.request_milli
        floor = math.ceil(HPA_HEADROOM * (hpa.cpu_percent or 0) * container.request_milli / 100) if counts and container.request_milli else 0
        room = room or floor < most
        if floor:
            floors[container.name] = max(floor, floors.get(container.name, 0))
    if floors and not room:
        grant = "limits and requests" if weighed else "limit"
        message = f"{workload.name}: the HorizontalPodAutoscaler {hpa.name} needs all of the {grant} to see demand; nothing is left to take."
        return Verdict((Reason.HORIZONTAL_POD_AUTOSCALER, message))
    return Verdict(floors=floors)


def _older(other: LatencySLO, slo: LatencySLO) -> bool:
    def rank(its: LatencySLO) -> tuple[str, str]:
        return its.metadata.creation_timestamp, its.metadata.name

    same = other.metadata.name == slo.metadata.name
    return not same and not other.spec.suspend and rank(other) < rank(slo)
