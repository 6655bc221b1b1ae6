"""The history of series, learned in slices that leave the event loop free: by their engine, and what a short minute costs them along with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flyball.controllers.predictiveautoscaler.ahead import Ahead
from flyball.forecast import Engine, Forecast
from flyball.replicas.misses import MEDIAN, Misses, expected
from flyball.signals.demand import BEHIND_SECONDS, STEP_SECONDS

SLICE_SECONDS = 0.03
"""History is learned in slices of this length; the loop has as much time for others after each."""


@dataclass(slots=True)
class Lesson:
    """What a short minute costs a series, learned along while its history is."""

    place: int
    lead: float
    behind_seconds: float = BEHIND_SECONDS
    """How far the history's values, means, are behind a rising load."""
    misses: Misses = field(default_factory=Misses)

    def learn(self, forecast: Forecast, demand: float) -> None:
        """A minute of history, and what was forecast at its end."""
        ahead = Ahead(forecast, self.place)
        most = ahead.most(self.lead + self.behind_seconds, MEDIAN) if ahead.usable else None
        self.misses.note(forecast.time, demand, expected(demand, most), self.lead)


class _Slices:
    """Long work in slices that leave the event loop free."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    async def rest(self) -> None:
        """Leave the loop to others for as long as was worked, once a slice is over."""
        if (worked := time.monotonic() - self._began) > SLICE_SECONDS:
            await asyncio.sleep(worked)
            self._began = time.monotonic()


async def learn(engine: Engine, start: float, history: NDArray[np.float32], lessons: Sequence[Lesson]) -> None:
    """Give the engine its history (minutes, series) from `start` on; minutes of which nothing is known are left out. `lessons` learn along."""
    slices = _Slices()
    for row in np.flatnonzero(np.isfinite(history).any(axis=1)):
        engine.update(start + float(row) * STEP_SECONDS, history[row])
        await slices.rest()
        if lessons:
            forecast = engine.forecast()
            for lesson in lessons:
                lesson.learn(forecast, float(history[row, lesson.place]))
                await slices.rest()
