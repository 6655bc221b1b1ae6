"""Grafana Mimir's rule: a query with `offset 6d23h30m` beside the present one, so that last week's load is met half an hour early.

As released the number is one and the same whatever the horizon: the value a week before the moment half an hour ahead
(reference/autoscalers.md, 1.7). Its knob is the lead; the rule is also given with the horizon itself as lead, which is seasonal naive (week).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import Array, Method

OFFSET_SECONDS = (6 * 24 + 23) * 3600 + 30 * 60


def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
    place = len(past) - 1 - OFFSET_SECONDS // step_seconds
    return np.full(len(ahead), past[place] if place >= 0 else past[-1])


METHODS = (Method("Mimir offset", forecast, __name__, note="offset 6d23h30m, the same for all horizons"),)
