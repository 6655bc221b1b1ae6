"""Demand in steps of 15 s: traces scaled so that their peak needs 5, 20 or 100 replicas, requests drawn by Poisson's law.

A policy never sees the present: the metric is the mean of a minute that ended 15 to 60 s ago, the age drawn anew at each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast import data
from tests.benchmarks.forecast.data import MINUTES_A_DAY, Series

Array = NDArray[np.float64]
STEP_SECONDS = 15
PER_MINUTE = 4
SIZES = (5, 20, 100)
CAPACITY = 50.0
"""Requests a second that a replica carries. Sets the noise: a replica's worth of demand varies by 3.7 % from step to step (Poisson, 750 requests)."""
AGE_STEPS = (1, 4)
LONGEST_DAYS = 14
"""Of the longest trace the last two weeks before its end count, after a week of history."""
SEED = 20260417
HOUR_WARMUP = 10
"""Minutes of the hour-long traces before they count."""


@dataclass(frozen=True, slots=True)
class Load:
    """One trace at one size."""

    name: str
    size: int
    begin: int
    """First step that counts; what lies before is history."""
    demand: Array
    """Replicas' worth of requests in each step, as stated capacity has it."""
    seen: Array
    """What the metric says at each step."""
    seen_minutes: NDArray[np.int64]
    """Whole minutes that have reached the forecaster at each step."""
    minutes: Array
    """Demand by minute, as the metric will have it."""
    start: int
    """Unix seconds of the first step; its hour and weekday are the trace's."""

    def series(self) -> Series:
        return Series(f"{self.name} {self.size}", 60, self.start, self.minutes * CAPACITY, self.begin // PER_MINUTE)


def traces(holdout: bool, quick: bool) -> list[Series]:
    """Minute series whose shape is the demand; hours of one-second traces come as steps of 15 s."""
    if holdout:
        return [_short(one) for one in data.holdout()]
    if quick:
        return [_short(data.crane(0).cut(6 * MINUTES_A_DAY)), _hour(data.RATES[2])]
    return [*(_short(one) for one in data.tuning()), *(_hour(name) for name in data.RATES)]


def _short(series: Series) -> Series:
    longest = LONGEST_DAYS * MINUTES_A_DAY * 60 // series.step_seconds + min(series.warmup, 7 * MINUTES_A_DAY * 60 // series.step_seconds)
    left = max(len(series.values) - longest, 0)
    week = 7 * MINUTES_A_DAY * 60 // series.step_seconds
    return replace(series, start=series.start + left * series.step_seconds, values=data.fill(series.values)[left:], warmup=min(series.warmup, week))


def _hour(name: str) -> Series:
    rates = data.rate(name).reshape(-1, STEP_SECONDS).mean(axis=1)
    return Series(name, STEP_SECONDS, 0, rates, HOUR_WARMUP * PER_MINUTE)


def in_steps(series: Series) -> Array:
    """The shape by steps of 15 s, straight between the middles of the source's steps."""
    if series.step_seconds == STEP_SECONDS:
        return series.values
    span = series.step_seconds // STEP_SECONDS
    middles = np.arange(len(series.values)) * span + (span - 1) / 2
    return np.interp(np.arange(len(series.values) * span), middles, series.values)


def loads(series: Series, sizes: Sequence[int] = SIZES) -> list[Load]:
    shape = in_steps(series)
    begin = series.warmup * series.step_seconds // STEP_SECONDS
    found = []
    for size in sizes:
        rng = np.random.default_rng([SEED, size, len(shape)])
        wanted = shape / shape[begin:].max() * size * CAPACITY
        demand = rng.poisson(wanted * STEP_SECONDS) / STEP_SECONDS / CAPACITY
        ages = rng.integers(AGE_STEPS[0], AGE_STEPS[1] + 1, len(demand))
        found.append(view(series.name, size, begin, demand, ages, series.start))
    return found


def view(name: str, size: int, begin: int, demand: Array, ages: NDArray[np.int64], start: int = 0) -> Load:
    """What a policy may know of a demand: nothing of the steps since the metric's age."""
    cumulated = np.concatenate([[0.0], np.cumsum(demand)])
    end = np.maximum(np.arange(len(demand)) + 1 - ages, 1)
    first = np.maximum(end - PER_MINUTE, 0)
    seen = (cumulated[end] - cumulated[first]) / (end - first)
    whole = len(demand) // PER_MINUTE
    minutes = demand[: whole * PER_MINUTE].reshape(whole, PER_MINUTE).mean(axis=1)
    arrived = np.maximum(np.arange(len(demand)) + 1 - ages, 0) // PER_MINUTE
    return Load(name, size, begin, demand, seen, np.minimum(arrived, whole), minutes, start)
