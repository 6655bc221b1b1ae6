"""Linear regression of the Monasca predictor: refitted on the last 20 minutes with time as the only regressor, extrapolated.

The paper extrapolates 15 minutes (reference/forecasting.md, 1.3); here each horizon. Its RNN and MLP need training per workload and are not re-made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import Array, Forecaster, Method, sane

SAMPLES = 20


def of(samples: int) -> Forecaster:
    def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
        recent = past[-samples:]
        time = np.arange(len(recent), dtype=np.float64)
        centre = time.mean()
        slope = ((time - centre) * (recent - recent.mean())).sum() / ((time - centre) ** 2).sum()
        return sane(recent.mean() + slope * (len(recent) - 1 + np.asarray(ahead) - centre))

    return forecast


METHODS = (
    Method("Monasca regression", of(SAMPLES), __name__, note="20 samples, as published"),
    Method("Monasca regression, 60", of(60), __name__, note="its knob, tuned: 60 samples"),
)
