"""Pool of meta-patterns: what two days looked like in other series and how they went on, merged where they are alike.

A wave is a series' seasonal part: values less the mean of the last day of its key, over the key's deviation. Its first part, the key, is what a
series has shown; the rest, the tail, is what came. `learn` takes waves in batches, `echo` answers a key with the tails of the patterns most like it.
Pure; shared by all series of an engine.
Source: MetaEformer (KDD'25): dot products as similarity, threshold mean + alpha |SM| / P std, similarity-weighted merging, moving averages
for later batches, top-K echo with softmax weights; static features as in DynEformer (KDD'23).
Departs: the matrix that the threshold is taken from holds the patterns too. Waves are scaled to one deviation, because a dot product of raw ones says
"large" and not "alike". The released code stores nothing of a group that merges; here the merged pattern is stored, as the paper says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array

ALPHA = 2.0
"""Standard deviations above the mean similarity from which waves are alike. Mean squared error on sources that a pool has not met, over that of
yesterday's values: 2.37 with .5, 1.42 with 2, 1.40 with 3; on applications that have moved .0688, .0588 and .0672
(`python -m tests.benchmarks.forecast.fewshot_choices`)."""
GAIN = 0.1
"""Of a moving average of a pattern; the released code's."""
TOP, SHARPNESS = 32, 8.0
"""Patterns that are echoed (the released code has 10 to 130, by data set), and the factor on similarity in their softmax: a pattern that is less
alike by .1 counts half."""
STATIC_SHARE = 0.2
"""What a cosine of static features adds to a similarity that lies between -1 and 1: it decides among patterns nearly alike, and no more."""


@dataclass(frozen=True, slots=True)
class Waves:
    """Waves (n, steps) and the static features of their workloads (n, features); features of 0 are not known."""

    shapes: Array
    static: Array


class Pool:
    """At most `size` patterns of `key` + `tail` steps; `static` features beside each, `alpha` of the threshold."""

    def __init__(self, size: int, key: int, tail: int, static: int = 0, alpha: float = ALPHA) -> None:
        self.key, self.alpha = key, alpha
        self.patterns = np.zeros((size, key + tail), np.float32)
        self.static = np.zeros((size, static), np.float32)
        self.used = 0

    def similarity(self, keys: Array, static: Array) -> Array:
        """(n, patterns in use): mean product of key and pattern."""
        return alike(keys, static, self.patterns[: self.used, : self.key], self.static[: self.used])

    def learn(self, waves: Waves) -> None:
        """Waves like a pattern move it, weighted by their similarity; of the others those alike merge, and enter while there is room."""
        shapes, static = waves.shapes, waves.static
        if not len(shapes):
            return
        # The matrix of the threshold holds the patterns beside the batch: three waves alone would not say what alike means.
        both = np.concatenate([shapes[:, : self.key], self.patterns[: self.used, : self.key]])
        matrix = alike(both, both_static := np.concatenate([static, self.static[: self.used]]), both, both_static)
        threshold = float(matrix.mean() + self.alpha * min(1.0, len(both) / len(self.patterns)) * matrix.std())
        among, near = matrix[: len(shapes), : len(shapes)], matrix[: len(shapes), len(shapes) :]
        left = np.ones(len(shapes), np.bool_)
        if self.used:
            best, most = near.argmax(axis=1), near.max(axis=1)
            left = most <= threshold
            self._move(best[~left], most[~left], shapes[~left], static[~left])
        self._enter(among, left, threshold, waves)

    def _move(self, places: NDArray[np.intp], weights: Array, shapes: Array, static: Array) -> None:
        total = np.zeros(len(self.patterns), np.float32)
        np.add.at(total, places, weights)
        mean, mean_static = np.zeros_like(self.patterns), np.zeros_like(self.static)
        np.add.at(mean, places, shapes * weights[:, None])
        np.add.at(mean_static, places, static * weights[:, None])
        hit = np.flatnonzero(total > 0)
        self.patterns[hit] += GAIN * (mean[hit] / total[hit, None] - self.patterns[hit])
        self.static[hit] += GAIN * (mean_static[hit] / total[hit, None] - self.static[hit])

    def _enter(self, among: Array, left: NDArray[np.bool_], threshold: float, waves: Waves) -> None:
        for wave in np.flatnonzero(left):
            if self.used == len(self.patterns):
                return
            if not left[wave]:
                continue
            group = left & (among[wave] > threshold)
            group[wave] = True
            weights = np.maximum(among[wave, group], np.float32(1e-6))
            weights /= weights.sum()
            self.patterns[self.used], self.static[self.used] = weights @ waves.shapes[group], weights @ waves.static[group]
            self.used += 1
            left &= ~group

    def echo(self, keys: Array, static: Array) -> Array:
        """Tails (n, tail) of the patterns most like the keys; zeros while the pool is empty."""
        tails = self.patterns[: self.used, self.key :]
        if not self.used:
            return np.zeros((len(keys), tails.shape[1]), np.float32)
        near = self.similarity(keys, static)
        top = min(TOP, self.used)
        chosen = np.argpartition(-near, top - 1, axis=1)[:, :top]
        heard = np.take_along_axis(near, chosen, axis=1)
        weights = np.exp(SHARPNESS * (heard - heard.max(axis=1, keepdims=True)))
        weights /= weights.sum(axis=1, keepdims=True)
        return np.asarray(np.einsum("nk,nkt->nt", weights, tails[chosen]), np.float32)


def alike(keys: Array, static: Array, others: Array, other_static: Array) -> Array:
    """(n, m): mean product of waves, plus the cosine of static features where both are known."""
    near = keys @ others.T / np.float32(keys.shape[1])
    if static.shape[1]:
        sizes = np.linalg.norm(static, axis=1)[:, None] * np.linalg.norm(other_static, axis=1)
        near = near + STATIC_SHARE * (static @ other_static.T) / np.maximum(sizes, 1e-9)
    return np.asarray(near, np.float32)
