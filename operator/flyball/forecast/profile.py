"""Seasonal profiles: what a time of day, of the week and a minute of the hour usually look like, from the past alone.

A bin's value enters a little after its time, so that at any moment the bins around now and all ahead were made of the same earlier days:
the difference of two bins is then a shape and never a step between yesterday's level and today's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array, History, Mask, Rescale
from flyball.forecast.settings import Settings

DAYS_OF_THE_SLOW = 7
"""The slow profile is the plain mean of up to a week, as in classical decomposition."""
GAIN_OF_THE_FAST = 0.3
"""The fast one forgets by .7 a day (reference, section 4)."""
WEEKS_OF_THE_WEEKLY = 3
HALF = 2
"""A bin counts where at least 1 / HALF of its steps are known."""


class Profiles:
    """Bins (bins, series) of three seasons, linear between bin centres."""

    def __init__(self, count: int, settings: Settings) -> None:
        self.bins, self.bin_steps, self.day = settings.bins, settings.bin_steps, settings.day
        self.delay = 2 * settings.bin_steps + settings.spans[1]  # steps between a value and its entry
        self.fast = np.zeros((self.bins, count), np.float32)
        self.slow = np.zeros((self.bins, count), np.float32)
        self.weekly = np.zeros((7 * self.bins, count), np.float32)
        self.days = np.zeros((self.bins, count), np.int16)
        self.weeks = np.zeros((7 * self.bins, count), np.int16)

    def ready(self, age: NDArray[np.int64]) -> tuple[Mask, Mask]:
        """Whether a series of that age (steps since its first value) has a whole day's profile, and a whole week's."""
        first = self.delay + self.bin_steps
        return age >= self.day + first, age >= 7 * self.day + first

    def update(self, step: int, history: History) -> None:
        """After step number `step` (counted from the Unix epoch) went into the history: the bin that ended `delay` ago enters."""
        last = step - self.delay
        if (last + 1) % self.bin_steps or history.steps < self.delay + self.bin_steps:
            return
        lags = [self.delay + back for back in range(self.bin_steps)]
        known = np.stack([history.valid(lag) for lag in lags])
        weight = known.sum(axis=0)
        enough = weight * HALF >= self.bin_steps
        z = np.stack([history.z(lag) for lag in lags])
        mean = np.where(known, z, 0.0).sum(axis=0) / np.maximum(weight, 1)
        of_day, of_week = (last // self.bin_steps) % self.bins, (last // self.bin_steps) % (7 * self.bins)
        first = self.days[of_day] == 0
        self.days[of_day] += enough
        self.weeks[of_week] += enough
        for bins, place, gain in (
            (self.fast, of_day, np.where(first, 1.0, GAIN_OF_THE_FAST)),
            (self.slow, of_day, 1.0 / np.clip(self.days[of_day], 1, DAYS_OF_THE_SLOW)),
            (self.weekly, of_week, 1.0 / np.clip(self.weeks[of_week], 1, WEEKS_OF_THE_WEEKLY)),
        ):
            bins[place] += np.where(enough, gain * (mean - bins[place]), 0.0).astype(np.float32)

    def at(self, steps: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        """Fast, slow and weekly profile at steps (steps, series) each; they mean nothing before they are `ready`."""
        places = (steps + 0.5) / self.bin_steps - 0.5
        low = np.floor(places).astype(np.int64)
        share = (places - low).astype(np.float32)[:, None]
        fast, slow, weekly = (
            bins[low % len(bins)] * (1 - share) + bins[(low + 1) % len(bins)] * share for bins in (self.fast, self.slow, self.weekly)
        )
        return fast, slow, weekly

    def rescale(self, change: Rescale) -> None:
        for bins in (self.fast, self.slow, self.weekly):
            bins[:, change.which] = change.convert(bins[:, change.which])
