"""Builds the ThrottlePlan: what agents are told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flyball.api.latencyslo import LatencySLO, Switch
from flyball.api.meta import API_VERSION, Mode
from flyball.api.throttleplan import Action, PlannedContainer, PlannedWorkload, ThrottlePlanSpec
from flyball.api.workload import ContainerPolicy, Control
from flyball.controllers.latencyslo.conflicts import Verdict
from flyball.controllers.latencyslo.resolve import Resolved
from flyball.cpu.tower import Decision

EVERYONE = 100
WORKLOADS_MOST = 512
CONTAINERS_MOST = 16
"""Bounds of the ThrottlePlan's lists."""


def acts(slo: LatencySLO, mode: Mode) -> bool:
    """Whether agents are to move anything."""
    return mode.acts and Switch.AUTO in (slo.spec.actuators.quota, slo.spec.actuators.weight)


def build(slo: LatencySLO, mode: Mode, workloads: Sequence[Resolved], verdicts: Mapping[str, Verdict], decision: Decision) -> ThrottlePlanSpec | None:
    """The plan, None where there is nothing to plan for."""
    planned = [workload for workload in workloads if not verdicts[workload.name].taken][:WORKLOADS_MOST]
    if not planned:
        return None
    return ThrottlePlanSpec(
        action=Action.CONTROL if acts(slo, mode) and not decision.release else Action.MEASURE,
        quota=slo.spec.actuators.quota is Switch.AUTO,
        burst=slo.spec.actuators.burst is Switch.AUTO,
        weight=slo.spec.actuators.weight is Switch.AUTO,
        keep_permille=decision.kept_permille,
        canary_percent=slo.spec.canary.percent if mode is Mode.CANARY else EVERYONE,
        workloads=[_workload(workload, verdicts[workload.name], decision) for workload in planned],
    )


def manifest(slo: LatencySLO, spec: ThrottlePlanSpec) -> dict[str, Any]:
    """The plan as an object owned by its LatencySLO, so that it goes when that goes, whether an operator runs or not."""
    its = slo.metadata
    owner = {"apiVersion": API_VERSION, "kind": "LatencySLO", "name": its.name, "uid": its.uid, "controller": True, "blockOwnerDeletion": False}
    return {
        "apiVersion": API_VERSION,
        "kind": "ThrottlePlan",
        "metadata": {"name": its.name, "namespace": its.namespace, "ownerReferences": [owner]},
        "spec": spec.to_api(),
    }


def _workload(workload: Resolved, verdict: Verdict, decision: Decision) -> PlannedWorkload:
    group = decision.groups[workload.name]
    return PlannedWorkload(
        owner=workload.owner,
        selector=workload.selector,
        group=group,
        throttle_permille=decision.permille(group),
        containers=_containers(workload, verdict),
    )


def _containers(workload: Resolved, verdict: Verdict) -> list[PlannedContainer]:
    """The user's policies; a conflict turns all off, an HPA's floor adds an entry for each container that it lifts."""
    if verdict.conflict:
        return [PlannedContainer(name=policy.name, control=Control.OFF, min_milli=policy.min_milli) for policy in workload.policies]
    planned = {policy.name: _container(policy, policy.min_milli) for policy in workload.policies}
    for container, floor in (verdict.floors or {}).items():
        policy = workload.policy(container)
        if policy and floor > policy.min_milli:
            planned[container] = _container(policy, floor).model_copy(update={"name": container})
    if len(planned) > CONTAINERS_MOST:
        highest = max((verdict.floors or {}).values())
        return [_container(policy, max(policy.min_milli, highest)) for policy in workload.policies]
    return list(planned.values())


def _container(policy: ContainerPolicy, floor: int) -> PlannedContainer:
    return PlannedContainer(name=policy.name, control=policy.control, min_milli=floor)
