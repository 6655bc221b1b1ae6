"""The tower's `decide`: groups the workloads, asks the policy for a pressure, and turns it into one target per group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from flyball.cpu.tower import bandit, budget, elsewhere
from flyball.cpu.tower import kept as keeping
from flyball.cpu.tower.budget import Proposal
from flyball.cpu.tower.grouping import assign, shares
from flyball.cpu.tower.types import TARGET_BEYOND, TARGET_MAX, TARGET_SCALE, Decision, Observation, Reason, Settings, TowerState

RESTING = frozenset({Reason.SPEND, Reason.SAVE, Reason.HOLD, Reason.OVERDRAWN})
"""What gives way where there are too few requests to tell. A surge holds by itself, and signals that are lost are another matter."""

Policy = Callable[[TowerState, Observation, Settings], tuple[TowerState, Proposal]]


def decide(state: TowerState, observation: Observation, settings: Settings) -> tuple[TowerState, Decision]:
    """Choose the targets. Targets lie between 0 and TARGET_MAX; never raises, whatever the readings hold.

    Raises ValueError for a policy that does not exist: a mistake of the caller's.
    """
    if settings.policy not in (*POLICIES, "fixed"):
        raise ValueError(f"there is no policy {settings.policy!r}; there are {', '.join((*POLICIES, 'fixed'))}")
    usage = {view.name: view.usage for view in observation.workloads}
    groups = assign(usage, state.groups)
    regrouped = bool(state.groups) and groups != dict(state.groups)
    state = replace(state, groups=groups)
    if settings.policy == "fixed":
        return _fixed(state, observation, settings, regrouped)
    known, observation = elsewhere.taken_off(state, observation, settings)
    state, proposal = _steered(known, observation, settings)
    # The square gives fine steps where a target begins to hurt: near zero. The eighth power is next to nothing there.
    top = TARGET_SCALE * proposal.pressure**2 + TARGET_BEYOND * proposal.pressure**8
    targets = {group: min(TARGET_MAX, top * share) for group, share in shares(groups).items()}
    decision = replace(_decision(proposal, targets, groups, regrouped), kept=state.kept, release=observation.time < state.guard_until)
    few = budget.too_few(known.pressure, observation, settings) if proposal.reason in RESTING else ""
    if few:
        # What holds nothing back cannot show that more is safe.
        state = replace(state, pressure=min(known.pressure, state.pressure), kept=max(known.kept, state.kept))
        decision = replace(decision, release=True, reason=Reason.INSUFFICIENT_TRAFFIC, message=few)
    message = decision.message + ("" if decision.release else keeping.sentence(decision.kept)) + elsewhere.sentence(state.blame)
    return elsewhere.noted(known, state, decision, observation.time), replace(decision, message=message)


def _steered(known: TowerState, observation: Observation, settings: Settings) -> tuple[TowerState, Proposal]:
    """What the policy wants, and what else decides."""
    state, proposal = POLICIES[settings.policy](known, observation, settings)
    if state.blame.cause and state.pressure > known.pressure:
        # What a cause elsewhere hides would not be seen.
        stays = proposal.staying(known.pressure, "targets stay, for too little would be seen of what more would do.")
        proposal = replace(stays, reason=Reason.HOLD)
    share, proposal = keeping.kept(known, proposal, observation, settings)
    return replace(state, pressure=proposal.pressure, kept=share), proposal


def _fixed(state: TowerState, observation: Observation, settings: Settings, regrouped: bool) -> tuple[TowerState, Decision]:
    """Policy `fixed`: the user's target, whatever the readings."""
    message = f"The target is fixed at {settings.fixed_target:.1%} of throttled periods."
    reading = max(observation.readings, key=lambda its: its.budget.burn_rate, default=None)
    targets = dict.fromkeys(state.groups.values(), min(TARGET_MAX, max(0.0, settings.fixed_target)))
    decision = _decision(Proposal(0.0, Reason.FIXED, message, reading), targets, state.groups, regrouped)
    return replace(state, last_time=observation.time), decision


POLICIES: Mapping[str, Policy] = {"budget": budget.propose, "bandit": bandit.propose}
"""The seam for further policies."""


def _decision(proposal: Proposal, targets: Mapping[str, float], groups: Mapping[str, str], regrouped: bool) -> Decision:
    reason, message = proposal.reason, proposal.message
    if regrouped and reason is Reason.HOLD:
        reason, message = Reason.REGROUPED, f"{message} Workloads came, went or changed groups."
    return Decision(
        targets=targets,
        groups=groups,
        reason=reason,
        message=message,
        governing=proposal.reading.objective.name if proposal.reading else None,
        burn_rate=proposal.burn,
        expected=proposal.expected,
        alternatives=proposal.alternatives,
    )
