"""What a headroom is worth, learned from a series' own past: how often demand was so many times as large as what its replicas were made for.

Where a user states what a minute with too few replicas costs, `plan` takes as many replicas beyond the forecast as pay for themselves: one more while
the share of minutes it saves, times that price, is more than the replica. The shares come from here: each minute the largest demand that was
measured is divided by what replicas that are ready now were asked for, and counted by time of day and by how much higher the last hours were than
what is expected now: after a burst that comes back the next one is paid for, on series whose bursts do not come back it is not.

Pure; causal: a minute counts once it is over. Source: newsvendor's rule (order while the price of lacking one is above that of having one more) on
an empirical distribution; what it brings is for `make bench SUITE=forecast SECTION=outcome` to say.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MEDIAN = 0.5
"""Of the forecast: what is beyond it is weighed here, by the series' own past."""
RATIOS: Array = np.geomspace(0.75, 8.0, 81)
"""Steps of 3 %: at 4.5 %, smoothed by 5 %, replica-hours of twenty tuning cells were 1.2 % more. Eight times what was expected is no headroom."""
BLOCKS, BURSTS = 8, 3
"""Blocks of the day, and classes of "the last hours were higher": up to 16 %, up to 44 % above what is expected now, more."""
BURST_FROM, BURST_TO = -0.05, 0.6
"""Logarithms of recent peak over base between which the classes of bursts lie."""
BURST_SECONDS = 3 * 3600.0
"""How long a burst is remembered: an hour and three hours were alike on the tuning loads, and bursts return late rather than early."""
BUCKET_SECONDS = 300.0
MEMORY_SECONDS = 7 * 86_400.0
"""e-folding time of the counts, as of the plan's peaks; 3 and 20 days were alike within .1 %."""
TABLE_SECONDS = 3600.0
"""The shares are read anew each hour."""
LEAST_SECONDS = 6 * 3600.0
"""A quarter of a day, as a forecast needs: before it a headroom that nobody has learned (`unlearned`)."""
POOLED_MINUTES = 30.0
"""What all classes together say counts as so many minutes of each: a class that has hardly been seen is as the mean."""
TAIL = 8.0
"""Before anything is learned: demand exceeds x times the expected in a share x^-8 of the minutes (1.33 times: a tenth of them). Of 1 to 12 all from
3 to 8 were alike on the four hour-long tuning traces."""
BEHIND_SECONDS = 60.0
"""A demand is the mean of the minute before: it is held against what was ready then."""


def _kernel() -> Array:
    """How much classes tell each other (classes, classes)."""
    apart = np.abs(np.subtract.outer(np.arange(BLOCKS), np.arange(BLOCKS)))
    of_day = np.exp(-0.5 * (np.minimum(apart, BLOCKS - apart) / 0.7) ** 2)
    of_burst = 0.3 ** np.abs(np.subtract.outer(np.arange(BURSTS), np.arange(BURSTS)))
    return np.asarray(np.kron(of_day, of_burst), np.float64)


def _blur() -> Array:
    """Counts of a ratio spill over to its neighbours (ratios + 1, ratios + 1): by 2 %, as a week's rare minutes are few."""
    apart = np.subtract.outer(np.arange(len(RATIOS) + 1), np.arange(len(RATIOS) + 1)) * math.log(RATIOS[1] / RATIOS[0])
    found = np.exp(-0.5 * (apart / 0.02) ** 2)
    return np.asarray(found / found.sum(axis=1, keepdims=True), np.float64)


KERNEL, BLUR = _kernel(), _blur()


@dataclass(slots=True)
class Misses:
    """Counts of one demand, 16 kB. Nothing is stored: who begins anew plays the history."""

    counts: Array = field(default_factory=lambda: np.zeros((BLOCKS * BURSTS, len(RATIOS) + 1)))
    began: float = math.nan
    at: float = math.nan
    """Of the last look."""
    bases: deque[tuple[float, float, int]] = field(default_factory=deque)
    """(time, base, class) of the looks that decide what is ready now."""
    minute: tuple[float, int] = (0.0, 0)
    """Largest ratio of the minute that runs, and its class."""
    bursts: deque[tuple[float, float]] = field(default_factory=deque)
    """(end of five minutes, largest demand in them)."""
    tails: Array | None = None
    tails_at: float = math.nan

    def note(self, now: float, demand: float, base: float, lead_seconds: float) -> None:
        """A look: the demand that is measured, and what replicas asked for now are made for, both per second; ready `lead_seconds` later.

        What is not finite, or not above zero, teaches nothing; a clock that went back, or a gap of more than a minute, begins the window anew.
        """
        if not (math.isfinite(demand) and math.isfinite(base) and demand >= 0 and base > 0):
            return
        if not 0 <= now - self.at <= BEHIND_SECONDS:
            self.bases.clear()
            self.bursts = deque((end, most) for end, most in self.bursts if end - BUCKET_SECONDS <= now)
            self.minute = (0.0, 0)
        if not self.began <= now:
            self.began = now
        if math.isfinite(self.at) and self.at // 60 < now // 60:
            self._close()
        self._forget(now)
        self._recent(now, demand)
        self.bases.append((now, base, self.klass(now, base)))
        while len(self.bases) > 1 and self.bases[1][0] <= now - BEHIND_SECONDS - lead_seconds:
            self.bases.popleft()
        ready = [its for its in self.bases if its[0] <= now - BEHIND_SECONDS]
        if ready and ready[0][0] <= now - BEHIND_SECONDS - lead_seconds:
            ratio = demand / min(its[1] for its in ready)
            if ratio > self.minute[0]:
                self.minute = (ratio, ready[0][2])
        self.at = now

    def look(self, now: float, demand: float, forecast: float | None, lead_seconds: float, *, teaches: bool = True) -> Array | None:
        """The shares (ratios,) that hold for what is expected now, None until learned; then the look is learned from, if it teaches anything."""
        base = expected(demand, forecast)
        shares = self.shares(now)[self.klass(now, base)] if base > 0 and self.learned(now) else None
        if teaches:
            self.note(now, demand, base, lead_seconds)
        return shares

    def learned(self, now: float) -> bool:
        return now - self.began >= LEAST_SECONDS

    def klass(self, now: float, base: float) -> int:
        """Which class a look is of."""
        recent = max((most for _, most in self.bursts), default=0.0)
        over = math.log(recent / base) if recent > 0 else BURST_FROM
        burst = min(max(int((over - BURST_FROM) / (BURST_TO - BURST_FROM) * BURSTS), 0), BURSTS - 1)
        return int(now % 86_400 * BLOCKS // 86_400) * BURSTS + burst

    def shares(self, now: float) -> Array:
        """Share of minutes with a demand above RATIOS times what replicas are made for (classes, ratios), as of the last full hour."""
        if self.tails is None or now // TABLE_SECONDS != self.tails_at // TABLE_SECONDS:
            together = self.counts.sum(axis=0)
            weights = (KERNEL @ self.counts + POOLED_MINUTES * together / max(together.sum(), 1.0)) @ BLUR
            whole = weights.sum(axis=1, keepdims=True)
            self.tails = np.maximum(whole - np.cumsum(weights, axis=1), 0.0)[:, :-1] / np.maximum(whole, 1e-9)
            self.tails_at = now
        return self.tails

    def _close(self) -> None:
        """The minute that ran is over."""
        ratio, klass = self.minute
        if ratio > 0:
            self.counts[klass, int(np.searchsorted(RATIOS, ratio))] += 1.0
        self.minute = (0.0, 0)

    def _forget(self, now: float) -> None:
        if self.at < now:
            self.counts *= math.exp(-(now - self.at) / MEMORY_SECONDS)

    def _recent(self, now: float, demand: float) -> None:
        end = (now // BUCKET_SECONDS + 1) * BUCKET_SECONDS
        if self.bursts and self.bursts[-1][0] == end:
            self.bursts[-1] = (end, max(self.bursts[-1][1], demand))
        else:
            self.bursts.append((end, demand))
        while self.bursts[0][0] <= now - BURST_SECONDS:
            self.bursts.popleft()


def expected(demand: float, forecast: float | None) -> float:
    """What replicas asked for now are made for, before any headroom: the larger of what is measured and what is forecast, as far as known."""
    return max([0.0, *(its for its in (demand, forecast) if its is not None and math.isfinite(its))])


def cheapest(base: Array, shares: Array, price: Array) -> Array:
    """Replicas at which one more costs more than it saves: for bases (n,) in replicas and their shares (n, ratios), at prices (p,) in replica-minutes
    a short minute: (n, p)."""
    counts = np.maximum(np.ceil(base[:, None] * RATIOS - 1e-9), 1.0)
    rows = np.arange(len(base))
    return np.stack([counts[rows, np.argmin(counts + one * shares, axis=1)] for one in price.tolist()], axis=1)


def unlearned(base: Array, price: Array) -> Array:
    """The same before anything is learned, under a tail of x^-TAIL: (n, p)."""
    least = (TAIL * price * base[:, None] ** TAIL) ** (1.0 / (TAIL + 1.0))
    return np.maximum(np.ceil(np.maximum(least, base[:, None]) - 1e-9), 1.0)
