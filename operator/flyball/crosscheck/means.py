"""The last week of one series as five-minute means, as Theta is given it. A ring of 8 kB: a thousand series are 8 MB."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flyball.crosscheck.theta import MEAN_MINUTES, WEEK

MINUTE = 60
SPAN_SECONDS = MEAN_MINUTES * MINUTE


class Means:
    """Means of spans that end at whole five minutes of Unix time; a missing minute is left out, a span without any is NaN."""

    def __init__(self) -> None:
        self._ring = np.full(WEEK, np.nan, np.float32)
        self._last = -1  # number of the newest span: it ends at _last * SPAN_SECONDS
        self._sum, self._count = 0.0, 0

    def take(self, start: float, values: NDArray[np.floating]) -> None:
        """A history by minutes; `start` is the end of its first minute."""
        for first in range(0, len(values), MEAN_MINUTES * WEEK):
            part = values[first : first + MEAN_MINUTES * WEEK]
            ends = (start + MINUTE * (first + np.arange(len(part))))[np.isfinite(part)]
            spans, places = np.unique(np.ceil(ends / SPAN_SECONDS).astype(np.int64), return_inverse=True)
            sums, counts = np.bincount(places, part[np.isfinite(part)]), np.bincount(places)
            for span, total, count in zip(spans.tolist(), sums.tolist(), counts.tolist(), strict=True):
                self._add(span, total, count)

    def add(self, end: float, value: float) -> None:
        """One minute that ended at `end`; one of a span that is over is too late and left out."""
        if math.isfinite(value):
            self._add(math.ceil(end / SPAN_SECONDS), value, 1)

    def _add(self, span: int, total: float, count: int) -> None:
        if span < self._last:
            return
        if span > self._last:
            gone = span - self._last if self._last >= 0 else WEEK
            self._ring[np.arange(span - min(gone, WEEK) + 1, span + 1) % WEEK] = np.nan
            self._last, self._sum, self._count = span, 0.0, 0
        self._sum, self._count = self._sum + total, self._count + count
        self._ring[span % WEEK] = self._sum / self._count

    def until(self, now: float) -> NDArray[np.float64]:
        """The week's means, oldest first, the last one ends at `now` (a whole five minutes); NaN where nothing was seen."""
        end = round(now / SPAN_SECONDS)
        if self._last < 0 or not 0 <= end - self._last < WEEK:
            return np.full(WEEK, np.nan)
        spans = np.arange(end - WEEK + 1, end + 1)
        return np.where((spans <= self._last) & (spans > self._last - WEEK), self._ring[spans % WEEK], np.nan).astype(np.float64)
