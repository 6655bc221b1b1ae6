"""Prophet with a daily season on five-minute means; a week of history holds no week to learn."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import Array, Method, coarse, late, means_needed, sane, to_steps


def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
    table, dates = late("pandas", "DataFrame"), late("pandas", "date_range")
    logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
    means, span = coarse(past, step_seconds)
    count = means_needed(ahead, span)
    stamps = dates("2020-01-01", periods=len(means) + count, freq=f"{span * step_seconds}s")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = late("prophet", "Prophet")(daily_seasonality=True, weekly_seasonality=False, yearly_seasonality=False, uncertainty_samples=0)
        model.fit(table({"ds": stamps[: len(means)], "y": means}))
        found = model.predict(table({"ds": stamps[len(means) :]}))["yhat"].to_numpy()
    return to_steps(means[-1], sane(np.asarray(found, np.float64)), span, ahead)


METHODS = (Method("Prophet", forecast, __name__, 32, "daily season, 5-min means"),)
