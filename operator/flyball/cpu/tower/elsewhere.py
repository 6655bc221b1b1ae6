"""What the tower makes of slow requests that no quota caused: it gives everything back, looks, and goes back to where it was. Pure.

`taken_off` stands before the policy and hands it readings and budgets that hold only what the quotas may have caused (`blame`); `noted` stands
behind it and keeps what is in force from now on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Set
from dataclasses import replace

from flyball.cpu.tower.blame import OVER_SHARE, STAY_SECONDS, TRUST_SECONDS, Blame, Span, added
from flyball.cpu.tower.budget import surely_above
from flyball.cpu.tower.standstill import LOST_SHARE
from flyball.cpu.tower.types import Decision, Observation, Reading, Settings, TowerState, WorkloadView

GIVEN_BACK = 0.98
"""Quota over grant from which on nothing is held back: agents round, and a window of a minute may hold a second of a new pod."""


def taken_off(state: TowerState, observation: Observation, settings: Settings) -> tuple[TowerState, Observation]:
    """The state after what the readings say of the causes, and the observation without what is not the quotas' doing."""
    now = observation.time
    blame = _sane(state.blame, now)
    if observation.readings:
        blame = _of(blame, {its.objective.name for its in observation.readings})
    known = [its for its in observation.readings if its.usable and its.total > 0 and its.age_seconds <= settings.stale_seconds]
    if known:
        oldest = now - max(its.objective.window_seconds for its in observation.readings)
        blame = _lasting(blame.pruned(oldest), known, now, settings)
    resumed = False
    if blame.released and known and len(known) == len(observation.readings):
        blame, resumed = _at_the_grants(blame, known, observation, settings)
    calm = {its.objective.name: now - its.age_seconds for its in known if not surely_above(its, 1.0, settings)}
    state = replace(state, blame=replace(blame, calm={**blame.calm, **calm}))
    if resumed:
        pressure = max(state.pressure, blame.resume)
        state = replace(state, pressure=pressure, ceiling=max(state.ceiling, pressure), hold_until=now, cut_until=now, guard_until=now)
    return state, replace(observation, readings=tuple(_theirs(its, state.blame, now) for its in observation.readings))


def noted(before: TowerState, after: TowerState, decision: Decision, now: float) -> TowerState:
    """With what is in force from now on; `before` is the state before the policy."""
    blame = after.blame
    if decision.release and not blame.released:
        blame = replace(blame, released=now, resume=before.pressure, rates=before.rates, cause={})
    elif not decision.release and (blame.released or blame.proven):
        blame = replace(blame, released=0.0, proven=0.0)
    return replace(after, blame=blame)


def sentence(blame: Blame) -> str:
    """What to say of a cause elsewhere; empty where none is known."""
    if blame.cause:
        name, share = max(blame.cause.items(), key=lambda item: item[1])
        return f" {share:.1%} of the requests of {name} were slow at the full grants too: not counted against the quotas while that lasts."
    if blame.proven:
        return " Requests are slow at the full grants too: more CPU does not cure it."
    return ""


def _theirs(reading: Reading, blame: Blame, now: float) -> Reading:
    known_to = now - reading.age_seconds if math.isfinite(reading.age_seconds) else now
    budget = blame.charged(reading.objective, reading.budget, now, known_to)
    share = blame.cause.get(reading.objective.name, 0.0)
    good = reading.good + min(reading.slow, share * reading.total) if share and reading.usable else reading.good
    return replace(reading, good=good, budget=budget)


def _lasting(blame: Blame, known: Iterable[Reading], now: float, settings: Settings) -> Blame:
    """Causes elsewhere that go on beside quotas excuse what they bring; those that are over, or were proven long ago, go."""
    for its in known:
        name = its.objective.name
        share = blame.cause.get(name)
        if share is None:
            continue
        spans = blame.excused.get(name, ())
        begun = spans[-1].end if spans else now - its.age_seconds
        blame = replace(blame, excused={**blame.excused, name: added(spans, Span(begun, now - its.age_seconds, share))})
        if its.slow < OVER_SHARE * share * its.total:
            blame = replace(blame, cause_until=min(blame.cause_until, now + its.seconds))  # until it has left the readings
        if now >= blame.cause_until or not surely_above(its, 1.0, settings):
            # If everything is given back now, it is known that not all is the quotas' doing.
            blame = replace(blame, proven=now, cause={other: value for other, value in blame.cause.items() if other != name})
    return blame


def _at_the_grants(blame: Blame, known: list[Reading], observation: Observation, settings: Settings) -> tuple[Blame, bool]:
    """What readings of a time tell in which everything is given back, and whether pressure goes back to where it was."""
    now, drained = observation.time, blame.drained()
    slow = [its for its in known if surely_above(its, 1.0, settings)]
    seen = (
        all(now - its.age_seconds - its.seconds >= drained for its in known)
        and given_back(observation.workloads)
        and not any(its.total < LOST_SHARE * blame.rates.get(its.objective.name, 0.0) * its.seconds for its in known)
    )
    if seen:
        blame = _seen_at_the_grants(blame, known, slow, now, drained)
    if not blame.proven or (slow and not (seen and now - blame.released >= STAY_SECONDS)):
        return blame, False
    excused = dict(blame.excused)
    for its in slow:
        name = its.objective.name
        excused[name] = added(excused.get(name, ()), Span(drained, now - its.age_seconds, its.slow / its.total))
    cause = {its.objective.name: its.slow / its.total for its in slow}
    return replace(blame, excused=excused, cause=cause, cause_until=now + TRUST_SECONDS, released=0.0, proven=0.0), True


def _seen_at_the_grants(blame: Blame, known: list[Reading], slow: list[Reading], now: float, drained: float) -> Blame:
    """Time at the grants excuses all that is slow in it; the first look at it excuses as large a share of what was slow before."""
    blame = replace(blame, free=added(blame.free, Span(drained, min(now - its.age_seconds for its in known))))
    for its in slow:
        name, spans = its.objective.name, blame.excused.get(its.objective.name, ())
        if not spans or spans[-1].end < blame.released:
            begun = blame.calm.get(name, drained)
            excused = {**blame.excused, name: added(spans, Span(begun, now - its.age_seconds, its.slow / its.total))}
            blame = replace(blame, excused=excused, proven=blame.proven or now)
    return blame


def given_back(workloads: Iterable[WorkloadView]) -> bool:
    """Whether nothing is held back, by what agents count; a workload that none counts is nobody's, and with none at all nothing is known."""
    known = [view for view in workloads if math.isfinite(view.quota) and math.isfinite(view.grant)]
    return bool(known) and all(view.quota >= GIVEN_BACK * view.grant for view in known)


def _of(blame: Blame, names: Set[str]) -> Blame:
    """Of these objectives alone: what is held against one that was renamed or taken out of the spec would be over with no reading."""
    if blame.cause.keys() | blame.calm.keys() | blame.excused.keys() <= names:
        return blame
    cause, calm = ({name: value for name, value in its.items() if name in names} for its in (blame.cause, blame.calm))
    return replace(blame, cause=cause, calm=calm, excused={name: spans for name, spans in blame.excused.items() if name in names})


def _sane(blame: Blame, now: float) -> Blame:
    """No time lies further ahead than it could: a clock that was set back must not excuse anything for hours."""
    if blame.released <= now and blame.cause_until <= now + TRUST_SECONDS and all(time <= now for time in blame.calm.values()):
        return blame
    return Blame(released=min(blame.released, now), resume=blame.resume, rates=blame.rates)
