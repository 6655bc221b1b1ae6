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
LAST, MIXTURE, GIVEN = -3, -2, -1


@dataclass(frozen=True, slots=True)
class Matured:
    """An origin whose outcome is known now."""

    horizon: int  # index
    elapsed: int  # steps between kept origins
    experts: Array  # (experts, series)
    last: Array  # (series,) the last known value at the origin
    mixture: Array  # (series,) the combination
    given: Array  # (series,) what was given out
    scale: Array  # (series,) of errors, in z
    awake: Mask  # (experts, series)


class Pending:
    """Rings of origins by horizon."""

    def __init__(self, experts: int, horizons: tuple[int, ...], count: int) -> None:
        self.horizons = horizons
        self.strides = [max(1, -(-horizon // HORIZON_OF_STRIDE)) for horizon in horizons]
        slots = [horizon // stride + 1 for horizon, stride in zip(horizons, self.strides, strict=True)]
        self.values = [np.zeros((slot, experts + 3, count), np.float32) for slot in slots]
        self.scales = [np.zeros((slot, count), np.float32) for slot in slots]
        self.awake = [np.zeros((slot, experts, count), np.bool_) for slot in slots]
        self.steps: list[NDArray[np.int64]] = [np.full(slot, -1, np.int64) for slot in slots]

    def keep(self, step: int, experts: Array, last: Array, mixture: Array, given: Array, scale: Array, awake: Mask) -> None:
        """Keep an origin: arrays (experts, horizons, series), (series,), (horizons, series) three times, (experts, series)."""
        for place, stride in enumerate(self.strides):
            if step % stride:
                continue
            slot = (step // stride) % len(self.steps[place])
            values = self.values[place][slot]
            values[:LAST], values[LAST], values[MIXTURE], values[GIVEN] = experts[:, place], last, mixture[place], given[place]
            self.scales[place][slot] = scale[place]
            self.awake[place][slot] = awake
            self.steps[place][slot] = step

    def matured(self, step: int) -> list[Matured]:
        """The origins whose outcome is the value at `step`."""
        found = []
        for place, (horizon, stride) in enumerate(zip(self.horizons, self.strides, strict=True)):
            origin = step - horizon
            slot = (origin // stride) % len(self.steps[place])
            if origin % stride or self.steps[place][slot] != origin:
                continue
            values = self.values[place][slot]
            found.append(
                Matured(
                    place,
                    stride,
                    values[:LAST],
                    values[LAST],
                    values[MIXTURE],
                    values[GIVEN],
                    self.scales[place][slot],
                    self.awake[place][slot],
                )
            )
        return found
