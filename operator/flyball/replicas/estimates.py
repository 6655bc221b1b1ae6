"""Replicas that demands need: now (reactive) and when a replica asked for now is ready (proactive).

First half of `plan.decide`: needs in, the two estimates out, with the reasons why a demand or a forecast does not count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flyball.replicas import misses
from flyball.replicas.types import Need, Observation, PlanSettings

PEAK_MEMORY_SECONDS = 7 * 86_400.0
"""e-folding time of the largest demand seen: Monday's peak is still three quarters of itself after a weekend."""
NEGLIGIBLE = 0.01
"""Share of a replica's capacity below which a forecast is no demand: quantiles of an idle series are small and never 0."""
CERTAIN = 1e-9
"""Rounding: 300 requests over a capacity of 100 are three replicas, whatever the last bit says."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """What the demands of one look need, in replicas, before any bound."""

    reactive: int | None
    """None: no demand is known."""
    proactive: int | None
    beyond: int
    """Of these: beyond what is expected, because they cost less than the short minutes they save."""
    guessed: bool
    """`beyond` is a guess, as demand has not been seen for long."""
    complete: bool
    """Whether all demands are known, so that fewer replicas may be believed."""
    lean: int | None
    """`reactive` with the tolerance added: nothing goes below it."""
    idle: bool
    """No demand, now or to come."""
    saturated: bool
    governing: str
    doubts: tuple[str, ...]


def known(need: Need, settings: PlanSettings) -> bool:
    """Whether the demand of now can be gone by."""
    return math.isfinite(need.demand) and need.demand >= 0 and _carries(need) and need.age_seconds <= settings.stale_seconds


def estimate(observation: Observation, settings: PlanSettings, peaks: Mapping[str, float]) -> Estimates:
    """Both estimates; `peaks`: the largest demand of late by name."""
    reactive, proactive, lean, governing, doubts = None, None, None, "", []
    beyond, guessed, idle = 0, False, True
    for need in observation.needs:
        largest = max(need.largest if math.isfinite(need.largest) else 0.0, peaks.get(need.name, 0.0))
        believed, doubt = _forecast(need, settings, largest)
        if known(need, settings):
            demand = need.demand * (1 + settings.headroom)
            wants = replicas(demand, need.capacity)
            keeps = replicas(demand * (1 + settings.tolerance), need.capacity)
            if reactive is None or wants > reactive:
                governing = need.name
            reactive, lean = max(reactive or 0, wants), max(lean or 0, keeps)
            idle = idle and need.demand == 0
        if doubt:
            doubts.append(doubt)
        expected = _expected(need, believed, settings)
        if expected is not None:
            ahead = _worth(expected / need.capacity, need, settings) if expected > NEGLIGIBLE * need.capacity else 0
            if ahead > max(proactive or 0, reactive or 0):
                governing = need.name
            if ahead > (proactive or 0):
                beyond = ahead - replicas(expected, need.capacity)
                guessed = beyond > 0 and need.shares is None
            proactive = max(proactive or 0, ahead)
            idle = idle and ahead == 0
    complete = bool(observation.needs) and all(known(need, settings) for need in observation.needs)
    saturated = math.isfinite(observation.utilisation) and observation.utilisation >= settings.saturated_at and observation.ready > 0
    if saturated:
        asked = replicas(observation.ready * observation.utilisation, settings.utilisation)
        reactive, lean, idle = max(reactive or 0, asked), max(lean or 0, asked), False
    return Estimates(reactive, proactive, beyond, guessed, complete, lean, idle and complete, saturated, governing, tuple(doubts))


def replicas(demand: float, capacity: float) -> int:
    """Fewest replicas that carry the demand: one at least for any, however little, since none is for no demand alone."""
    return max(int(demand > 0), math.ceil(demand / capacity - CERTAIN))


def fade(peaks: Mapping[str, float], elapsed: float, observation: Observation, settings: PlanSettings) -> dict[str, float]:
    """The largest demands, faded by the time that went by, with those of now; demands that are gone are forgotten."""
    share = math.exp(-max(0.0, elapsed) / PEAK_MEMORY_SECONDS)
    return {need.name: max(share * peaks.get(need.name, 0.0), need.demand if known(need, settings) else 0.0) for need in observation.needs}


def _expected(need: Need, believed: float | None, settings: PlanSettings) -> float | None:
    """Demand that replicas asked for now are made for, before any headroom; where a short minute has a price, that of now at least."""
    if settings.short_price is None or not known(need, settings):
        return believed
    return max(need.demand, believed or 0.0)


def _worth(expected: float, need: Need, settings: PlanSettings) -> int:
    """Replicas for so many replicas' worth of demand: with a price of short minutes, as many more as pay for themselves."""
    if settings.short_price is None:
        return replicas(expected, 1.0)
    base, price = np.array([expected]), np.array([settings.short_price])
    found = misses.unlearned(base, price) if need.shares is None else misses.cheapest(base, need.shares[None, :], price)
    return int(found[0, 0])


def _carries(need: Need) -> bool:
    return math.isfinite(need.capacity) and need.capacity > 0


def _forecast(need: Need, settings: PlanSettings, peak: float) -> tuple[float | None, str]:
    """The forecast if it is believed, and why not."""
    if need.forecast is None:
        return None, f"{need.name}: {need.why}" if need.why else ""
    if not _carries(need):
        return None, f"{need.name}: what a replica carries is not known yet."
    if peak <= 0:
        return None, f"{need.name}: no demand has been seen that the forecast could be held against."
    forecast = need.forecast
    if not math.isfinite(forecast) or forecast < 0:
        return None, f"{need.name}: the forecast is {forecast}, which is no demand."
    if forecast > settings.most_growth * peak:
        return (
            None,
            f"{need.name}: the forecast of {forecast:g} is more than {settings.most_growth:g} times the largest demand of late, {peak:g}.",
        )
    return forecast, ""
