"""Means from the agents' counters, exact over any stretch of time. Pure: samples of Prometheus in, cores out.

`rate()` would extrapolate and lose the first value of a series that begins within the stretch, as one does when a workload changes its group.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

Samples = Sequence[tuple[float, float]]
"""(Unix seconds, value) in the order of time."""


class Counter:
    """One counter series as a line that only rises. A value below the one before is a restart from 0."""

    def __init__(self, samples: Samples) -> None:
        self._times = [time for time, _ in samples]
        self._sums: list[float] = []
        total, before = 0.0, 0.0
        for _, value in samples:
            total += value - before if value >= before else value
            before = value
            self._sums.append(total)

    def at(self, time: float) -> float:
        """The line at a time: 0 before the first sample, where the counter had not begun; straight between samples; level after the last."""
        index = bisect_right(self._times, time)
        if index == 0:
            return 0.0
        if index == len(self._times):
            return self._sums[-1]
        share = (time - self._times[index - 1]) / (self._times[index] - self._times[index - 1])
        return self._sums[index - 1] + share * (self._sums[index] - self._sums[index - 1])

    def increase(self, start: float, end: float) -> float:
        return self.at(end) - self.at(start)


def mean(series: Sequence[Counter], start: float, end: float) -> float:
    """Mean rate of all series together: cores, of counters of core seconds."""
    return sum(counter.increase(start, end) for counter in series) / (end - start)


def steps(series: Sequence[Counter], start: float, end: float, seconds: float) -> list[tuple[float, float]]:
    """(middle of the stretch, mean rate in it) for stretches of `seconds`; an incomplete last one is left out."""
    count = int((end - start) / seconds + 1e-9)
    starts = [start + index * seconds for index in range(count)]
    return [(begin + seconds / 2, mean(series, begin, begin + seconds)) for begin in starts]
