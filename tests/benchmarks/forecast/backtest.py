"""One pass of the engine over a series, and the origins at which everybody is asked.

The engine goes step by step, so nothing after an origin can reach its forecast. Origins lie 13 minutes apart, which is no multiple of an hour
and meets every minute of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.forecast import Engine, Settings
from tests.benchmarks.forecast.data import Series

ORIGIN_SECONDS = 780
MINUTES = (1, 5, 15, 60)


@dataclass(frozen=True, slots=True)
class Pass:
    """What the engine said at the origins: (origins, horizons), quantiles (origins, horizons, Q)."""

    series: Series
    origins: NDArray[np.int64]
    horizons: tuple[int, ...]
    point: NDArray[np.float64]
    bounds: NDArray[np.float64]
    weights: NDArray[np.float64]  # (horizons, experts), mean over origins
    seconds_a_step: float

    def actual(self) -> NDArray[np.float64]:
        return self.series.values[self.origins[:, None] + np.array(self.horizons)]


def horizons_of(series: Series) -> tuple[int, ...]:
    """Of 1, 5, 15 and 60 minutes those that the series' step can tell."""
    return tuple(minutes * 60 // series.step_seconds for minutes in MINUTES if minutes * 60 % series.step_seconds == 0)


def origins_of(series: Series, limit: int | None = None) -> NDArray[np.int64]:
    """Every 13 minutes after the first days, as long as the farthest outcome is in the series."""
    stride = max(1, round(ORIGIN_SECONDS / series.step_seconds))
    last = min(len(series.values), limit or len(series.values)) - max(horizons_of(series))
    return np.arange(series.start, last, stride)


def run(series: Series, settings: Settings | None = None, limit: int | None = None) -> Pass:
    """The engine alone on one series; `limit`: steps to stop after."""
    settings = settings or Settings.for_step(series.step_seconds)
    engine = Engine(1, settings)
    horizons = horizons_of(series)
    places = [settings.horizons.index(horizon) for horizon in horizons]
    origins = origins_of(series, limit)
    wanted = set(origins.tolist())
    points, bounds, weights = [], [], []
    began = time.process_time()
    for step, moment in enumerate(series.clock[: origins[-1] + 1]):
        engine.update(moment, series.values[step : step + 1])
        if step in wanted:
            forecast = engine.forecast()
            points.append(forecast.point[0, places])
            bounds.append(forecast.values[0, places])
            weights.append(forecast.weights[0, places])
    spent = (time.process_time() - began) / (origins[-1] + 1)
    return Pass(series, origins, horizons, np.array(points, np.float64), np.array(bounds, np.float64), np.mean(weights, axis=0), spent)
