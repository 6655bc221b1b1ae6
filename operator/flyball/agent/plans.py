"""Plans and assignments: which plan, if any, governs a container, and whether something forbids to act on it.

Runs when a pod, a plan or a namespace changed; the tick then only looks at the result. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flyball.agent.pods import ContainerView, MalformedObject, PodView

# The kernel's and the kubelet's smallest quota: 1 ms of 100 ms.
FLOOR_MILLI = 10
ANY_CONTAINER = "*"


class HandsOff(StrEnum):
    """Why a container that a plan names is not acted on."""

    OPTED_OUT = "OptedOut"
    SEVERAL_PLANS = "SeveralPlans"
    CONTROL_OFF = "ControlOff"
    NOT_IN_CANARY = "NotInCanary"
    NO_LIMIT = "NoLimit"  # and no weight control in the plan
    NO_REQUEST = "NoRequest"  # no limit and no request: its weight is the smallest there is
    NO_SIGNAL = "NoWaitingSignal"  # this node does not show for how long its tasks wait
    FOREIGN_WEIGHT = "ForeignWeight"  # container's or pod's is not what the request becomes: somebody chose it
    NO_QUOTA = "NoQuota"  # a limit in the spec and none in the kernel: exclusive CPUs
    POD_RESOURCES = "PodResources"
    TERMINATING = "Terminating"
    NOT_READY = "NotReady"
    SETTLING = "Settling"
    RESIZING = "Resizing"
    RESTARTED = "Restarted"
    LOST_READINESS = "LostReadiness"
    CONTESTED = "Contested"  # somebody else keeps writing the same quota
    PLANS_STALE = "PlansStale"
    NO_CGROUP = "NoCgroup"


# Other reasons to give back: no plan names it any more, the plan only measures, a step of control failed.
PLAN_GONE, MEASURE, FAILED = "PlanGone", "Measure", "Failed"


@dataclass(frozen=True, slots=True)
class ContainerRule:
    """What the plan says of containers of this name."""

    name: str
    control: bool
    min_milli: int


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """One workload of a plan."""

    owner: tuple[str, str]  # kind, name
    selector: dict[str, Any]
    group: str
    target: float  # share of throttled wall periods, or of waiting where a weight is moved, 0 to 0.5
    rules: tuple[ContainerRule, ...]

    def rule(self, container: str) -> ContainerRule | None:
        """The rule for a container: an exact name wins over `*`; None leaves the container alone."""
        by_name = {rule.name: rule for rule in self.rules}
        return by_name.get(container) or by_name.get(ANY_CONTAINER)


@dataclass(frozen=True, slots=True)
class Plan:
    """A ThrottlePlan."""

    namespace: str
    name: str
    control: bool  # False: measure only
    quota: bool  # of containers with a limit
    burst: bool
    weight: bool  # of containers without
    canary_percent: int
    keep: float  # share of a grant, or of a request where a weight is moved, that nothing goes below
    workloads: tuple[WorkloadPlan, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a plan wants of one container."""

    slo_namespace: str
    slo: str
    workload: str
    group: str
    target: float
    floor_milli: int
    burst: bool
    control: bool  # False: measured only, the plan does not act
    hands_off: HandsOff | None  # what forbids to act, as far as pod, plan and namespace tell
    weight: bool = False  # its weight is what is moved, not its quota
    keep: float = 0.0  # share of the grant that nothing goes below

    def floor(self, grant: float) -> float:
        """Cores that its quota, or the request that its weight stands for, never goes below; never above the grant."""
        return min(grant, max(self.floor_milli * 1e-3, self.keep * grant))


def parse_plan(raw: dict[str, Any]) -> Plan:
    """The view of a ThrottlePlan object. Raises MalformedObject."""
    try:
        meta, spec = raw["metadata"], raw["spec"]
        return Plan(
            namespace=meta["namespace"],
            name=meta["name"],
            control=spec["action"] == "Control",
            quota=bool(spec.get("quota", True)),
            burst=bool(spec.get("burst", True)),
            weight=bool(spec.get("weight", False)),
            canary_percent=int(spec.get("canaryPercent", 100)),
            keep=int(spec.get("keepPermille", 0)) / 1000.0,
            workloads=tuple(
                WorkloadPlan(
                    owner=(item["owner"]["kind"], item["owner"]["name"]),
                    selector=item.get("selector") or {},
                    group=item.get("group", ""),
                    target=int(item.get("throttlePermille", 0)) / 1000.0,
                    rules=tuple(
                        ContainerRule(rule["name"], rule.get("control", "Auto") == "Auto", int(rule.get("minMilli", 0)))
                        for rule in item.get("containers") or ()
                    ),
                )
                for item in spec.get("workloads") or ()
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedObject(f"a ThrottlePlan without a readable {error}") from error


def canary(uid: str, percent: int) -> bool:
    """Whether a pod belongs to the share that is acted on; the same answer on every node and after every restart."""
    return int(hashlib.sha256(uid.encode()).hexdigest()[:8], 16) % 100 < percent


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a label selector matches; an empty one matches all. An operator that is not known matches nothing."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or ():
        key, values = expression.get("key"), expression.get("values") or ()
        verdict = {
            "In": labels.get(key) in values and key in labels,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }.get(expression.get("operator"), False)
        if not verdict:
            return False
    return True


def assign(pod: PodView, plans: Iterable[Plan], namespace_opted_out: bool) -> dict[str, Assignment]:
    """The assignment of each container of `pod` that a plan of its namespace names, by container name."""
    found = [
        (plan, workload)
        for plan in sorted(plans, key=lambda plan: plan.name)
        if plan.namespace == pod.namespace
        for workload in plan.workloads
        if workload.owner == pod.owner and selects(workload.selector, pod.labels)
    ]
    assignments: dict[str, Assignment] = {}
    for container in pod.containers:
        matching = [(plan, workload, rule) for plan, workload in found if (rule := workload.rule(container.name)) is not None]
        if not matching:
            continue
        plan, workload, rule = matching[0]
        unlimited = container.spec_milli is None
        assignments[container.name] = Assignment(
            slo_namespace=plan.namespace,
            slo=plan.name,
            workload=pod.workload,
            group=workload.group,
            target=workload.target,
            floor_milli=max(FLOOR_MILLI, rule.min_milli),
            burst=plan.burst,
            control=plan.control and (plan.weight if unlimited else plan.quota),
            hands_off=_hands_off(pod, container, plan, rule, several=len(matching) > 1, namespace_opted_out=namespace_opted_out),
            weight=unlimited and plan.weight and bool(container.request_milli),
            keep=plan.keep,
        )
    return assignments


def release_reason(hands_off: HandsOff | None, *, control: bool, left_to_kubelet: bool) -> str | None:
    """Why a container that has less than its limit gets it back now; None where it stays as it is: it is free to be acted on, or the kubelet is left
    a moment to write first. A plan that only measures gives back at once, whatever the kubelet does."""
    if not control:
        return MEASURE if hands_off in (None, HandsOff.RESIZING) else hands_off
    return None if hands_off is HandsOff.RESIZING and left_to_kubelet else hands_off


def _hands_off(
    pod: PodView, container: ContainerView, plan: Plan, rule: ContainerRule, *, several: bool, namespace_opted_out: bool
) -> HandsOff | None:
    checks = (
        (namespace_opted_out or pod.opted_out, HandsOff.OPTED_OUT),
        (several, HandsOff.SEVERAL_PLANS),
        (not rule.control, HandsOff.CONTROL_OFF),
        (pod.pod_resources, HandsOff.POD_RESOURCES),
        (container.spec_milli is None and not plan.weight, HandsOff.NO_LIMIT),
        (container.spec_milli is None and not container.request_milli, HandsOff.NO_REQUEST),
        (pod.terminating, HandsOff.TERMINATING),
        (not canary(pod.uid, plan.canary_percent), HandsOff.NOT_IN_CANARY),
        (not pod.ready, HandsOff.NOT_READY),
        (pod.resizing, HandsOff.RESIZING),  # last: it alone may leave a container for a while as it is
    )
    return next((reason for applies, reason in checks if applies), None)
