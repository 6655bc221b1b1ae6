"""Peaks: the largest value around each time of day on earlier days, for who must be ready for the largest demand and not for the mean.

Beside the profiles, which are means: a burst of a minute at a fixed time is blurred there and stands here. In the user's unit; `Forecast.most`
joins it with the quantiles. What it brings is for
`make bench SUITE=forecast SECTION=outcome` to say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array, History
from flyball.forecast.settings import Settings

DAYS = 7
"""The day's peaks are the mean of up to so many days, the week's those of the same weekday a week ago; both count alike."""
AROUND_BINS = 3
"""A bin holds the largest value of itself and its neighbours: jobs start some minutes early or late."""


class Peaks:
    """Bins (bins, series) of a day and of a week."""

    def __init__(self, count: int, settings: Settings) -> None:
        self.bins, self.bin_steps = settings.bins, settings.bin_steps
        self.daily = np.zeros((self.bins, count), np.float32)
        self.weekly = np.zeros((7 * self.bins, count), np.float32)
        self.days = np.zeros((self.bins, count), np.int16)
        self.weeks = np.zeros((7 * self.bins, count), np.bool_)

    def update(self, step: int, history: History) -> None:
        """After step number `step` (counted from the Unix epoch) went into the history: the bin before the one that has just ended enters."""
        span = AROUND_BINS * self.bin_steps
        if (step + 1) % self.bin_steps or history.steps < span:
            return
        known = np.stack([history.valid(lag) for lag in range(span)])
        largest = np.where(known, np.stack([history.value(lag) for lag in range(span)]), 0.0).max(axis=0)
        enough = known.sum(axis=0) * 2 >= span
        bin_ = step // self.bin_steps - AROUND_BINS // 2
        of_day, of_week = bin_ % self.bins, bin_ % (7 * self.bins)
        self.days[of_day] = np.minimum(self.days[of_day] + enough, DAYS)
        gain = enough / np.maximum(self.days[of_day], 1)
        self.daily[of_day] += (gain * (largest - self.daily[of_day])).astype(np.float32)
        self.weekly[of_week] = np.where(enough, largest, self.weekly[of_week])
        self.weeks[of_week] |= enough

    def at(self, steps: NDArray[np.int64]) -> Array:
        """Peaks around steps (steps, series); 0 where that time of day has not been seen."""
        of_day, of_week = (steps // self.bin_steps) % self.bins, (steps // self.bin_steps) % (7 * self.bins)
        daily = np.where(self.days[of_day] > 0, self.daily[of_day], np.float32(0.0))
        both = (daily + self.weekly[of_week]) * np.float32(0.5)
        return np.asarray(np.where(self.weeks[of_week], both, daily), np.float32)
