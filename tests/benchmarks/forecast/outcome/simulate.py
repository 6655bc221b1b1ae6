"""From wishes to replicas to what they cost: the autoscaler's own rules, start-up, and the count of what went wrong. Pure.

A replica counts from the step in which it is asked for and is ready a start-up time later. The youngest are removed first, so that what is ready is
the least that was asked for during the last start-up time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast.outcome.load import PER_MINUTE, STEP_SECONDS

Array = NDArray[np.float64]
UP_FACTOR, UP_PODS = 2.0, 4.0
"""HPA's default behaviour: in 15 s at most 100 % or 4 pods more, whichever is larger."""


def sliding_max(values: Array, window: int) -> Array:
    """Largest of the last `window` along the first axis; fewer at the beginning."""
    found, width = values.copy(), 1
    while width < window:
        more = min(width, window - width)
        found[more:] = np.maximum(found[more:], found[:-more].copy())
        width += more
    return found


def ready(total: Array, startup_steps: int) -> Array:
    return -sliding_max(-total, startup_steps + 1)


def follow(base: Array, knobs: Array, tolerance: float, down_steps: int, sync: int = 1) -> NDArray[np.float32]:
    """Totals (steps, columns, knobs) of an HPA-like loop whose wish is base (steps, columns) x knob.

    Within the tolerance nothing changes; up by the step limit; down to the largest wish of the last `down_steps`.
    """
    steps, columns = base.shape
    total = np.maximum(np.ceil(base[0][:, None] * knobs), 1.0)
    found = np.empty((steps, columns, len(knobs)), np.float32)
    kept = np.repeat(total[None], max(down_steps // sync, 1), axis=0)
    turn = 0
    for step in range(steps):
        if step % sync == 0:
            wish = base[step][:, None] * knobs
            desired = np.where(np.abs(wish - total) <= tolerance * total, total, np.maximum(np.ceil(wish - 1e-9), 1.0))
            kept[turn % len(kept)] = desired
            turn += 1
            calm = np.minimum(total, kept.max(axis=0))
            raised = np.minimum(desired, np.maximum(total * UP_FACTOR, total + UP_PODS))
            total = np.where(desired >= total, raised, calm)
        found[step] = total
    return found


@dataclass(frozen=True, slots=True)
class Score:
    """Of each column: what it cost and what went wrong."""

    replica_hours: Array
    under: Array
    """Share of minutes in which demand was larger than what ready replicas carry, in any step."""
    unserved: Array
    """Share of demand beyond what ready replicas carry."""


def score(total: NDArray[np.float32], demand: Array, startup_steps: int, begin: int, end: int | None = None) -> Score:
    """Of totals (steps, knobs) from step `begin` on."""
    up = ready(total.astype(np.float64), startup_steps)[begin:end]
    wanted = demand[begin:end, None]
    lacking = np.maximum(wanted - up, 0.0)
    whole = len(up) // PER_MINUTE * PER_MINUTE
    under = (lacking[:whole] > 0).reshape(whole // PER_MINUTE, PER_MINUTE, -1).any(axis=1).mean(axis=0)
    return Score(total[begin:end].sum(axis=0, dtype=np.float64) * STEP_SECONDS / 3600, under, lacking.sum(axis=0) / wanted.sum())


def oracle(demand: Array, startup_steps: int) -> Array:
    """Fewest replicas with no miss: what the next start-up time needs at most, asked for early enough for the step limit."""
    need = np.maximum(np.ceil(demand - 1e-9), 1.0)
    total = sliding_max(need[::-1].copy(), startup_steps + 1)[::-1].copy()
    for step in range(len(total) - 2, -1, -1):
        total[step] = max(total[step], min(np.ceil(total[step + 1] / UP_FACTOR), total[step + 1] - UP_PODS))
    return total
