"""Builds the ThrottlePlan: what agents are told. Pure."""

from __future__ import annotations

import math
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


def in_force(plan: Mapping[str, Any] | None) -> bool:
    """Whether agents take something for a plan as the API server has it."""
    return plan is not None and plan.get("action") == Action.CONTROL


def gives_back(before: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether one plan takes less of anything than the plan before it, whatever more it takes elsewhere. In doubt: yes."""
    if before is None or not in_force(before):
        return False
    if not in_force(wanted):
        return True
    were, will = _owners(before), _owners(wanted)
    switched_off = any(before.get(valve) and not wanted.get(valve) for valve in ("quota", "weight"))
    fewer = wanted.get("canaryPercent", EVERYONE) < before.get("canaryPercent", EVERYONE)
    kept = wanted.get("keepPermille", 0) > before.get("keepPermille", 0)
    return switched_off or fewer or kept or any(owner not in will or _relieved(its, will[owner]) for owner, its in were.items())


def _owners(plan: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(its["owner"]["kind"], its["owner"]["name"]): its for its in plan["workloads"]}


def _relieved(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a workload is to be throttled less, or some of its pods or containers not at all or from a higher floor."""
    lower = wanted["throttlePermille"] < before["throttlePermille"]
    were, will = _floors(before), _floors(wanted)
    higher = any(will.get(name, will.get("*", math.inf)) > were.get(name, were.get("*", math.inf)) for name in {*were, *will})
    return lower or higher or before.get("selector") != wanted.get("selector")


def _floors(workload: Mapping[str, Any]) -> dict[str, float]:
    """Container -> millicores that it keeps; all that it has, where it is left alone."""
    return {its["name"]: math.inf if its.get("control") == Control.OFF else its.get("minMilli", 0) for its in workload["containers"]}


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
