"""What the Vertical Pod Autoscaler knows of a cell before it begins: the use of an hour at the grants, by minute and container, and kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from flyball.sim.arrivals import Arrivals
from flyball.sim.policies.vpa import Watch
from flyball.sim.run import Run, Settings
from tests.benchmarks.cpu.cells import HOUR, Cell, load
from tests.benchmarks.cpu.kept import keep, place, read

PAST_SEED = 8_000
"""Which no score uses."""


def past(cell: Cell, code: str) -> list[list[float]]:
    """Cores, minutes by containers. `code`: hash of the sources that decide a run."""
    plant = load(cell, HOUR)
    path = place("past", [plant.key, PAST_SEED, code])
    kept: Any = read(path)
    if kept is None:
        watch, arrivals = Watch(), Arrivals(plant.rates, PAST_SEED)
        run = Run(plant.application, arrivals, watch, PAST_SEED, Settings())
        for second in range(arrivals.seconds):
            run.second(second)
        kept = np.round(watch.minutes, 5).tolist()
        keep(path, kept)
    return list(kept)
