"""Ridge toward the level: change from the short level at each horizon, linear in eleven features, weights shared and then shrunk per series.

With no evidence it says the level; with some, what held for the other series; with a week of its own, its own weights (reference, section 4:
shared weights lose little, per-series ones shrunk to them are as good as the best refits). The normal equations of each series and horizon
are kept with forgetting, an origin enters when its outcome is known, and a part of the series is solved again each tick.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.experts.base import View
from flyball.forecast.history import Array, Mask, Rescale
from flyball.forecast.settings import Settings

FEATURES = 11
STRIDE = 5
"""Steps between origins that are learned from: neighbours tell the same."""
MEMORY_DAYS = 7.0
"""Half the weight of an origin is gone after ln 2 of it."""
PRIOR_ORIGINS = 300.0
"""Origins (a day of minutes) that the shared weights count for beside a series' own."""
RIDGE = 3.0
"""Origins' worth of "no change from the level" in the shared solution."""
TURNS = 12
"""Ticks in which all series have been solved once."""
CLIP = 60.0
"""Features and outcomes further from the level than so many usual one-step changes are cut there: one odd hour must not own the weights. A steep
daily pattern moves by 30 of them within an hour."""


def features(view: View) -> Array:
    """(features, horizons, series), in units of the series' usual change."""
    levels, (fast, slow, weekly) = view.levels, view.now
    short = levels.plain[2]
    first, second = levels.slopes()
    day = view.day_ready
    flat = [
        levels.plain[0] - short,
        levels.plain[3] - short,
        levels.plain[4] - short,
        first,
        second,
        np.where(day, levels.rest[-1] - levels.rest[2], 0.0),  # how far the level is from where the profile has it
        np.where(day, view.yesterday_now + levels.rest[-1] - levels.rest[3] - slow - levels.rest[-1], 0.0),
    ]
    height = len(view.settings.horizons)
    curved = [
        np.where(day, view.ahead[0] - fast, 0.0),
        np.where(day, view.ahead[1] - slow, 0.0),
        np.where(view.week_ready, view.ahead[2] - weekly, 0.0),
        np.where(day, view.yesterday - view.yesterday_now, 0.0),
    ]
    both = np.empty((FEATURES, height, len(short)), np.float32)
    for place, one in enumerate([*flat, *curved]):
        both[place] = one
    return np.asarray(np.clip(both / view.scale, -CLIP, CLIP), np.float32)


class Ridge:
    """The expert."""

    name = "ridge"

    def __init__(self, count: int, settings: Settings, shared: NDArray[np.float64] | None = None, gram: NDArray[np.float64] | None = None) -> None:
        """`shared` (horizons, features): weights learned elsewhere, to begin with; `gram` (horizons, features, features): the mean Gram there."""
        height = len(settings.horizons)
        self.settings = settings
        self.gram = np.zeros((height, FEATURES, FEATURES, count), np.float32)
        self.moment = np.zeros((height, FEATURES, count), np.float32)
        self.origins = np.zeros((height, count), np.float32)
        self.start = np.zeros((height, FEATURES)) if shared is None else np.asarray(shared, np.float64)
        self.start_gram = np.zeros((height, FEATURES, FEATURES)) if gram is None else np.asarray(gram, np.float64)
        self.start_origins = 0.0 if gram is None else PRIOR_ORIGINS
        self.shared = self.start.copy()
        self.weights = np.repeat(self.shared.astype(np.float32)[:, :, None], count, axis=2)
        slots = [horizon // STRIDE + 1 for horizon in settings.horizons]
        self.kept = [np.zeros((slot, FEATURES + 2, count), np.float32) for slot in slots]  # features, level and scale of an origin
        self.entered = [np.full(slot, -1, np.int64) for slot in slots]
        self.forget = float(np.exp(-STRIDE / (MEMORY_DAYS * settings.day)))
        self.turn = 0

    def predict(self, view: View) -> tuple[Array, Mask]:
        x = features(view)
        level = view.levels.plain[2]
        if view.step % STRIDE == 0:
            for place in range(len(self.settings.horizons)):
                kept = self.kept[place][(view.step // STRIDE) % len(self.kept[place])]
                self.entered[place][(view.step // STRIDE) % len(self.kept[place])] = view.step
                kept[:FEATURES], kept[FEATURES], kept[FEATURES + 1] = x[:, place], level, view.scale
        change = np.einsum("fhn,hfn->hn", x, self.weights)
        return level + change * view.scale, view.levels.count >= self.settings.spans[1]

    def learn(self, view: View, known: Mask) -> None:
        for horizon, length in enumerate(self.settings.horizons):
            if (view.step - length) % STRIDE == 0:
                self._enter(view.step - length, view.history.z(), known, horizon)
        self._solve()

    def _enter(self, origin: int, matured: Array, known: Mask, horizon: int) -> None:
        """An origin's outcome is known: it enters the normal equations."""
        kept = self.kept[horizon][(origin // STRIDE) % len(self.kept[horizon])]
        x, level, scale = kept[:FEATURES], kept[FEATURES], kept[FEATURES + 1]
        use = (known & (scale > 0) & (self.entered[horizon][(origin // STRIDE) % len(self.kept[horizon])] == origin)).astype(np.float32)
        y = np.clip((matured - level) / np.maximum(scale, 1e-12), -CLIP, CLIP)
        gram, moment = self.gram[horizon], self.moment[horizon]
        forget = np.where(use > 0, np.float32(self.forget), np.float32(1.0))
        gram *= forget
        moment *= forget
        weighted = x * use
        gram += weighted[:, None] * x[None]
        moment += weighted * y
        self.origins[horizon] = self.origins[horizon] * forget + use

    def _solve(self) -> None:
        """The shared weights anew, and those of every twelfth series."""
        count = self.gram.shape[-1]
        if self.settings.pooled and self.turn % TURNS == 0:
            self._share()
        chosen = np.arange(self.turn % TURNS, count, TURNS)
        self.turn += 1
        if not chosen.size:
            return
        own = np.moveaxis(self.gram[..., chosen], -1, 1).astype(np.float64)  # (horizons, chosen, features, features)
        moment = np.moveaxis(self.moment[..., chosen], -1, 1).astype(np.float64)
        # The prior has the shape of the pooled Gram: it holds a weight where the feature carries information, and frees it where none has.
        prior = self.typical[:, None] * PRIOR_ORIGINS + np.eye(FEATURES) * RIDGE
        right = moment + np.einsum("hofg,hg->hof", prior, self.shared)
        solved = np.linalg.solve(own + prior, right[..., None])[..., 0]
        self.weights[:, :, chosen] = np.moveaxis(solved, 1, -1).astype(np.float32)

    def rescale(self, change: Rescale) -> None:
        """Kept levels become the new scale's; features are in units of the usual change and stay."""
        for kept in self.kept:
            kept[:, FEATURES][:, change.which] = change.convert(kept[:, FEATURES][:, change.which])

    @property
    def typical(self) -> NDArray[np.float64]:
        """Mean Gram of an origin over all series (horizons, features, features), and of where the weights came from."""
        if not self.settings.pooled:
            return self.start_gram
        origins = self.origins.sum(axis=-1, dtype=np.float64) + self.start_origins
        gram = self.gram.sum(axis=-1, dtype=np.float64) + self.start_gram * self.start_origins
        return np.asarray(gram / np.maximum(origins, 1.0)[:, None, None])

    def _share(self) -> None:
        """Pool all series, each as if it had at most a day of origins, beside the weights that came along."""
        share = np.minimum(1.0, PRIOR_ORIGINS / np.maximum(self.origins, 1.0))
        gram = (self.gram * share[:, None, None]).sum(axis=-1, dtype=np.float64)
        moment = (self.moment * share[:, None]).sum(axis=-1, dtype=np.float64)
        origins = (self.origins * share).sum(axis=-1, dtype=np.float64)
        mean = (gram + self.start_gram * self.start_origins) / np.maximum(origins + self.start_origins, 1.0)[:, None, None]
        prior = mean * PRIOR_ORIGINS + np.eye(FEATURES) * RIDGE
        right = moment + np.einsum("hfg,hg->hf", prior, self.start)
        self.shared = np.linalg.solve(gram + prior, right[..., None])[..., 0]
