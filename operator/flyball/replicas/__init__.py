"""Replicas that are ready before the demand: what a replica carries, how long one takes to be ready, and how many are wanted.

Pure: `plan.decide` is called by the controller, by backtests and by the benchmark alike.
"""

from flyball.replicas.plan import decide
from flyball.replicas.types import Behaviour, Decision, Need, Observation, PlanSettings, PlanState, Policy, Reason

__all__ = ["Behaviour", "Decision", "Need", "Observation", "PlanSettings", "PlanState", "Policy", "Reason", "decide"]
