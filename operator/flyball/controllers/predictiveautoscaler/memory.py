"""What the loop of a PredictiveAutoscaler remembers of its object from look to look."""

from __future__ import annotations

from dataclasses import dataclass, field

from flyball.api.meta import LabelSelector
from flyball.controllers.predictiveautoscaler.decisions import History
from flyball.controllers.predictiveautoscaler.signals import Learned
from flyball.controllers.shared.reporter import Told
from flyball.replicas import PlanState


@dataclass(slots=True)
class Memory:
    """What the loop keeps of one object between looks; lost with the process, and then learned again."""

    uid: str
    history: History
    hpa_floor: int | None
    """via HPAFloor: minReplicas before Flyball moved it."""
    target: tuple[str, str]
    """Kind and name of what is scaled: tells the HPA whose floor is to be given back, after a restart as well."""
    plan: PlanState = field(default_factory=PlanState)
    learned: Learned = field(default_factory=Learned)
    told: Told = field(default_factory=Told)
    selector: LabelSelector | None = None
    """Of the target's pods, as of the last look."""
    generation: int = 0
    """Of the spec that was looked at last."""
