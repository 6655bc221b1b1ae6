"""Observations and short runs of the plan."""

from __future__ import annotations

import math
from collections.abc import Iterable

from flyball.replicas import Decision, Need, Observation, PlanSettings, PlanState, decide

CAPACITY = 100.0


def seen(demand: float, forecast: float | None = None, *, current: int = 2, time: float = 0.0, **others: object) -> Observation:
    """One demand over replicas of which all are ready and each carries 100 a second."""
    why = others.pop("why", "")
    age, capacity = others.pop("age", 0.0), others.pop("capacity", CAPACITY)
    need = Need("requests", demand, capacity, age, forecast, why)  # type: ignore[arg-type]
    ready = others.pop("ready", current)
    return Observation(time=time, needs=(need,), current=current, ready=ready, **others)  # type: ignore[arg-type]


def one(observation: Observation, settings: PlanSettings | None = None) -> Decision:
    """The decision of a look after a quiet hour, so that nothing waits for a first window; demand of that hour is the same."""
    settings = settings or PlanSettings(maximum=50)
    state = PlanState(
        peaks={need.name: 1e6 for need in observation.needs}, peaks_at=observation.time, since=-math.inf, last_demand_at=observation.time
    )
    return decide(state, observation, settings)[1]


def run(demands: Iterable[tuple[float, float | None]], settings: PlanSettings, *, current: int = 2, step: float = 15.0) -> list[Decision]:
    """Look after look, with replicas that are ready at the next one."""
    state, decisions = PlanState(), []
    for index, (demand, forecast) in enumerate(demands):
        state, decision = decide(state, seen(demand, forecast, current=current, time=index * step), settings)
        decisions.append(decision)
        current = decision.replicas
    return decisions
