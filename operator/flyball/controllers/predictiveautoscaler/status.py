"""Builds the status of a PredictiveAutoscaler: conditions with their reasons, demands with what is ahead, replicas, decisions. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flyball.api.conditions import Condition, ConditionType, Reason, Status, merge
from flyball.api.meta import Metadata, Mode
from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from flyball.api.predictiveautoscaler_status import DemandStatus, HorizonForecast, PredictiveAutoscalerStatus, ReplicaStatus
from flyball.controllers.predictiveautoscaler.decisions import History
from flyball.controllers.predictiveautoscaler.signals import Seen
from flyball.controllers.shared.conditions import make_condition, timestamp
from flyball.replicas import Decision
from flyball.replicas import Reason as PlanReason
from flyball.replicas.readiness import ReadyAfter
from flyball.signals.demand import LARGEST

SHOWN_SECONDS = (300, 900, 3600)
"""Distances that people think in; the time until a replica serves is shown beside them."""
_RESTING = (Mode.OBSERVE, Mode.RECOMMEND)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a status is made from."""

    pas: PredictiveAutoscaler
    mode: Mode
    now: float
    seen: Sequence[Seen]
    decision: Decision
    current: int
    ready: int
    floor: int
    ready_after: ReadyAfter
    history: History
    conflict: tuple[Reason, str] | None
    hpa_floor: int | None
    """via HPAFloor: the floor to give back."""


def build(facts: Facts) -> PredictiveAutoscalerStatus:
    """The status of an object whose loop ran."""
    decision = facts.decision
    return PredictiveAutoscalerStatus(
        observed_generation=facts.pas.metadata.generation,
        mode=facts.mode.value,
        conditions=merge(facts.pas.status.conditions, [_ready(facts), _signals(facts), _forecast(facts), _scaling(facts), _conflicted(facts)]),
        governing=decision.governing or None,
        replicas=ReplicaStatus(
            current=facts.current,
            ready=facts.ready,
            wanted=decision.replicas,
            wish=decision.wish,
            reactive=decision.reactive,
            proactive=decision.proactive,
            floor=facts.floor or None,
        ),
        ready_after_seconds=round(facts.ready_after.seconds),
        demands=[_demand(seen, facts) for seen in facts.seen],
        hpa_floor=facts.hpa_floor,
        decisions=facts.history.records,
    )


def resting(
    its: Metadata, before: PredictiveAutoscalerStatus, reason: Reason, message: str, now: float, hpa_floor: int | None = None
) -> PredictiveAutoscalerStatus:
    """The status of an object whose loop does not run: suspended, not understood, or without a target."""
    conditions = [
        make_condition(its, now, ConditionType.READY, Status.TRUE if reason is Reason.SUSPENDED else Status.FALSE, reason, message),
        make_condition(its, now, ConditionType.SCALING, Status.FALSE, reason, "Replicas stay as they are."),
    ]
    return PredictiveAutoscalerStatus(
        observed_generation=its.generation,
        mode=before.mode,
        conditions=merge(before.conditions, conditions),
        hpa_floor=hpa_floor,
        decisions=before.decisions,
    )


def noted(before: PredictiveAutoscalerStatus, hpa_floor: int) -> PredictiveAutoscalerStatus:
    """The status as it was, with the HPA's floor that is to be given back."""
    return before.model_copy(update={"hpa_floor": hpa_floor})


def troubled(its: Metadata, before: PredictiveAutoscalerStatus, message: str, now: float, hpa_floor: int | None = None) -> PredictiveAutoscalerStatus:
    """The status as it was, but for the API server's refusal of what the loop wanted."""
    ready = make_condition(its, now, ConditionType.READY, Status.FALSE, Reason.API_ERROR, message)
    others = [condition for condition in before.conditions if condition.type != ConditionType.READY]
    return before.model_copy(update={"conditions": merge(before.conditions, [ready, *others]), "hpa_floor": hpa_floor})


def number(value: float | None) -> str | None:
    """A number as the API has it: a decimal string of four digits or so; None where it is none, or beyond any demand."""
    if value is None or not abs(value) <= LARGEST:
        return None  # a forecast that is broken may say anything, and the API takes 24 digits
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _made(facts: Facts, kind: ConditionType, holds: bool | None, reason: Reason | str, message: str) -> Condition:
    status = Status.UNKNOWN if holds is None else Status.TRUE if holds else Status.FALSE
    return make_condition(facts.pas.metadata, facts.now, kind, status, reason, message)


def _ready(facts: Facts) -> Condition:
    target = facts.pas.spec.scale_target_ref
    return _made(facts, ConditionType.READY, True, Reason.RECONCILED, f"{target} is looked after.")


def _signals(facts: Facts) -> Condition:
    lost = next((seen for seen in facts.seen if seen.problem), None)
    if lost and lost.problem:
        return _made(facts, ConditionType.SIGNALS_AVAILABLE, False, lost.problem.reason.value, f"{lost.demand.name}: {lost.problem}")
    unknown = next((seen for seen in facts.seen if not math.isfinite(seen.capacity)), None)
    if unknown:
        message = f"{unknown.demand.name}: what a replica carries is being learned; state it in capacity, or wait for some twenty minutes of load."
        return _made(facts, ConditionType.SIGNALS_AVAILABLE, False, Reason.NO_CAPACITY, message)
    return _made(facts, ConditionType.SIGNALS_AVAILABLE, True, Reason.SIGNALS_FRESH, "All demands are read.")


def _forecast(facts: Facts) -> Condition:
    doubts = " ".join(facts.decision.doubts)
    first = next((seen for seen in facts.seen if seen.ahead is None or not seen.ahead.usable), None)
    if first is None:
        if doubts:
            return _made(facts, ConditionType.FORECAST_USABLE, False, Reason.IMPLAUSIBLE, doubts)
        message = f"The demand to come counts beside that of now.{_outdone(facts)}"
        return _made(facts, ConditionType.FORECAST_USABLE, True, Reason.FORECAST_OK, message)
    reason = first.ahead.reason.value if first.ahead else Reason.COLD_START.value
    due = ""
    if first.ahead and math.isfinite(first.ahead.useful_from):
        due = f" The first forecast that knows a day is due at {timestamp(first.ahead.useful_from)}."
    return _made(facts, ConditionType.FORECAST_USABLE, False, reason, f"{doubts or first.demand.name} Replicas follow the demand of now.{due}")


def _outdone(facts: Facts) -> str:
    """Where the cross-check errs less. Without figures, which would have the status written with each of them; they are in the metrics."""
    names = ", ".join(seen.demand.name for seen in facts.seen if seen.ahead and seen.ahead.outdone)
    return f" For a day Theta on logs would have erred a fifth less, or better, a quarter of an hour ahead: {names}." if names else ""


def _scaling(facts: Facts) -> Condition:
    if facts.mode in _RESTING:
        capped = "" if facts.mode.value == facts.pas.spec.mode else f" (spec asks for {facts.pas.spec.mode}; the operator's --max-mode caps it)"
        reason = Reason.MODE_OBSERVE if facts.mode is Mode.OBSERVE else Reason.MODE_RECOMMEND
        return _made(facts, ConditionType.SCALING, False, reason, f"Replicas are left alone{capped}. {facts.decision.message}")
    if facts.conflict:
        return _made(facts, ConditionType.SCALING, False, facts.conflict[0], facts.conflict[1])
    why = facts.decision.reasons[0]
    if why is PlanReason.TOLERANCE:
        why = PlanReason.DEMAND  # the two alternate with the noise, and each turn of a reason is a write
    return _made(facts, ConditionType.SCALING, True, why.value, facts.decision.message)


def _conflicted(facts: Facts) -> Condition:
    if facts.conflict:
        return _made(facts, ConditionType.CONFLICTED, True, facts.conflict[0], f"{facts.conflict[1]} Left alone meanwhile.")
    return _made(facts, ConditionType.CONFLICTED, False, Reason.NO_CONFLICT, "Nobody else scales the target.")


def _demand(seen: Seen, facts: Facts) -> DemandStatus:
    ahead, quantile = seen.ahead, float(facts.pas.spec.quantile) / 100
    distances = sorted({*SHOWN_SECONDS, max(1, round(facts.ready_after.seconds))}) if ahead else []
    forecasts = [
        HorizonForecast(seconds=seconds, demand=point, upper=upper, skill_percent=round(100 * skill) if math.isfinite(skill) else None)
        for seconds in distances
        if ahead
        for point, upper, skill in [(number(ahead.point(seconds)), number(ahead.upper(seconds, quantile)), ahead.skill(seconds))]
        if point and upper
    ]
    due = ahead.useful_from if ahead else math.nan
    return DemandStatus(
        name=seen.demand.name,
        served=number(seen.value),
        capacity=number(seen.capacity),
        capacity_learned=seen.learned,
        forecast_reason=ahead.reason.value if ahead else Reason.COLD_START.value,
        useful_from=timestamp(due) if math.isfinite(due) else None,
        forecasts=forecasts,
    )
