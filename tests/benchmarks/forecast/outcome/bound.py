"""How far a forecast could bring replicas down: a policy that knows each five minutes' mean beforehand, and not what single minutes do within them.

Beside the oracle, which knows each step. No policy of the comparison: it looks into the future.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast.outcome.load import PER_MINUTE, Load
from tests.benchmarks.forecast.outcome.policies import Variant, largest_ahead, lead_minutes

NAME = "knows each 5 min's mean"
AROUND_MINUTES = 2


def wish(load: Load, startup: int) -> NDArray[np.float64]:
    """Largest mean of five minutes from now to the lead."""
    padded = np.pad(load.minutes, AROUND_MINUTES, mode="edge")
    means = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND_MINUTES + 1).mean(axis=1)
    by_minute = largest_ahead(means, lead_minutes(startup) + 1)
    return np.asarray(by_minute[np.minimum(np.arange(len(load.demand)) // PER_MINUTE, len(by_minute) - 1)])


VARIANT = Variant(NAME, "no floor, down 60 s", wish, 0.0, 60)
