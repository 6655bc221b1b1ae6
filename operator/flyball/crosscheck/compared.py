"""Theta over a history, beside the backtest of `flyball forecast`: what it would have said every 31 minutes, and how far that erred. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flyball.crosscheck import theta
from flyball.crosscheck.means import MINUTE
from flyball.replicas.backtest import Score

EVERY_MINUTES = 31
"""About half an hour, and coprime with the hour, so that what comes at fixed minutes counts as often as it is. At half hours of the week of
`hack.forecast_pictures` Theta's skill at 5 minutes was .30, the forecast's over all minutes .21, and on the same minutes they erred 3.27 and 3.31."""
DAY_SECONDS = 86_400
MOST_FITS = 240
"""Five days, 20 s of CPU; of a longer history so many moments evenly apart."""

Made = dict[int, dict[float, float]]
"""Minutes ahead -> end of the minute -> what was said of it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Sums of absolute errors over the same minutes."""

    count: int = 0
    theirs: float = 0.0
    last: float = 0.0
    yesterday: float = 0.0

    @property
    def skill(self) -> float:
        """As the backtest scores the forecast."""
        return Score(self.count, self.theirs, self.last, self.yesterday).skill


def play(times: Sequence[float], values: Sequence[float], minutes: Sequence[int]) -> Iterator[float | Made]:
    """Yields the share done after each fit, and at last what Theta said so many minutes ahead, each time from nothing later.

    `times`: ends of minutes; NaN values are missing. Nothing is said before two days are known, nor where statsmodels raises.
    """
    first = theta.LEAST * theta.MEAN_MINUTES - 1
    origins = [index for index in range(first, len(times), EVERY_MINUTES) if math.isfinite(values[index])]
    if len(origins) > MOST_FITS:
        origins = [origins[round(place)] for place in np.linspace(0, len(origins) - 1, MOST_FITS)]
    made: Made = {ahead: {} for ahead in minutes}
    for done, origin in enumerate(origins):
        try:
            found = theta.ahead(_means(values[max(0, origin + 1 - theta.WEEK * theta.MEAN_MINUTES) : origin + 1]), minutes)
        except Exception:  # whatever statsmodels raises: there is no forecast here then
            found = np.full(len(minutes), np.nan)
        for ahead, value in zip(minutes, found.tolist(), strict=True):
            if math.isfinite(value):
                made[ahead][times[origin] + ahead * MINUTE] = value
        yield (done + 1) / len(origins)
    yield made


def _means(values: Sequence[float]) -> theta.Array:
    """Five-minute means, the last one ends with the last value; NaN where no minute of it is known."""
    count = len(values) // theta.MEAN_MINUTES
    table = np.asarray(values[len(values) - count * theta.MEAN_MINUTES :], np.float64).reshape(count, theta.MEAN_MINUTES)
    known = np.isfinite(table)
    return np.where(known.any(axis=1), np.where(known, table, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1), np.nan)


def score(made: Mapping[float, float], minutes: int, actual: Mapping[float, float]) -> Compared:
    """Errors so many minutes ahead, where the minute, the one at which it was said, and yesterday's are known."""
    found = Compared()
    for time, said in made.items():
        value, last, yesterday = (actual.get(moment, math.nan) for moment in (time, time - minutes * MINUTE, time - DAY_SECONDS))
        if math.isfinite(value) and math.isfinite(last) and math.isfinite(yesterday):
            errors = (abs(value - said), abs(value - last), abs(value - yesterday))
            found = Compared(found.count + 1, found.theirs + errors[0], found.last + errors[1], found.yesterday + errors[2])
    return found
