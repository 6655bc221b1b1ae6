"""`python -m tests.benchmarks.forecast.second_opinion`: what the operator's cross-check costs, and how often chance alone calls Theta clearly better.

Cost: CPU of a fit of a week, of the first with its imports, and the largest RSS of this process after it, as that of the worker. Chance: on the
tuning series, by day and half hour (each second origin of the accuracy section), Theta's error over the engine's a quarter of an hour ahead.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from flyball.crosscheck import theta
from flyball.crosscheck.scores import CLEARLY, LEAST_PAIRS, NO_MORE

FITS = 30
AHEAD_MINUTES = 15


def week(rng: np.random.Generator) -> theta.Array:
    time_of_day = np.arange(theta.WEEK) * 2 * np.pi / theta.SEASON
    return np.asarray(100 * (2 + np.sin(time_of_day)) * np.exp(rng.normal(0, 0.05, theta.WEEK)))


def cost() -> str:
    rng = np.random.default_rng(1)
    taken = []
    for _ in range(FITS + 1):
        given, began = week(rng), time.process_time()
        theta.ahead(given, (AHEAD_MINUTES,))
        taken.append(time.process_time() - began)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    usual, most = 1000 * np.median(taken[1:]), 1000 * max(taken[1:])
    return f"a fit: {usual:.0f} ms of CPU, {most:.0f} at most; the first, with imports: {taken[0]:.1f} s; RSS {rss:.0f} MB"


def chance() -> list[str]:
    from tests.benchmarks.forecast import accuracy, data  # noqa: PLC0415  after the RSS of a process that has no more than the worker
    from tests.benchmarks.forecast.methods import theta as peer  # noqa: PLC0415

    series = data.tuning()
    lines, days = [], []
    for one, ours in zip(series, accuracy.engine(series), strict=True):
        mine, _, mine_at = accuracy.errors(one, ours, AHEAD_MINUTES)
        theirs, _, their_at = accuracy.errors(one, accuracy.peer(peer.METHODS[0], one), AHEAD_MINUTES)
        both, here, there = np.intersect1d(mine_at, their_at, return_indices=True)
        left, right, day = mine[here][::2], theirs[there][::2], both[::2] // data.MINUTES_A_DAY
        ratios = [right[day == its].sum() / left[day == its].sum() for its in np.unique(day) if (day == its).sum() >= LEAST_PAIRS]
        days += ratios
        lines.append(f"{one.name}: {theirs[there].sum() / mine[here].sum():.2f} of the engine's error; by day {min(ratios):.2f} to {max(ratios):.2f}")
    below = [sum(ratio <= level for ratio in days) for level in (CLEARLY, NO_MORE)]
    return [*lines, f"{len(days)} days: {below[0]} at {CLEARLY:g} or below, {below[1]} at {NO_MORE:g}"]


if __name__ == "__main__":
    print(cost())
    print("\n".join(chance()))
    sys.exit(0)
