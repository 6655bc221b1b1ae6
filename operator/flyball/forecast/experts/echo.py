"""Echo: a day ahead as patterns like this one have gone on, out of a pool that all series share.

The pool ships with patterns of public series and learns from each series' own days once they are over. Only for steps of an hour.
"""

from __future__ import annotations

import numpy as np

from flyball.forecast.experts.base import View
from flyball.forecast.experts.twodays import DAY, measure, seen
from flyball.forecast.history import Array, Mask, Rescale
from flyball.forecast.pool import Pool, Waves
from flyball.forecast.shipped import HOURS_AHEAD, HOURS_SEEN

SIZE = 512
"""Patterns in a pool; the released code has 350 to 650."""
BATCH = 256
"""Waves that are learned in a step; of more series each takes its turn, so that a step's cost stays linear in series."""
CLIP = 5.0
"""One odd hour must not own a pattern."""


class Echo:
    """The expert."""

    name = "echo"

    def __init__(self, patterns: Array, static: int, pooled: bool) -> None:
        """`patterns` (n, 72) that others have left; `static`: features of a workload; `pooled`: whether the pool learns from its series."""
        self.pool = Pool(SIZE, HOURS_SEEN, HOURS_AHEAD, static)
        self.pool.used = min(len(patterns), SIZE)
        if self.pool.used:
            self.pool.patterns[: self.pool.used] = patterns[:SIZE]
        self.pooled = pooled

    def predict(self, view: View) -> tuple[Array, Mask]:
        values, awake = seen(view)
        if not self.pool.used:
            return np.zeros((HOURS_AHEAD, view.history.count), np.float32), np.zeros_like(awake)
        return view.history.to_z(echoed(values, self.pool, view.static)), awake

    def learn(self, view: View, known: Mask) -> None:
        """Days that are over: what was seen two days long, and what came in the day after."""
        if not self.pooled:
            return
        count = view.history.count
        turns = -(-count // BATCH)
        whole = known & (view.age >= HOURS_SEEN + HOURS_AHEAD - 1) & (np.arange(count) % turns == view.step % turns)
        chosen = np.flatnonzero(whole)
        if chosen.size:
            values = np.stack([view.history.value(lag)[chosen] for lag in range(HOURS_SEEN + HOURS_AHEAD - 1, -1, -1)])
            self.pool.learn(waves(values, view.static[chosen]))

    def rescale(self, change: Rescale) -> None:
        """Waves are in the series' own deviations: nothing to convert."""


def echoed(values: Array, pool: Pool, static: Array) -> Array:
    """The next 24 hours (24, n) of 48 (48, n), never negative."""
    level, size = values[-DAY:].mean(axis=0), measure(values)[1]
    tails = pool.echo(np.clip((values - level) / size, -CLIP, CLIP).T, static)
    return np.asarray(np.maximum(level + size * tails.T, np.float32(0.0)), values.dtype)


def waves(values: Array, static: Array) -> Waves:
    """Of values (72, n): those of series that do not vary are left out."""
    key = values[:HOURS_SEEN]
    level, size = key[-DAY:].mean(axis=0), measure(key)[1]
    varies = key.std(axis=0) > 0
    shapes = np.clip((values - level) / size, -CLIP, CLIP).T
    return Waves(np.asarray(shapes[varies], np.float32), static[varies])
