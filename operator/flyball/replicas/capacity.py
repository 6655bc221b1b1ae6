"""What one replica carries, learned: the demand at which a replica reaches the wanted utilisation, with its uncertainty.

Fed by the controller once a look with demand per ready replica and utilisation; read by the plan as a need's capacity. Utilisation is CPU used
over what the pods' specs grant, never over a quota in force: a LatencySLO cuts quotas to what is used, and against the quota every replica looks
full.

A line `utilisation = idle + slope x demand` by least squares whose weights fade, so that a new version of the program is learned within hours.
The plan uses the careful end of the estimate: guessing too little capacity costs replicas, guessing too much costs latency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

HALF_LIFE_SECONDS = 6 * 3600.0
"""A sample's weight halves in this time: half a working day, so that a release is learned within one, and a night's quiet does not erase the day."""
LEAST_WEIGHT = 20.0
"""Samples (a minute's worth each) below which nothing is claimed: a mean of twenty is good to a quarter of one sample's spread."""
CAREFUL = 1.64
"""Standard errors taken off: the one-sided 95 % bound of a normal estimate."""
REACH = 2.0
"""The line is followed to at most this multiple of the demand that was seen: beyond, a line is a guess."""
IDLE_MOST = 0.5
"""A program that is half busy without demand is not what the line is about."""
SAMPLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """Weighted sums of the samples seen, as of `time`. Small; an empty one knows nothing."""

    time: float = math.nan
    weight: float = 0.0
    x: float = 0.0
    u: float = 0.0
    xx: float = 0.0
    xu: float = 0.0
    uu: float = 0.0
    largest: float = 0.0
    """Largest demand per replica seen, fading with the weights."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Demand per second that one replica carries at the wanted utilisation."""

    value: float
    low: float
    """What the plan goes by: with 95 % confidence a replica carries at least this."""
    samples: float
    """Minutes that it stands on, faded."""


def learn(capacity: Capacity, time: float, demand_per_replica: float, utilisation: float) -> Capacity:
    """Take in a sample. Samples closer than a minute count as parts of one; anything that is no finite positive demand is left out.

    The caller leaves out what teaches nothing: saturation, rollouts, replicas that are starting, signals that are old.
    """
    usable = math.isfinite(demand_per_replica) and demand_per_replica > 0 and math.isfinite(utilisation) and utilisation >= 0
    if not usable:
        return capacity
    elapsed = time - capacity.time if math.isfinite(capacity.time) else SAMPLE_SECONDS
    if elapsed <= 0:
        return replace(capacity, time=time)  # a clock that went back costs a sample and no more
    fade = 0.5 ** (elapsed / HALF_LIFE_SECONDS)
    share = min(1.0, elapsed / SAMPLE_SECONDS)
    x, u = demand_per_replica, utilisation
    return Capacity(
        time=time,
        weight=fade * capacity.weight + share,
        x=fade * capacity.x + share * x,
        u=fade * capacity.u + share * u,
        xx=fade * capacity.xx + share * x * x,
        xu=fade * capacity.xu + share * x * u,
        uu=fade * capacity.uu + share * u * u,
        largest=max(fade * capacity.largest, x),
    )


def estimate(capacity: Capacity, utilisation: float) -> Estimate | None:
    """What a replica carries at `utilisation`; None while too little was seen to tell."""
    weight = capacity.weight
    if weight < LEAST_WEIGHT or utilisation <= 0:
        return None
    idle, slope, error = _line(capacity)
    if not slope > 0 or idle >= utilisation:
        return None
    value = (utilisation - idle) / slope
    relative = error / slope
    low = value / (1 + CAREFUL * relative)
    most = REACH * capacity.largest
    return Estimate(min(value, most), min(low, most), weight)


def _line(capacity: Capacity) -> tuple[float, float, float]:
    """Idle utilisation, slope, and the slope's standard error; the line through zero where demand never differed enough to tell the two apart."""
    weight = capacity.weight
    mean_x, mean_u = capacity.x / weight, capacity.u / weight
    spread = capacity.xx / weight - mean_x**2
    if spread > (0.1 * mean_x) ** 2:  # demand moved by a tenth of itself: the intercept is more than noise
        slope = (capacity.xu / weight - mean_x * mean_u) / spread
        idle = mean_u - slope * mean_x
        if 0 <= idle <= IDLE_MOST and slope > 0:
            rest = max(0.0, capacity.uu / weight - mean_u**2 - slope**2 * spread)
            return idle, slope, math.sqrt(rest / spread / max(1.0, weight - 2))
    slope = capacity.xu / capacity.xx if capacity.xx > 0 else 0.0
    rest = max(0.0, capacity.uu - slope * capacity.xu) / weight
    return 0.0, slope, math.sqrt(rest / max(capacity.xx / weight, 1e-300) / max(1.0, weight - 1))
