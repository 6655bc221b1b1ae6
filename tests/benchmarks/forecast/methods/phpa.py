"""PHPA's Holt-Winters: additive trend and season with smoothing constants that the user sets by hand.

PHPA applies it to past replica counts; on a load it is this (reference/forecasting.md, 2.1: statsmodels' Holt-Winters, parameters hand-tuned).
The recursion is Holt's and Winters' additive one, started as the textbook does: level and trend from the first two seasons' means.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import DAY_SECONDS, Array, Forecaster, Method, coarse, means_needed, sane, to_steps

GRID = ((0.9, 0.001, 0.1), (0.5, 0.0, 0.1), (0.9, 0.0, 0.3), (0.2, 0.0, 0.2))
"""(alpha, beta, gamma) tried. One set has to do for all workloads, as a cluster's template would have it."""


def holt_winters(values: Array, season: int, alpha: float, beta: float, gamma: float, count: int) -> Array:
    """Forecast of the next `count` values. Needs two seasons."""
    first, second = values[:season].mean(), values[season : 2 * season].mean()
    trend = (second - first) / season if beta > 0 else 0.0
    level = float(first)
    seasonal = (values[:season] - first).tolist()
    for index, value in enumerate(values[season:].tolist()):
        place = index % season
        before = level
        level = alpha * (value - seasonal[place]) + (1 - alpha) * (level + trend)
        trend = beta * (level - before) + (1 - beta) * trend
        seasonal[place] = gamma * (value - level) + (1 - gamma) * seasonal[place]
    begin = len(values) - season
    return np.array([level + (ahead + 1) * trend + seasonal[(begin + ahead) % season] for ahead in range(count)])


def of(alpha: float, beta: float, gamma: float) -> Forecaster:
    def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
        means, span = coarse(past, step_seconds)
        season = DAY_SECONDS // (span * step_seconds)
        found = holt_winters(means, season, alpha, beta, gamma, means_needed(ahead, span))
        return to_steps(means[-1], sane(found), span, ahead)

    return forecast


METHODS = tuple(
    Method(f"PHPA Holt-Winters {alpha:g}/{beta:g}/{gamma:g}", of(alpha, beta, gamma), __name__, 2, "5-min means, season of a day")
    for alpha, beta, gamma in GRID
)
