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

import math
from dataclasses import dataclass, replace

from flyball.replicas import limits
from flyball.replicas.estimates import Estimates, estimate, fade, known
from flyball.replicas.types import Decision, Observation, PlanSettings, PlanState, Reason


@dataclass(frozen=True, slots=True)
class _Choice:
    replicas: int
    reason: Reason
    message: str


def decide(state: PlanState, observation: Observation, settings: PlanSettings) -> tuple[PlanState, Decision]:
    """Choose the number of replicas. Never raises on finite counts, whatever demands and forecasts are; `replicas` lies within the bounds."""
    now = observation.time
    if not state.peaks_at <= now:  # the first look, or a clock that went back: windows begin anew, and nothing goes before one has passed
        state = PlanState(peaks=state.peaks, since=now, last_demand_at=now)
    elif now - state.peaks_at > settings.stale_seconds:  # nobody looked, or the clock jumped: what was needed meanwhile is not known
        state = replace(state, since=now, last_demand_at=now)
    peaks = fade(state.peaks, now - state.peaks_at if math.isfinite(state.peaks_at) else 0.0, observation, settings)
    estimates = estimate(observation, settings, peaks)
    demanded = now if not estimates.idle else state.last_demand_at
    wish, bound = _bounded(_wish(observation, estimates, settings, now - demanded), observation, settings)
    window = max(settings.into.stabilisation_seconds, settings.out.stabilisation_seconds)
    wishes = (*limits.kept(state.wishes, now, window), (now, wish.replicas))
    changes = limits.kept(state.changes, now, limits.longest_period(settings.out, settings.into))
    chosen = _stepped(wish, bound, wishes, changes, observation, settings, now - state.since)
    if chosen.replicas != observation.current:
        changes = (*changes, (now, chosen.replicas - observation.current))
    following = PlanState(
        wishes=wishes,
        changes=changes,
        peaks=peaks,
        peaks_at=now,
        last_demand_at=demanded,
        since=state.since,
    )
    return following, Decision(
        replicas=chosen.replicas,
        wish=wish.replicas,
        reactive=estimates.reactive,
        proactive=estimates.proactive,
        reasons=tuple(dict.fromkeys([chosen.reason, *([bound] if bound else []), wish.reason])),
        message=chosen.message,
        saturated=estimates.saturated,
        governing=estimates.governing,
        doubts=estimates.doubts,
    )


def _wish(observation: Observation, estimates: Estimates, settings: PlanSettings, idle_seconds: float) -> _Choice:
    """Replicas that demands call for, before any bound."""
    current, reactive, proactive = observation.current, estimates.reactive, estimates.proactive
    if current == 0 and settings.minimum > 0:
        return _Choice(0, Reason.DISABLED, "The target was scaled to 0 and minReplicas is above: scaling rests until somebody asks for replicas.")
    if observation.rolling:
        wants = max(current, reactive or 0)
        return _Choice(wants, Reason.ROLLOUT, "A rollout runs: replicas only grow, and only on the demand of now.")
    if not estimates.complete and not estimates.saturated:
        wants = max(current, reactive or 0, proactive or 0)
        lost = [need.name for need in observation.needs if not known(need, settings)]
        return _Choice(
            wants, Reason.SIGNALS_LOST, f"The demand of {', '.join(lost) or 'the workload'} is not known: what is there is held, growing only."
        )
    if estimates.idle and settings.minimum == 0:
        if idle_seconds >= settings.idle_seconds:
            return _Choice(0, Reason.IDLE, f"There has been no demand for {idle_seconds:.0f} s.")
        return _Choice(min(current, 1), Reason.IDLE, f"No demand for {idle_seconds:.0f} s; zero replicas from {settings.idle_seconds:.0f} s on.")
    reactive, ahead = reactive or 0, proactive or 0
    # Shrinking stops where the tolerance still holds, so that the next look does not turn back.
    keeps = min(current, estimates.lean or 0)
    if estimates.saturated:
        busy = f"{observation.utilisation:.0%} of what they are granted"
        least = 0 if estimates.complete else current
        wants = max(reactive, ahead, keeps, least)
        return _Choice(wants, Reason.SATURATED, f"Replicas use {busy}: served demand no longer shows what is asked.")
    if ahead > reactive and ahead >= keeps:
        return _Choice(ahead, Reason.FORECAST, _ahead(estimates, ahead, reactive))
    if keeps == current > reactive:
        return _Choice(current, Reason.TOLERANCE, f"The demand of now needs {reactive}; {settings.tolerance:.0%} more would need {estimates.lean}.")
    return _Choice(max(reactive, keeps), Reason.DEMAND, f"The demand of now needs {reactive}.")


def _ahead(estimates: Estimates, ahead: int, reactive: int) -> str:
    """Why there are more replicas than the demand of now needs."""
    expected = f"The demand to come needs {ahead - estimates.beyond}, that of now {reactive}"
    if not estimates.beyond:
        return f"{expected}."
    why = "until it is known how often demand is higher" if estimates.guessed else "as they cost less than the short minutes they save"
    return f"{expected}; {estimates.beyond} more {why}."


def _bounded(wish: _Choice, observation: Observation, settings: PlanSettings) -> tuple[_Choice, Reason | None]:
    """The wish within floors and ceilings, and which of them it met."""
    if wish.reason is Reason.DISABLED:
        return wish, None
    top = _top(settings)
    ceiling = Reason.MAXIMUM if top >= settings.maximum else Reason.COST
    floors = [(settings.minimum, Reason.MINIMUM), (observation.floor, Reason.SCHEDULE)]
    bottom, floor = max(floors, key=lambda its: its[0])
    bottom = min(bottom, top)  # a schedule does not buy what the ceiling forbids
    if wish.replicas > top:
        return _Choice(top, ceiling, f"{wish.message} {_sentence(ceiling, top)}"), ceiling
    if wish.replicas < bottom:
        return _Choice(bottom, floor, f"{wish.message} {_sentence(floor, bottom)}"), floor
    return wish, None


def _top(settings: PlanSettings) -> int:
    # One at least: zero replicas are for no demand, and not for no money.
    money = settings.maximum if settings.cost_ceiling is None else max(1, settings.cost_ceiling)
    return max(settings.minimum, min(settings.maximum, money))


def _sentence(reason: Reason, replicas: int) -> str:
    return {
        Reason.MAXIMUM: f"maxReplicas allows {replicas}.",
        Reason.COST: f"The cost ceiling allows {replicas}.",
        Reason.MINIMUM: f"minReplicas asks for {replicas}.",
        Reason.SCHEDULE: f"A schedule asks for {replicas}.",
    }[reason]


def _stepped(
    wish: _Choice,
    bound: Reason | None,
    wishes: limits.Moments,
    changes: limits.Moments,
    observation: Observation,
    settings: PlanSettings,
    watched_seconds: float,
) -> _Choice:
    """What is allowed of the wish now."""
    current, now = observation.current, observation.time
    reason = bound or wish.reason
    wanted = limits.stabilised(wishes, current, now, settings.out, settings.into)
    top = _top(settings)
    if wanted < current and watched_seconds < settings.into.stabilisation_seconds:
        wanted = current
    if wish.reason is Reason.DISABLED:
        return wish
    if current > top or current < settings.minimum:
        return _Choice(top if current > top else settings.minimum, reason, wish.message)  # bounds hold at once, as an HPA's do
    if wanted == current and wish.replicas != current:
        direction = settings.out if wish.replicas > current else settings.into
        return _Choice(current, Reason.STABILISING, f"{wish.message} Held for {direction.stabilisation_seconds:.0f} s of the same wish.")
    allowed = limits.stepped(wanted, current, changes, now, settings.out, settings.into)
    if allowed != wanted:
        return _Choice(allowed, Reason.STEP_LIMIT, f"{wish.message} The step limits allow {allowed} now.")
    return _Choice(allowed, reason, wish.message)
