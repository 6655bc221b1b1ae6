"""The Vertical Pod Autoscaler's recommender, with limits that follow its recommendation.

A histogram of CPU use by the minute whose weights halve in 24 h; the target is its 90 % quantile plus 15 %, the bounds are its 50 and 95 % quantiles,
widened while history is short; at least 25 m. A container is changed in place when what it has lies outside the bounds, or differs by more than 10 %
after twelve hours. Source: reference/cpu-control.md 2 (VPA's flags, AEP-4016); buckets (first .01 cores, growing by 5 %) and the widening as in its
documentation of the recommender. VPA keeps a limit's ratio to its request: `ratio` is that, and is tuned. `past` is what it saw before, as where it
has run for a day: bounds that an hour of history widens ninefold hold no request that is twice the peak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flyball.sim.policies.parts import Meter, quotas
from flyball.sim.policy import Facts, Floats, Quotas, Samples, SlowObservation

LOOP_SECONDS = 60
HALF_LIFE_SECONDS = 24 * 3600.0
TARGET, LOWER, UPPER = 0.90, 0.50, 0.95
MARGIN = 1.15
CORES_MIN = 0.025
FIRST_BUCKET, BUCKET_GROWTH, CORES_MAX = 0.01, 1.05, 1000.0
CHANGE, UNDISTURBED_SECONDS = 0.10, 12 * 3600.0
DAY = 86_400.0
BUCKETS = int(np.log(CORES_MAX * 0.05 / FIRST_BUCKET + 1.0) / np.log(BUCKET_GROWTH)) + 2
STARTS: Floats = FIRST_BUCKET * (BUCKET_GROWTH ** np.arange(BUCKETS, dtype=np.float64) - 1.0) / 0.05
"""Where buckets begin: each is 5 % wider than the one before."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Cores by container."""

    target: Floats
    lower: Floats
    upper: Floats


def add(weights: Floats, usage: Floats, request: Floats, now: float) -> Floats:
    """The histograms (containers by buckets) with one more minute: it weighs by the request, and doubles every 24 h relative to the past."""
    place = np.clip(np.searchsorted(STARTS, usage, side="right") - 1, 0, len(STARTS) - 1)
    grown = weights.copy()
    grown[np.arange(len(usage)), place] += np.maximum(request, 0.1) * 2.0 ** (now / HALF_LIFE_SECONDS)
    return grown


def quantile(weights: Floats, share: float) -> Floats:
    """End of the bucket in which the share is reached; 0 for an empty histogram."""
    cumulative = np.cumsum(weights, axis=1)
    place = (cumulative < share * cumulative[:, -1:]).sum(axis=1)
    ends = np.append(STARTS[1:], CORES_MAX)
    found: Floats = np.where(cumulative[:, -1] > 0, ends[np.minimum(place, len(ends) - 1)], 0.0)
    return found


def recommend(weights: Floats, history_seconds: float) -> Recommendation:
    """What the recommender says after this much history."""
    days = max(history_seconds, LOOP_SECONDS) / DAY
    target, lower, upper = (np.maximum(CORES_MIN, MARGIN * quantile(weights, share)) for share in (TARGET, LOWER, UPPER))
    widened = np.maximum(CORES_MIN, lower * (1.0 + 0.001 / days) ** -2.0)
    return Recommendation(target, np.minimum(widened, target), np.maximum(upper * (1.0 + 1.0 / days), target))


def update(request: Floats, since: Floats, advice: Recommendation) -> Floats:
    """Requests after the updater's look; `since` is seconds since each was last changed."""
    outside = (request < advice.lower) | (request > advice.upper)
    drifted = (np.abs(advice.target - request) > CHANGE * request) & (since >= UNDISTURBED_SECONDS)
    return np.where(outside | drifted, advice.target, request)


class Watch:
    """Grants throughout; `minutes` gathers the cores that each container used, minute by minute."""

    name = "watch"
    tick_seconds = 1.0
    slow_seconds = 60.0

    def start(self, facts: Facts) -> Quotas | None:
        self._meter = Meter(LOOP_SECONDS)
        self.minutes: list[Floats] = []
        return quotas(facts.grant, facts)

    def fast(self, samples: Samples) -> Quotas | None:
        usage = self._meter.add(samples)
        if usage is not None:
            self.minutes.append(usage)
        return None

    def slow(self, observation: SlowObservation) -> None:
        return None


class Vpa:
    """Recommender and in-place updater; limits are `ratio` times the requests. Requests begin at the grant.

    `past`: cores by minute and container of an hour that came again and again for a day before, or without minutes for no past at all.
    """

    tick_seconds = 1.0
    slow_seconds = 60.0

    def __init__(self, ratio: float = 1.0, past: Sequence[Sequence[float]] = ()) -> None:
        if not ratio >= 1.0:
            raise ValueError(f"a limit is at least its request: the ratio is 1 or more, not {ratio}")
        self.name = f"vpa {ratio:.2f}"
        self._ratio = ratio
        self._past = past

    def start(self, facts: Facts) -> Quotas | None:
        self._facts = facts
        self._meter = Meter(LOOP_SECONDS)
        self._weights = np.zeros((len(facts.grant), len(STARTS)))
        self._request = facts.grant.copy()
        repeats = round(DAY / (LOOP_SECONDS * len(self._past))) if self._past else 0
        self._watched = LOOP_SECONDS * len(self._past) * repeats
        for minute in range(-len(self._past) * repeats, 0):
            self._weights = add(self._weights, np.asarray(self._past[minute % len(self._past)]), self._request, LOOP_SECONDS * minute)
        self._changed = np.full(len(facts.grant), -self._watched)
        return None

    def fast(self, samples: Samples) -> Quotas | None:
        usage = self._meter.add(samples)
        if usage is None:
            return None
        self._weights = add(self._weights, usage, self._request, samples.now)
        request = update(self._request, samples.now - self._changed, recommend(self._weights, self._watched + samples.now))
        self._changed = np.where(request != self._request, samples.now, self._changed)
        self._request = request
        return quotas(self._ratio * request, self._facts)

    def slow(self, observation: SlowObservation) -> None:
        return None
