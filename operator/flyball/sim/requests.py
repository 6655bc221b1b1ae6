"""What becomes of a run's requests: their types, latencies, and the order in which they end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Requests:
    """Room for `size` requests. The engine fills it; `objectives` (seconds, one a type) say which of them are slow."""

    def __init__(self, size: int, objectives: Sequence[float] = (np.inf,)) -> None:
        self.latency = np.full(size, np.nan, np.float32)
        """Seconds, by number of the request in order of arrival; NaN: not ended."""
        self.kinds = np.zeros(size, np.uint8)
        """Type, by number."""
        self.ended = np.full(size, np.nan, np.float32)
        """Latencies in order of their ends."""
        self.order = np.zeros(size, np.int64)
        """Numbers in order of their ends."""
        self.limits = np.asarray(objectives, np.float32)

    def slow(self, first: int, end: int) -> NDArray[np.bool_]:
        """Of those that ended from the `first` to before the `end`: which were later than their objective."""
        late: NDArray[np.bool_] = self.ended[first:end] > self.limits[self.types(first, end)]
        return late

    def types(self, first: int, end: int) -> NDArray[np.uint8]:
        """Of those that ended from the `first` to before the `end`."""
        return self.kinds[self.order[first:end]]

    def limit(self, first: int, end: int) -> NDArray[np.float32]:
        """Objective of each request by number; of one that has not arrived, that of the first type."""
        return self.limits[self.kinds[first:end]]
