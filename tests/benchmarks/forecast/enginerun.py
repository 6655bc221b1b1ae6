"""The engine over whole series, minute by minute: what it said at each step, kept for accuracy, quantiles and the outcome.

One engine serves all series of a step, as the operator's does; series of different years run side by side, moved by whole weeks so that the hour
and the weekday stay. A value enters after the forecast of its step was asked for, never before: there is nothing to look ahead at.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.forecast import Engine, Reason, Settings
from flyball.forecast.forecast import BELIEVED
from tests.benchmarks.forecast.cache import cached, identity, source_of
from tests.benchmarks.forecast.data import Series
from tests.benchmarks.forecast.origins import asked

Array = NDArray[np.float64]
WEEK_SECONDS = 7 * 86_400
QUANTILE = 0.95
BOUND_MINUTES = (15, 60)
FIRST = 1000 * WEEK_SECONDS
"""A Thursday midnight UTC; the engine's clock begins in the week that begins here."""
TOLD_EVERY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """Of one series, by step: what was forecast when that step's value was the last known."""

    ahead: tuple[int, ...]
    point: Array
    """(steps, len(ahead))."""
    bound_steps: tuple[int, ...]
    bound: Array
    """(steps, len(bound_steps)): the 95 % quantile."""
    floor: Array
    """(steps, wanted horizons, wanted quantiles), NaN where the engine calls itself not usable or without skill; empty unless asked for.

    With the peaks of earlier days, as `Forecast.most` has them.
    """


def between(horizons: NDArray[np.int64], values: Array, ahead: Sequence[int]) -> Array:
    """Values (..., horizons) at the steps wanted, straight in between and level outside."""
    wanted = np.asarray(ahead, np.float64)
    right = np.clip(np.searchsorted(horizons, wanted), 1, len(horizons) - 1)
    left = right - 1
    part = np.clip((wanted - horizons[left]) / (horizons[right] - horizons[left]), 0.0, 1.0)
    return values[..., left] * (1 - part) + values[..., right] * part


def clock_of(series: Sequence[Series]) -> tuple[list[int], int]:
    """First step of each series on the common clock, and how many steps the clock runs."""
    step = series[0].step_seconds
    # The week of Unix begins on a Thursday; what remains of a start keeps weekday and time of day.
    first = [round((one.start % WEEK_SECONDS) / step) for one in series]
    begin = min(first)
    return [place - begin for place in first], max(place - begin + len(one.values) for place, one in zip(first, series, strict=True))


def clock_start(series: Sequence[Series]) -> int:
    return FIRST + min(round((one.start % WEEK_SECONDS) / one.step_seconds) for one in series) * series[0].step_seconds


def table_of(series: Sequence[Series]) -> Array:
    """(steps, series) on the common clock; NaN before a series begins and after it ends."""
    first, count = clock_of(series)
    table = np.full((count, len(series)), np.nan)
    for column, (place, one) in enumerate(zip(first, series, strict=True)):
        table[place : place + len(one.values), column] = one.values
    return table


def run_engine(
    series: Sequence[Series], settings: Settings | None = None, quantiles: tuple[float, ...] = (), ahead: Sequence[int] = (), label: str = "engine"
) -> list[Run]:
    """The engine over the series (all of one step). `quantiles` and `ahead`: which of the quantiles to keep beside, at which steps ahead."""
    step = series[0].step_seconds
    chosen = settings or Settings.for_step(step)
    key = [label, repr(chosen), quantiles, tuple(ahead), source_of("flyball.forecast", __name__), *(identity(one) for one in series)]
    found = cached("engine", key, lambda: _run(series, chosen, quantiles, ahead, label))
    bound_steps = tuple(minutes * 60 // step for minutes in BOUND_MINUTES)
    return [Run(asked(step), found[f"point{column}"], bound_steps, found[f"bound{column}"], found[f"floor{column}"]) for column in range(len(series))]


def _run(series: Sequence[Series], settings: Settings, quantiles: tuple[float, ...], ahead: Sequence[int], label: str) -> dict[str, Array]:
    step = series[0].step_seconds
    first, count = clock_of(series)
    table, begin, steps = table_of(series), clock_start(series), asked(step)
    bound_steps = [minutes * 60 // step for minutes in BOUND_MINUTES]
    engine = Engine(len(series), settings)
    point = np.full((count, len(series), len(steps)), np.nan, np.float32)
    bound = np.full((count, len(series), len(bound_steps)), np.nan, np.float32)
    floor = np.full((count, len(series), len(ahead), len(quantiles)), np.nan, np.float32)
    told = time.monotonic()
    for now in range(count):
        engine.update(begin + (now + 1) * step, table[now])
        made = engine.forecast()
        point[now] = between(made.horizons, made.point, steps)
        # Quantiles lie on a fixed grid of the settings: 0.95 is one of them.
        place = int(np.argmin(np.abs(made.quantiles - QUANTILE)))
        bound[now] = between(made.horizons, made.values[:, :, place], bound_steps)
        # As the controller has it: a forecast without skill is no better than the demand of now.
        counted = made.usable & np.array([reason is not Reason.NO_SKILL for reason in made.reasons])
        believed = np.minimum(between(made.horizons, made.peaks, ahead), BELIEVED * between(made.horizons, made.values[:, :, place], ahead))
        for index, quantile in enumerate(quantiles):
            values = between(made.horizons, made.values[:, :, int(np.argmin(np.abs(made.quantiles - quantile)))], ahead)
            floor[now, :, :, index] = np.where(counted[:, None], np.maximum(values, believed), np.nan)
        if time.monotonic() - told > TOLD_EVERY_SECONDS:
            told = time.monotonic()
            print(f"  {label}: {100 * now / count:.0f} % of {count} steps of {len(series)} series", file=sys.stderr, flush=True)
    kept: dict[str, Array] = {}
    for column, (place, one) in enumerate(zip(first, series, strict=True)):
        own = slice(place, place + len(one.values))
        kept[f"point{column}"], kept[f"bound{column}"], kept[f"floor{column}"] = point[own, column], bound[own, column], floor[own, column]
    return kept
