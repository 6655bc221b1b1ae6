"""Combination of experts: who has been right about this series at this horizon is listened to.

AdaHedge (de Rooij et al., JMLR 2014: exponential weights whose rate follows the losses themselves, so that no scale has to be known) on the
gradient of the absolute loss, which competes with the best fixed mixture and not only with the best expert. Losses enter when they have
matured, h steps late. An expert that slept at an origin gets the combination's own loss for it (Freund et al., 1997). Losses are forgotten
slowly, so that the best of last month does not speak for today.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array, Mask

TINY = np.float32(1e-12)


class Aggregator:
    """Weights (experts, horizons, series)."""

    def __init__(self, prior: NDArray[np.float64], horizons: int, count: int, memory: float) -> None:
        """`prior` (experts,) sums to 1 and speaks until losses do; `memory`: matured origins after which a loss counts 1/e."""
        self.prior = (prior / prior.sum()).astype(np.float32)
        self.losses = np.zeros((len(prior), horizons, count), np.float32)
        self.gaps = np.zeros((horizons, count), np.float32)  # what the mixture lost to the exponential mean, summed
        self.memory = memory

    def weights(self, awake: Mask) -> Array:
        """Weights (experts, horizons, series), summing to 1 over experts; `awake` (experts, series), at least one awake."""
        return self._weigh(self.losses, self.gaps, awake[:, None, :])

    def learn(self, horizon: int, predictions: Array, mixture: Array, awake: Mask, actual: Array, known: Mask, size: Array, elapsed: int) -> None:
        """An origin has matured: `predictions` (experts, series), the others (series,), in the unit of the series; `elapsed` steps since the last."""
        use = known & awake.any(axis=0)
        slope = np.sign(mixture - actual) / np.maximum(size, TINY)
        loss = np.where(awake & use, slope * (predictions - mixture), 0.0).astype(np.float32)
        weights = self._weigh(self.losses[:, horizon], self.gaps[horizon], awake)
        rate = self._rate(self.gaps[horizon])
        mean = (weights * loss).sum(axis=0)
        least = loss.min(axis=0)
        bulk = np.maximum((weights * np.exp(-np.minimum(rate * (loss - least), 80.0))).sum(axis=0), TINY)
        mixed = least - np.log(bulk) / rate
        forget = np.where(use, np.float32(np.exp(-elapsed / self.memory)), np.float32(1.0))
        self.gaps[horizon] = self.gaps[horizon] * forget + np.where(use, np.maximum(mean - mixed, 0.0), 0.0)
        self.losses[:, horizon] = self.losses[:, horizon] * forget + loss

    def _rate(self, gaps: Array) -> Array:
        return np.float32(np.log(len(self.prior))) / np.maximum(gaps, np.float32(1e-6))

    def _weigh(self, losses: Array, gaps: Array, awake: Mask) -> Array:
        heard = np.where(awake, losses, np.float32(1e30))
        least = heard.min(axis=0)
        prior = self.prior.reshape((-1,) + (1,) * (losses.ndim - 1))
        weights = prior * np.exp(-np.minimum(self._rate(gaps) * (heard - least), np.float32(80.0)))
        weights = np.where(awake, weights, np.float32(0.0))
        return np.asarray(weights / np.maximum(weights.sum(axis=0), TINY), np.float32)
