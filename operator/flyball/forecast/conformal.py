"""Quantiles: what the errors of this series at this horizon were, in units of how much it moves now and usually moves at that time of day.

Scores = error in z / scale, scale = sqrt(recent volatility x time-of-day volatility), the best rule of the reference's experiment (section 4).
Their distribution is kept as a histogram with forgetting instead of a list of 48 h, so that 10,000 series fit in memory. Only matured errors
enter. The bins are even in asinh(score): fine around 0, wide at the tails, which keep their order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array, Mask
from flyball.forecast.pending import Matured
from flyball.forecast.settings import Settings

BINS = 48
EDGE = 4.0
"""asinh of the largest score that has a bin of its own: 27."""
MEMORY_DAYS = 1.0
"""e-folding time of the histogram; weighs errors about as a rolling window of two days."""
PRIOR = 15.0
"""Origins that the starting distribution counts for: a normal law, wider than scores turn out to be, so that the first bands are too wide and not too
narrow."""
PRIOR_SIGMA = 2.0
FAST_STEPS = 30
"""Span of recent volatility in steps, at least; never less than the horizon."""
TOD_GAIN = 0.3
"""A day's share in the time-of-day volatility."""
UNSCALED = 120
"""Outcomes after which a scale at the floor is a series that never moves, and no longer one that nothing is known of."""
FLOOR = 1e-3
"""Volatility of a series that never moved, in z (about a thousandth of its size)."""


class Conformal:
    """Scales and score distributions; arrays end with the series."""

    def __init__(self, count: int, settings: Settings) -> None:
        self.settings = settings
        height = len(settings.horizons)
        edges = np.linspace(-EDGE, EDGE, BINS + 1)
        centre = np.sinh((edges[:-1] + edges[1:]) / 2)
        width = np.diff(np.sinh(edges))
        prior = np.exp(-0.5 * (centre / PRIOR_SIGMA) ** 2) * width
        self.edges = edges.astype(np.float32)
        self.mass = np.repeat(np.repeat((PRIOR * prior / prior.sum()).astype(np.float32)[None, :, None], height, axis=0), count, axis=2)
        self.fast = np.full((height, count), FLOOR, np.float32)
        self.slow = np.full(count, FLOOR, np.float32)
        self.of_day = np.zeros((settings.bins, count), np.float32)
        self.seen = np.zeros((height, count), np.int32)
        self.middle = int(np.argmin([abs(horizon - settings.spans[1]) for horizon in settings.horizons]))

    def scale(self, step: int) -> Array:
        """(horizons, series): the size of an error that is usual now for each horizon."""
        settings = self.settings
        places = [((step + horizon) // settings.bin_steps) % settings.bins for horizon in settings.horizons]
        fast = self._fast()
        usual = np.where(self.of_day[places] > 0, self.of_day[places], np.where(self.seen[self.middle] > 0, self.slow, fast))
        return np.asarray(np.sqrt(np.maximum(fast, FLOOR) * np.maximum(usual, FLOOR)), np.float32)

    def _fast(self) -> Array:
        """Recent volatility (horizons, series); of a horizon without outcomes yet what the one before it says, grown as a random walk's."""
        if (self.seen > 0).all():
            return self.fast
        fast = self.fast.copy()
        for place in range(1, len(fast)):
            growth = np.float32(np.sqrt(self.settings.horizons[place] / self.settings.horizons[place - 1]))
            fast[place] = np.where(self.seen[place] > 0, fast[place], growth * fast[place - 1])
        return fast

    def learn(self, matured: Matured, step: int, error: Array, known: Mask) -> None:
        """Origins have matured at `step`: their errors in z (M, series), and which to learn from."""
        settings, which, elapsed = self.settings, matured.horizons, matured.elapsed[:, None]
        size = np.abs(error)
        span = np.maximum(FAST_STEPS, np.array(settings.horizons)[which])[:, None] / elapsed
        self.seen[which] += known
        first = 1.0 / np.maximum(self.seen[which], 1)
        gain = np.maximum(2.0 / (span + 1.0), first).astype(np.float32)
        self.fast[which] += np.where(known, gain * (size - self.fast[which]), np.float32(0.0))
        forget = np.exp(-matured.elapsed / (MEMORY_DAYS * settings.day)).astype(np.float32)[:, None]
        score = np.arcsinh(error / np.maximum(matured.scale, FLOOR))
        bins = np.clip(((score + EDGE) * (BINS / (2 * EDGE))).astype(np.intp), 0, BINS - 1)
        # An origin made before any outcome had no scale: its score would be hundreds, and a day's bounds with it.
        scored = known & ((matured.scale > FLOOR) | (self.seen[which] > UNSCALED))
        for place, horizon in enumerate(which):
            self.mass[horizon] *= np.where(scored[place], forget[place], np.float32(1.0))
            series = np.flatnonzero(scored[place])
            self.mass[horizon, bins[place, series], series] += 1.0
            if horizon == self.middle:
                self._learn_usual(step, size[place], known[place], float(elapsed[place, 0]), first[place])

    def _learn_usual(self, step: int, size: Array, known: Mask, elapsed: float, first: NDArray[np.float64]) -> None:
        gain = np.maximum(2.0 * elapsed / self.settings.day, first).astype(np.float32)
        self.slow += np.where(known, gain * (size - self.slow), np.float32(0.0))
        place = (step // self.settings.bin_steps) % self.settings.bins
        fresh = np.where(self.of_day[place] > 0, self.of_day[place], self.slow)
        self.of_day[place] = np.where(known, fresh + np.float32(TOD_GAIN * elapsed / self.settings.bin_steps) * (size - fresh), self.of_day[place])

    def widen(self, which: Mask, by: Array) -> None:
        """A level shift: errors of its size are to be thought possible at once."""
        self.fast[:, which] = np.maximum(self.fast[:, which], np.abs(by[which]) / 2)

    def offsets(self, quantiles: NDArray[np.float64], scale: Array) -> Array:
        """(quantiles, horizons, series): what to add to z; growing with the quantile."""
        cumulated = np.cumsum(self.mass, axis=1)
        total = cumulated[:, -1]
        found = np.empty((len(quantiles), *total.shape), np.float32)
        width = np.float32(2 * EDGE / BINS)
        for place, quantile in enumerate(quantiles):
            # A finite sample's conformal quantile lies a little further out: (n + 1) q of n.
            wanted = np.minimum(np.float32(quantile) * (total + 1.0), total * np.float32(0.9999))
            index = np.minimum((cumulated < wanted[:, None]).sum(axis=1), BINS - 1)
            here = np.take_along_axis(self.mass, index[:, None], axis=1)[:, 0]
            below = np.take_along_axis(cumulated, index[:, None], axis=1)[:, 0] - here
            inside = np.clip((wanted - below) / np.maximum(here, 1e-9), 0.0, 1.0)
            found[place] = np.sinh(self.edges[index] + inside * width) * scale
        return found
