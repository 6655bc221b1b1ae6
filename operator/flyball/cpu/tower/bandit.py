"""Policy `bandit`: what each pressure has cost in slow requests at each load is learned, and the highest that is surely safe is chosen.

Autothrottle's idea (NSDI'24, section 3.3), a contextual bandit over throttle targets with the request rate as context, and three departures:
- safe: it never explores what may break the objective. Pressures form a ladder; one is allowed where an upper bound of its burn rate lies below the
  aim. Slow requests never fall with pressure, so that one is judged by what was seen above it too; and by what was seen below it, grown by the
  steepest law known. That is how it gets further (after SafeOpt, Sui et al. 2015).
- forgetting: what was seen counts half after an hour, since releases change what is safe.
- minutes instead of hours: neighbouring loads share what they know, and readings overlap, each counting for the time that is new in it.

The checks before anything is spent are the budget's (`budget.unsafe`). Decisions are taken whenever the tower decides; a step waits until the
readings show the one before.
"""

from __future__ import annotations

import math
from dataclasses import replace

from flyball.cpu.tower.arms import Arms, Tally
from flyball.cpu.tower.budget import Proposal, aim_of, remember, sane, surely_above, unsafe
from flyball.cpu.tower.types import Alternative, Observation, Reading, Reason, Settings, TowerState

LOWEST, STEPS = 0.14, 20
LADDER = (0.0, *(LOWEST ** (1.0 - step / (STEPS - 1)) for step in range(STEPS)))
"""Pressures: none, and from where a target begins to show (1 % for the largest) in steps of 11 % to the most."""

STEP_GROWTH = LOWEST ** (-7.0 / (STEPS - 1))
"""2.1: how many times as much a step up burns at most. Slow requests grow with pressure's fifth to seventh power near the aim (simulation, two
applications: docs/designs/0008-cpu-control.md). The first step, from no throttling, is no larger than the others."""

BURSTS = 4.0
"""Slow requests come together, so that four of them are taken to say as much as one that stands alone. A guess, towards capacity."""

DOUBT_Z = 1.2816
"""Normal quantile of `Settings.doubt` = .1."""

SETTLE_SECONDS = 15.0
"""Captains follow a new target for this long, on top of what a reading looks back and is old."""


def propose(state: TowerState, observation: Observation, settings: Settings) -> tuple[TowerState, Proposal]:
    """The next pressure. With several objectives the one that burns fastest is learned from, and each may forbid."""
    state = sane(state, observation, settings)
    if not observation.readings:
        return state, Proposal(0.0, Reason.START, "No objective has been read yet: no throttling is tolerated.")
    if not state.arms.since:  # another policy may have moved the pressure until now
        state = replace(state, arms=replace(state.arms, since=observation.time))
    forbidden = [found for reading in observation.readings if (found := unsafe(state, reading, observation, settings)) is not None]
    surge = state.pressure > 0 and any(found.reason is Reason.GUARD for found in forbidden)
    arms = _learned(replace(state, arms=state.arms.doubted()) if surge else state, observation, settings)
    state = replace(state, arms=arms)
    free, before = not forbidden, place(state.pressure)
    chosen = _choose(state, _governing(observation), observation, settings) if free else min(forbidden, key=lambda proposal: proposal.pressure)
    state = remember(state, chosen, observation, settings)
    moved = place(state.pressure) != before
    return replace(state, arms=replace(arms, since=observation.time) if moved else arms), chosen


def place(pressure: float) -> int:
    """The highest step of the ladder that is not above a pressure."""
    return max(step for step, its in enumerate(LADDER) if its <= pressure + 1e-9)


def bounds(arms: Arms, load: float) -> list[float]:
    """Upper bound of the burn rate by step of the ladder, at a load (requests a second); infinite where nothing is known that says less."""
    most = [_upper(arms.near(step, load)) for step in range(len(LADDER))]
    for step in range(len(LADDER) - 2, -1, -1):
        most[step] = min(most[step], most[step + 1])
    for step in range(1, len(LADDER)):
        most[step] = min(most[step], most[step - 1] * STEP_GROWTH)
    return most


def _upper(seen: Tally) -> float:
    """Upper bound of slow over allowed requests: the quantile of a gamma law (Wilson and Hilferty 1931) with a prior of half a slow request."""
    if seen.allowed <= 0:
        return math.inf
    shape = seen.slow / BURSTS + 0.5
    return shape * (1.0 - 1.0 / (9.0 * shape) + DOUBT_Z / (3.0 * math.sqrt(shape))) ** 3 / (seen.allowed / BURSTS)


def _choose(state: TowerState, reading: Reading, observation: Observation, settings: Settings) -> Proposal:
    load, aim, burn, now = _load(reading), aim_of(reading, settings), reading.burn, place(state.pressure)
    seen = f"{reading.objective.name}: burn {burn:.2f} at {load:.0f} requests/s"
    above = surely_above(reading, aim, settings)
    if not above and not _settled(state, reading, observation):
        return Proposal(state.pressure, Reason.HOLD, f"{seen}; the pressure of now does not show in full yet.", reading, burn)
    if above and observation.time < state.cut_until:
        return Proposal(state.pressure, Reason.HOLD, f"{seen}: the last cut does not show in full yet; targets stay.", reading, burn)
    limits = bounds(state.arms, load)
    best = max(step for step, limit in enumerate(limits) if limit <= aim or step == 0)
    if above:
        best = min(best, max(0, now - 1))
    elif observation.time < state.hold_until:
        best = min(best, now)
    step = LADDER[best]
    other = (Alternative(f"pressure {LADDER[best + 1]:.2f}", f"may burn up to {limits[best + 1]:.2f}"),) if best + 1 < len(LADDER) else ()
    message = f"{seen}; pressure {step:.2f} is the highest within reach that surely burns less than {aim:.2f} at this load ({limits[best]:.2f})."
    reason = Reason.SPEND if best > now else Reason.SAVE if best < now else Reason.HOLD
    wait = reading.seconds if reason is Reason.SAVE else 0.0
    return Proposal(step, reason, message, reading, burn, f"Burn of at most {limits[best]:.2f}.", other, wait)


def _learned(state: TowerState, observation: Observation, settings: Settings) -> Arms:
    """What is known after these readings. One that does not show the pressure in force alone is held against it only if it is bad."""
    arms = state.arms
    elapsed = observation.time - state.last_time if state.last_time else 0.0
    arms = arms.forgotten(elapsed)
    usable = [reading for reading in observation.readings if reading.usable and reading.total > 0]
    if not usable or len(usable) < len(observation.readings) or elapsed <= 0 or state.blame.cause:
        return arms
    reading = _governing(observation)
    if not _settled(state, reading, observation) and not surely_above(reading, aim_of(reading, settings), settings):
        return arms
    share = min(1.0, elapsed / max(1.0, reading.seconds))
    return arms.noted(place(state.pressure), _load(reading), share * reading.slow, share * reading.total * reading.objective.allowed_share)


def _settled(state: TowerState, reading: Reading, observation: Observation) -> bool:
    """Whether a reading shows nothing but the pressure in force."""
    return observation.time - state.arms.since >= reading.seconds + reading.age_seconds + SETTLE_SECONDS


def _governing(observation: Observation) -> Reading:
    """The one that burns fastest."""
    return max(observation.readings, key=lambda reading: reading.burn)


def _load(reading: Reading) -> float:
    """Requests a second."""
    return reading.total / max(1.0, reading.seconds)
