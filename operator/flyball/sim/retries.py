"""Clients that give up and try again: the load that grows as latency does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.sim.policy import Floats, Ints

BACK_OFF_SECONDS = 1.0
"""Between giving up and trying again; also the run's step, so that it is known by then who has given up."""


class Retries:
    """Who waits for an answer, and who sends again. A request is tried twice at most, as the retry budgets of service meshes bound it."""

    def __init__(self, after_seconds: float, total: int) -> None:
        self._after = after_seconds
        self._total = total
        self._fed = 0
        self._times: Floats = np.zeros(0)
        self._numbers: Ints = np.zeros(0, np.int64)
        self.count = 0

    def merge(self, second: int, arrivals: Floats, latency: NDArray[np.float32]) -> tuple[Floats, Ints]:
        """Times and numbers of all that arrives in this second: new requests, and those given up a back-off ago."""
        numbers = np.arange(self._fed, self._fed + len(arrivals))
        self._fed += len(arrivals)
        again = self._times + self._after + BACK_OFF_SECONDS
        due = again < second + 1
        seen = latency[self._numbers[due]]
        late = np.isnan(seen) | (seen > self._after)
        times = again[due][late]
        self._times = np.concatenate([self._times[~due], arrivals])
        self._numbers = np.concatenate([self._numbers[~due], numbers])
        retried = self._total + self.count + np.arange(len(times))
        self.count += len(times)
        every, names = np.concatenate([arrivals, times]), np.concatenate([numbers, retried])
        order = np.argsort(every, kind="stable")
        return every[order], names[order]
