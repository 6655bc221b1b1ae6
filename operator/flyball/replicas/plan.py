"""Decides how many replicas are wanted: the larger of what the demand of now and the demand to come need, within bounds and steps.

Called by the controller every look, by backtests and by the benchmark; see `types` for what goes in and out. The rules:

1. reactive = demand of now over capacity; proactive = forecast over capacity; the largest need of all demands, and the larger of the two, wins.
2. Nothing is taken away on a forecast alone: whatever it says, the reactive estimate must allow it, for as long as `into` stabilises.
3. Without signals what is there is held; it may grow, never shrink. During a rollout likewise, and forecasts wait.
4. Replicas near full use serve all they can: served demand then says nothing, and utilisation asks for more.

Source: HPA's algorithm and `behavior` (Kubernetes documentation, "Horizontal Pod Autoscaling"); max of proactive and reactive as in AHPA and
AWS predictive scaling, which never scales in on a forecast either.
"""

from __future__ import annotations

from flyball.replicas.types import Decision, Observation, PlanSettings, PlanState


def decide(state: PlanState, observation: Observation, settings: PlanSettings) -> tuple[PlanState, Decision]:
    """Choose the number of replicas. Never raises on finite counts, whatever demands and forecasts are; `replicas` lies within the bounds."""
    raise NotImplementedError
