"""Arrivals: Poisson with a given rate each second, drawn in pieces of a minute, so that a run of weeks needs the memory of a minute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.sim.policy import Floats, Ints

CHUNK_SECONDS = 60
STREAM_COUNTS, STREAM_TIMES = 3, 4


class Arrivals:
    """The arrivals of one run."""

    def __init__(self, rates: Floats, seed: int) -> None:
        if rates.ndim != 1 or not np.all(np.isfinite(rates)) or np.any(rates < 0):
            raise ValueError("rates must be one row of finite requests per second, none negative")
        self._seed = seed
        self.seconds = len(rates)
        self.counts: Ints = np.random.default_rng(np.random.SeedSequence([seed, STREAM_COUNTS])).poisson(rates).astype(np.int64)

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def chunk(self, number: int) -> Floats:
        """Sorted times of the chunk's arrivals, in seconds since the start."""
        first = number * CHUNK_SECONDS
        counts = self.counts[first : first + CHUNK_SECONDS]
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, STREAM_TIMES, number]))
        times: Floats = np.repeat(np.arange(first, first + len(counts), dtype=np.float64), counts) + rng.random(int(counts.sum()))
        times.sort()
        return times


class Given(Arrivals):
    """Arrivals that somebody else drew or recorded."""

    def __init__(self, times: Floats, seconds: int) -> None:
        if np.any(np.diff(times) < 0) or (len(times) and (times[0] < 0 or times[-1] >= seconds)):
            raise ValueError(f"arrivals must be sorted and lie between 0 and {seconds} s")
        self._times = times
        self.seconds = seconds
        self.counts = np.bincount(times.astype(np.int64), minlength=seconds).astype(np.int64)

    def chunk(self, number: int) -> Floats:
        first, end = np.searchsorted(self._times, [number * CHUNK_SECONDS, (number + 1) * CHUNK_SECONDS])
        return self._times[first:end]


def repeat(trace: Sequence[float] | NDArray[np.float64], seconds: int, factor: float = 1.0) -> Floats:
    """A trace of requests per second, repeated to `seconds` and multiplied."""
    values = np.asarray(trace, dtype=np.float64)
    return np.resize(values, seconds) * factor
