"""The product's planner where a short minute has a price: the knob is that price. `flyball.replicas.misses` learns along, from what a policy
may know.

Beside `product`, whose knob is a headroom. What replicas are worth does not depend on how many there are, so it is worked out first, hour by hour,
by the planner's own functions; then the replicas follow look by look. Each run compares a stretch with `decide` (`checked`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.replicas import misses
from flyball.replicas.estimates import CERTAIN, NEGLIGIBLE, PEAK_MEMORY_SECONDS
from flyball.replicas.misses import Misses
from flyball.replicas.plan import decide
from flyball.replicas.types import IN, Behaviour, Need, Observation, PlanSettings, PlanState
from tests.benchmarks.forecast.outcome.load import STEP_SECONDS, Load

Array = NDArray[np.float64]
Counts = NDArray[np.float32]
DOWNS = (15, 60, 300)
"""Seconds of stabilisation before replicas go."""
PRICES = np.geomspace(0.4, 400.0, 18)
"""The knob: replica-minutes a short minute costs, over the replicas that the peak needs. Of 18, as all policies' knobs."""
HOUR_LOOKS = int(misses.TABLE_SECONDS) // STEP_SECONDS
CHECKED_LOOKS = 400
MOST = 100_000


@dataclass(frozen=True, slots=True)
class Worth:
    """By look, from the load's first step on."""

    ahead: Array
    """What is forecast, as far as it is believed; 0 where nothing is."""
    peak: Array
    """Largest demand seen before each look, faded."""
    shares: list[Array | None]
    """Rows of `Misses.shares`; None until learned."""
    replicas: Counts
    """(looks, prices)"""


def worth(load: Load, forecast: Array, startup: int, prices: Array) -> Worth:
    """What the planner finds worth its price at each look, learning as it goes."""
    seen, fading = load.seen.tolist(), math.exp(-STEP_SECONDS / PEAK_MEMORY_SECONDS)
    peak, before = np.empty(len(seen)), 0.0
    for look, value in enumerate(seen):
        before = peak[look] = max(before * fading, value)
    ahead = np.where(forecast <= PlanSettings().most_growth * peak, forecast, 0.0)
    base, learner = np.maximum(load.seen, ahead), Misses()
    shares: list[Array | None] = []
    found = np.empty((len(seen), len(prices)), np.float32)
    for look, (value, expected) in enumerate(zip(seen, base.tolist(), strict=True)):
        now = float(load.start + look * STEP_SECONDS)
        shares.append(learner.shares(now)[learner.klass(now, expected)] if expected > 0 and learner.learned(now) else None)
        learner.note(now, value, expected, float(startup * STEP_SECONDS))
    for begin in range(0, len(seen), HOUR_LOOKS):
        places = range(begin, min(begin + HOUR_LOOKS, len(seen)))
        known = [look for look in places if shares[look] is not None]
        rest = [look for look in places if shares[look] is None]
        if known:
            found[known] = misses.cheapest(base[known], np.stack([row for look in known if (row := shares[look]) is not None]), prices)
        if rest:
            found[rest] = misses.unlearned(base[rest], prices)
    return Worth(ahead, peak, shares, np.where((base > NEGLIGIBLE)[:, None], found, 0.0).astype(np.float32))


def follow(seen: Array, wanted: Counts, tolerance: float, down_seconds: int) -> Counts:
    """Replicas asked for at each look (looks, prices)."""
    least = np.maximum(np.ceil(seen - CERTAIN), 1.0)
    keeps = np.ceil(seen * (1.0 + tolerance) - CERTAIN)
    now = np.maximum(wanted[0], least[0]).astype(np.float64)
    window = max(1, down_seconds // STEP_SECONDS)
    wishes = np.zeros((window, len(now)))
    found = np.empty(wanted.shape, np.float32)
    for look in range(len(seen)):
        wish = np.maximum(wanted[look], np.maximum(least[look], np.minimum(now, keeps[look])))
        wishes[look % window] = wish
        calm = now if look * STEP_SECONDS < down_seconds else np.minimum(now, wishes.max(axis=0))
        now = np.where(wish > now, np.minimum(wish, np.maximum(2.0 * now, now + 4.0)), calm)
        found[look] = now
    return found


def one_by_one(load: Load, its: Worth, first: int, price: float, begin: float, tolerance: float, down_seconds: int, count: int) -> list[int]:
    """The same at one price by the product's `decide`, from step `first` on with `begin` replicas."""
    given = PlanSettings(minimum=1, maximum=MOST, tolerance=tolerance, into=Behaviour(IN.policies, float(down_seconds)), short_price=price)
    state, now = PlanState(peaks={"demand": float(its.peak[first])}), int(begin)
    found = []
    for look in range(first, min(first + count, len(load.seen))):
        ahead, shares = float(its.ahead[look]), its.shares[look]
        need = Need("demand", float(load.seen[look]), 1.0, age_seconds=30.0, forecast=ahead if ahead > 0 else None, shares=shares)
        state, decision = decide(state, Observation(float(look * STEP_SECONDS), (need,), now, now), given)
        now = decision.replicas
        found.append(now)
    return found


def checked(load: Load, its: Worth, first: int, prices: Array, tolerance: float, down_seconds: int) -> Counts:
    """`follow` from step `first` on, compared with `decide` at one price; raises AssertionError where they differ."""
    found = follow(load.seen[first:], its.replicas[first:], tolerance, down_seconds)
    place = len(prices) // 2
    start = max(float(its.replicas[first, place]), math.ceil(load.seen[first] - CERTAIN), 1.0)
    own = one_by_one(load, its, first, float(prices[place]), start, tolerance, down_seconds, CHECKED_LOOKS)
    if own != found[: len(own), place].tolist():
        raise AssertionError("The planner decides otherwise than its arithmetic in the benchmark: outcome/priced.py follows an older plan.")
    return found


def label(down: int) -> str:
    return f"median, price of a short minute, down {down} s"


def totals(load: Load, forecast: Array, startup: int, first: int, downs: Sequence[int] = DOWNS) -> Iterator[tuple[str, Counts]]:
    """(variant, replicas asked for at each look from step `first` on) of the planner."""
    prices = PRICES * load.size
    its = worth(load, forecast, startup, prices)
    for down in downs:
        yield label(down), checked(load, its, first, prices, 0.0, down)
