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
from flyball.forecast.pending import Matured

TINY = np.float32(1e-12)


class Aggregator:
    """Weights (experts, horizons, series)."""

    def __init__(self, prior: NDArray[np.float64], horizons: int, count: int, memory: float) -> None:
        """`prior` (experts, horizons) or (experts,) speaks until losses do; `memory`: matured origins after which a loss counts 1/e."""
        each = np.broadcast_to(prior if prior.ndim == 2 else prior[:, None], (len(prior), horizons))
        self.prior = (each / each.sum(axis=0)).astype(np.float32)[:, :, None]
        self.losses = np.zeros((len(prior), horizons, count), np.float32)
        self.gaps = np.zeros((horizons, count), np.float32)  # what the mixture lost to the exponential mean, summed
        self.memory = memory

    def weights(self, awake: Mask) -> Array:
        """Weights (experts, horizons, series), summing to 1 over experts; `awake` (experts, series), at least one awake."""
        return self._weigh(self.losses, self.gaps, awake[:, None, :], self.prior)

    def begin(self, which: Mask) -> None:
        """Most experts of these series (series,) have just woken: what the others lost or won without them says nothing about the whole."""
        self.losses[:, :, which] = 0.0
        self.gaps[:, which] = 0.0

    def learn(self, matured: Matured, actual: Array, known: Mask, size: Array) -> None:
        """Origins have matured: the value that came (series,), which of them to learn from (M, series), usual sizes of the series."""
        awake = np.swapaxes(matured.awake, 0, 1) & known
        slope = np.sign(matured.mixture - actual) / np.maximum(size, TINY)
        loss = np.where(awake, slope * (np.swapaxes(matured.experts, 0, 1) - matured.mixture), np.float32(0.0))
        losses, gaps = self.losses[:, matured.horizons], self.gaps[matured.horizons]
        weights, rate = self._weigh(losses, gaps, awake, self.prior[:, matured.horizons]), self._rate(gaps)
        least = loss.min(axis=0)
        bulk = np.maximum((weights * np.exp(-np.minimum(rate * (loss - least), np.float32(80.0)))).sum(axis=0), TINY)
        gap = np.maximum((weights * loss).sum(axis=0) - (least - np.log(bulk) / rate), np.float32(0.0))
        use = known & awake.any(axis=0)
        forget = np.where(use, np.exp(-matured.elapsed / self.memory).astype(np.float32)[:, None], np.float32(1.0))
        self.gaps[matured.horizons] = gaps * forget + np.where(use, gap, np.float32(0.0))
        self.losses[:, matured.horizons] = losses * forget + loss

    def _rate(self, gaps: Array) -> Array:
        return np.asarray(np.log(len(self.prior)) / np.maximum(gaps, 1e-6), np.float32)

    def _weigh(self, losses: Array, gaps: Array, awake: Mask, prior: Array) -> Array:
        awake = awake & (prior > 0)
        heard = np.where(awake, losses, np.float32(1e30))
        least = heard.min(axis=0)
        weights = prior * np.exp(-np.minimum(self._rate(gaps) * (heard - least), np.float32(80.0)))
        weights = np.where(awake, weights, np.float32(0.0))
        return np.asarray(weights / np.maximum(weights.sum(axis=0), TINY), np.float32)
