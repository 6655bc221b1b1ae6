"""Forecasts that wait for their outcome.

Of each horizon the last origins are kept until what came is known. Far horizons keep every second to sixth origin: neighbours an hour ahead
say the same, and 10,000 series would fill memory with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array, Mask

HORIZON_OF_STRIDE = 10
"""A horizon of more than so many steps skips origins: one is kept each `horizon / 10` steps."""
LAST, LEVEL, MIXTURE, GIVEN = -4, -3, -2, -1


@dataclass(frozen=True, slots=True)
class Matured:
    """The origins whose outcome is known now, one for each of some horizons (M)."""

    horizons: NDArray[np.intp]  # (M,) indices
    elapsed: NDArray[np.int64]  # (M,) steps between kept origins
    experts: Array  # (M, experts, series)
    last: Array  # (M, series) the last known value at the origin
    level: Array  # (M, series) the short level then, which stands in for a combination without skill
    mixture: Array  # (M, series) the combination
    given: Array  # (M, series) what was given out
    scale: Array  # (M, series) of errors, in z
    awake: Mask  # (M, experts, series)


class Pending:
    """Rings of origins, one ring a horizon, one after the other in the same arrays (slots, ...)."""

    def __init__(self, experts: int, horizons: tuple[int, ...], count: int) -> None:
        self.horizons = np.array(horizons, np.int64)
        self.strides = np.maximum(1, -(-self.horizons // HORIZON_OF_STRIDE))
        self.lengths = self.horizons // self.strides + 1
        self.starts = np.cumsum(self.lengths) - self.lengths
        slots = int(self.lengths.sum())
        self.values = np.zeros((slots, experts + 4, count), np.float32)
        self.scales = np.zeros((slots, count), np.float32)
        self.awake = np.zeros((slots, experts, count), np.bool_)
        self.steps = np.full(slots, -1, np.int64)

    def keep(self, step: int, experts: Array, last: Array, level: Array, mixture: Array, given: Array, scale: Array, awake: Mask) -> None:
        """Keep an origin: arrays (experts, horizons, series), (series,) twice, (horizons, series) three times, (experts, series)."""
        which, slots = self._slots(np.full(len(self.horizons), step))
        self.values[slots, :LAST] = np.swapaxes(experts[:, which], 0, 1)
        self.values[slots, LAST], self.values[slots, LEVEL] = last, level
        self.values[slots, MIXTURE], self.values[slots, GIVEN] = mixture[which], given[which]
        self.scales[slots], self.awake[slots], self.steps[slots] = scale[which], awake, step

    def matured(self, step: int) -> Matured | None:
        """The origins whose outcome is the value at `step`; None where there is none."""
        origins = step - self.horizons
        which, slots = self._slots(origins)
        there = self.steps[slots] == origins[which]
        if not there.any():
            return None
        which, slots = which[there], slots[there]
        values = self.values[slots]
        return Matured(
            horizons=which,
            elapsed=self.strides[which],
            experts=values[:, :LAST],
            last=values[:, LAST],
            level=values[:, LEVEL],
            mixture=values[:, MIXTURE],
            given=values[:, GIVEN],
            scale=self.scales[slots],
            awake=self.awake[slots],
        )

    def _slots(self, origins: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Which horizons keep their origin, and where."""
        which = np.flatnonzero(origins % self.strides == 0)
        return which, self.starts[which] + origins[which] // self.strides[which] % self.lengths[which]
