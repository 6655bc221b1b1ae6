"""What the planner's replicas, look by look, cost in the parts of a load: all of what counts, its first and its second half."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast.outcome.load import Load
from tests.benchmarks.forecast.outcome.simulate import score

Array = NDArray[np.float64]
Counts = NDArray[np.float32]
LOOK_STEPS = 1
"""The controller looks each 15 s (`runtime.settings`, tick_seconds)."""


def by_steps(found: Counts, count: int) -> Counts:
    """Looks to steps."""
    return np.repeat(found, LOOK_STEPS, axis=0)[:count]


def scores(asked: Counts, load: Load, first: int, startup: int, parts: Sequence[tuple[int, int]]) -> Array:
    """(measures, parts, knobs) of counts by look (looks, knobs)."""
    total, demand = by_steps(asked, len(load.demand) - first), load.demand[first:]
    found = []
    for begin, end in parts:
        early = max(0, begin - first - startup)  # what a part needs of the time before it: the replicas that start
        found.append(score(total[early : end - first], demand[early : end - first], startup, begin - first - early))
    return np.array([[getattr(one, of) for one in found] for of in ("replica_hours", "under", "unserved")])
