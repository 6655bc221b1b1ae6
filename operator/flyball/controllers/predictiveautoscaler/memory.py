"""What the loop of a PredictiveAutoscaler remembers of its object from look to look."""

from __future__ import annotations

from dataclasses import dataclass, field

from flyball.api.meta import LabelSelector
from flyball.controllers.predictiveautoscaler.decisions import History
from flyball.controllers.predictiveautoscaler.rollout import Rollout
from flyball.controllers.predictiveautoscaler.signals import Learned
from flyball.controllers.shared.reporter import Told
from flyball.replicas import PlanState


@dataclass(slots=True)
class Memory:
    """What the loop keeps of one object between looks; lost with the process, and then learned again."""

    uid: str
    history: History
    hpa_floor: int | None
    """via HPAFloor: minReplicas of the HPA's owner, as the status tells it. What is given back goes by the HPA's own record (`floors`)."""
    plan: PlanState = field(default_factory=PlanState)
    learned: Learned = field(default_factory=Learned)
    told: Told = field(default_factory=Told)
    selector: LabelSelector | None = None
    """Of the target's pods, as of the last look."""
    rollout: Rollout = field(default_factory=Rollout)
    generation: int = 0
    """Of the spec that was looked at last."""
