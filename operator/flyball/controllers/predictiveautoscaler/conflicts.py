"""Who else decides the number of a target's replicas. Pure; `shared.autoscalers` fetches what is decided on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flyball.api.conditions import Reason
from flyball.api.predictiveautoscaler import PredictiveAutoscaler, Via
from flyball.controllers.shared.autoscalers import Autoscaler


@dataclass(frozen=True, slots=True)
class Verdict:
    """What others' claims leave."""

    conflict: tuple[Reason, str] | None = None
    hpa: Autoscaler | None = None
    """via HPAFloor: the HPA whose floor is moved."""


def judge(pas: PredictiveAutoscaler, others: Iterable[PredictiveAutoscaler], autoscalers: Iterable[Autoscaler]) -> Verdict:
    """Who else has a claim on the target. `others` are PredictiveAutoscalers of the same namespace."""
    target = pas.spec.scale_target_ref
    for other in others:
        if _older(other, pas) and other.spec.scale_target_ref == target:
            return Verdict((Reason.OTHER_PREDICTIVE_AUTOSCALER, f"{target} is scaled by the older PredictiveAutoscaler {other.metadata.name}."))
    hpas = [its for its in autoscalers if its.horizontal and _claims(its, pas)]
    keda = next((its.keda for its in hpas if its.keda), None)
    if keda:
        sentence = f"{target} is scaled by KEDA's ScaledObject {keda}: let it scale on Flyball's metrics, or remove it."
        return Verdict((Reason.KEDA, sentence))
    if pas.spec.via is Via.SCALE and hpas:
        sentence = f"{target} is scaled by the HorizontalPodAutoscaler {hpas[0].name}: use via HPAFloor, or remove it."
        return Verdict((Reason.HORIZONTAL_POD_AUTOSCALER, sentence))
    return Verdict(hpa=hpas[0] if hpas else None)


def _claims(its: Autoscaler, pas: PredictiveAutoscaler) -> bool:
    target = pas.spec.scale_target_ref
    return its.namespace == pas.metadata.namespace and (its.target.kind, its.target.name) == (target.kind, target.name)


def _older(other: PredictiveAutoscaler, pas: PredictiveAutoscaler) -> bool:
    def rank(its: PredictiveAutoscaler) -> tuple[str, str]:
        return its.metadata.creation_timestamp, its.metadata.name

    return other.metadata.name != pas.metadata.name and not other.spec.suspend and rank(other) < rank(pas)
