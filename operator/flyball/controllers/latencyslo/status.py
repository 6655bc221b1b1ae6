"""Builds the status: conditions with their reasons, budgets, cores, decisions. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyball.api import duration
from flyball.api.conditions import Condition, ConditionType, Reason, Status, merge
from flyball.api.latencyslo import LatencySLO, Switch
from flyball.api.latencyslo_status import WORKLOADS, Cores, LatencySLOStatus, ObjectiveStatus, WorkloadStatus
from flyball.api.meta import Metadata, Mode
from flyball.controllers.latencyslo.conflicts import Verdict
from flyball.controllers.latencyslo.decisions import Record
from flyball.controllers.latencyslo.resolve import Resolved
from flyball.controllers.latencyslo.signals import Seen
from flyball.controllers.shared.conditions import make_condition, timestamp
from flyball.cpu.tower import Decision, Reading
from flyball.signals import Query, WorkloadUsage
from flyball.slo import governing

NAMED_MOST = 5
"""Workloads that a condition's message names."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a status is made from."""

    slo: LatencySLO
    mode: Mode
    workloads: Sequence[Resolved]
    verdicts: Mapping[str, Verdict]
    seen: Seen
    queries: Mapping[str, Query | None]
    decision: Decision
    record: Record
    checkpoint: str | None
    write_conflict: str | None
    """Why the plan could not be written, if it could not."""


def build(facts: Facts) -> LatencySLOStatus:
    """The status of an object whose loop ran."""
    slo, seen = facts.slo, facts.seen
    cores = total(facts.workloads, seen.usage)
    known = [reading for reading in seen.readings if facts.queries.get(reading.objective.name) or reading.budget.requests]
    governs = governing({reading.objective.name: reading.budget for reading in known})
    readings = sorted(known, key=lambda reading: reading.objective.name != governs)  # kubectl's columns show the first
    return LatencySLOStatus(
        observed_generation=slo.metadata.generation,
        mode=facts.mode.value,
        conditions=merge(slo.status.conditions, _conditions(facts)),
        governing=governs,
        objectives=[_objective(reading, facts.queries.get(reading.objective.name), seen.time) for reading in readings],
        workloads=[_workload(workload, facts) for workload in facts.workloads[:WORKLOADS]],
        cores=cores,
        saved_percent=round(100 * (1 - cores.allocated_milli / cores.granted_milli)) if cores and cores.granted_milli else None,
        decisions=facts.record.decisions,
        checkpoint=facts.checkpoint,
    )


def resting(its: Metadata, before: LatencySLOStatus, reason: Reason, message: str, record: Record, now: float) -> LatencySLOStatus:
    """The status of an object whose loop does not run: suspended, or not understood."""

    def condition(kind: ConditionType, holds: bool, text: str) -> Condition:
        return make_condition(its, now, kind, Status.TRUE if holds else Status.FALSE, reason, text)

    conditions = [
        condition(ConditionType.READY, reason is Reason.SUSPENDED, message),
        condition(ConditionType.ENFORCING, False, "Nothing is taken; what was taken is given back."),
    ]
    return LatencySLOStatus(
        observed_generation=its.generation,
        mode=before.mode,
        conditions=merge(before.conditions, conditions),
        decisions=record.decisions,
    )


def troubled(its: Metadata, before: LatencySLOStatus, message: str, now: float) -> LatencySLOStatus:
    """The status as it was, but for the API server's refusal of what the loop wanted."""
    ready = make_condition(its, now, ConditionType.READY, Status.FALSE, Reason.API_ERROR, message)
    others = [condition for condition in before.conditions if condition.type != ConditionType.READY]
    return before.model_copy(update={"conditions": merge(before.conditions, [ready, *others])})


def total(workloads: Sequence[Resolved], usage: Mapping[str, WorkloadUsage]) -> Cores | None:
    """CPU of all workloads together; None while no agent has counted any."""
    known = [its for workload in workloads if (its := usage.get(workload.name)) and all(map(math.isfinite, (its.used, its.allocated, its.granted)))]
    if not known:
        return None
    return Cores(
        used_milli=round(1000 * sum(its.used for its in known)),
        allocated_milli=round(1000 * sum(its.allocated for its in known)),
        granted_milli=round(1000 * sum(its.granted for its in known)),
    )


def _conditions(facts: Facts) -> list[Condition]:
    slo = facts.slo

    def condition(kind: ConditionType, holds: bool, reason: Reason | str, message: str) -> Condition:
        return make_condition(slo.metadata, facts.seen.time, kind, Status.TRUE if holds else Status.FALSE, reason, message)

    pods = sum(len(workload.pods) for workload in facts.workloads)
    ready = condition(ConditionType.READY, True, Reason.RECONCILED, f"{pods} pods of {len(facts.workloads)} workloads are looked after.")
    if not facts.workloads:
        ready = condition(ConditionType.READY, False, Reason.NO_PODS, "No running pod matches spec.workloads; check selectors and names.")
    elif facts.write_conflict:
        ready = condition(ConditionType.READY, False, Reason.FIELD_OWNED, facts.write_conflict)
    return [
        ready,
        condition(ConditionType.SIGNALS_AVAILABLE, False, problem.reason.value, str(problem))
        if (problem := facts.seen.problem)
        else condition(ConditionType.SIGNALS_AVAILABLE, True, Reason.SIGNALS_FRESH, "All objectives are read."),
        _budget(facts, slo),
        _enforcing(facts, slo),
        _conflicted(facts, slo),
    ]


def _budget(facts: Facts, slo: LatencySLO) -> Condition:
    def condition(status: Status, reason: Reason, message: str) -> Condition:
        return make_condition(slo.metadata, facts.seen.time, ConditionType.BUDGET_AVAILABLE, status, reason, message)

    readings = facts.seen.readings
    if not any(reading.budget.requests for reading in readings):
        return condition(Status.UNKNOWN, Reason.NO_REQUESTS, "No request has been counted in the window.")
    worst = min(readings, key=lambda reading: reading.budget.left)
    name, left = worst.objective.name, worst.budget.left
    if left <= 0:
        return condition(Status.FALSE, Reason.BUDGET_SPENT, f"{name}: the error budget of the window is overdrawn ({left:.0%} left).")
    return condition(Status.TRUE, Reason.BUDGET_LEFT, f"{name}: at least {math.floor(10 * left) * 10} % of the window's error budget is left.")


def _enforcing(facts: Facts, slo: LatencySLO) -> Condition:
    def condition(holds: bool, reason: Reason, message: str) -> Condition:
        return make_condition(slo.metadata, facts.seen.time, ConditionType.ENFORCING, Status.TRUE if holds else Status.FALSE, reason, message)

    quota, weight = (its is Switch.AUTO for its in (slo.spec.actuators.quota, slo.spec.actuators.weight))
    if not quota and not weight:
        return condition(False, Reason.QUOTA_OFF, "actuators.quota is Off: agents only measure.")
    capped = "" if facts.mode is slo.spec.mode else f" (spec asks for {slo.spec.mode}; the operator's --max-mode caps it)"
    reason, message = {
        Mode.OBSERVE: (Reason.MODE_OBSERVE, "Agents only measure"),
        Mode.RECOMMEND: (Reason.MODE_RECOMMEND, "Agents only measure; decisions are recommendations"),
        Mode.CANARY: (
            Reason.MODE_CANARY,
            f"Agents act on {slo.spec.canary.percent} % of the pods; comparing and widening come with a later version",
        ),
        Mode.ENFORCE: (Reason.MODE_ENFORCE, "Agents act on all pods"),
    }[facts.mode]
    left = [workload for workload in facts.workloads if not facts.verdicts[workload.name].conflict]
    if facts.mode.acts and not left:
        conflict = next((verdict.conflict for verdict in facts.verdicts.values() if verdict.conflict), None)
        return condition(False, conflict[0] if conflict else Reason.NO_PODS, "No workload is left to act on.")
    return condition(facts.mode.acts, reason, f"{message}{capped}.{_by_weight(facts, quota=quota) if weight else ''}")


def _by_weight(facts: Facts, *, quota: bool) -> str:
    """What is done with weights, and where not for want of the signal."""
    beside = "containers with one by quota" if quota else 'those with one are only measured (actuators.quota is "Off")'
    text = f" Containers without a CPU limit {'go' if facts.mode.acts else 'would go'} by weight, {beside}."
    unseen = [workload.name for workload in facts.workloads if (its := facts.seen.usage.get(workload.name)) and its.unseen]
    if not unseen:
        return text
    names = ", ".join(unseen[:NAMED_MOST]) + (f" and {len(unseen) - NAMED_MOST} more" if len(unseen) > NAMED_MOST else "")
    return (
        f"{text} Of {names} weights stay as the requests have them on nodes that do not show for how long tasks wait: switch on pressure stall "
        "information (kernel parameter psi=1) or schedstats there, or the chart's agent.hostPID."
    )


def _conflicted(facts: Facts, slo: LatencySLO) -> Condition:
    conflicts = [verdict.conflict for verdict in facts.verdicts.values() if verdict.conflict]
    status, reason, message = Status.FALSE, Reason.NO_CONFLICT, "Nobody else steers these workloads."
    if conflicts:
        status, reason, message = Status.TRUE, conflicts[0][0], f"{' '.join(sentence for _, sentence in conflicts)} Left alone meanwhile."
    return make_condition(slo.metadata, facts.seen.time, ConditionType.CONFLICTED, status, reason, message)


def _objective(reading: Reading, query: Query | None, now: float) -> ObjectiveStatus:
    budget, objective = reading.budget, reading.objective
    burn = reading.slow / reading.total / objective.allowed_share if reading.usable and reading.total > 0 else 0.0
    used = query.threshold_used if query else None
    return ObjectiveStatus(
        name=objective.name,
        requests=round(budget.requests),
        slow_requests=round(budget.slow),
        slow_share_percent=f"{100 * budget.slow_share:.3f}",
        burn_rate=f"{min(burn, 9999.0):.2f}",
        budget_left_percent=f"{100 * budget.left:.1f}",
        minutes_above=round(budget.minutes_above),
        threshold_used=duration.text(objective.threshold_seconds if used is None else used),
        hint=query.hint if query else None,
        sample_time=timestamp(now - reading.age_seconds) if math.isfinite(reading.age_seconds) else timestamp(0),
    )


def _workload(workload: Resolved, facts: Facts) -> WorkloadStatus:
    usage, group = facts.seen.usage.get(workload.name, WorkloadUsage()), facts.decision.groups[workload.name]
    return WorkloadStatus(
        owner=workload.owner,
        group=group,
        pods=len(workload.pods),
        throttle_permille=facts.decision.permille(group),
        used_milli=_milli(usage.used),
        allocated_milli=_milli(usage.allocated),
        granted_milli=_milli(usage.granted),
        weight_milli=_milli(usage.weight) if facts.slo.spec.actuators.weight is Switch.AUTO else None,
    )


def _milli(cores: float) -> int | None:
    return round(1000 * cores) if math.isfinite(cores) else None
