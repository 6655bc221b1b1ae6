"""Figures of merit, as the field defines them. Arrays are (origins,) unless said."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RESAMPLES = 2000


def ratio_to_last(forecast: Array, last: Array, actual: Array) -> float:
    """Sum of absolute errors over that of the last value, on origins where all are known."""
    known = np.isfinite(forecast) & np.isfinite(last) & np.isfinite(actual)
    return float(np.abs(forecast - actual)[known].sum() / np.abs(last - actual)[known].sum())


def geometric_mean(values: Array) -> float:
    return float(np.exp(np.mean(np.log(values))))


def upper90(ratios: Array, seed: int = 1) -> float:
    """Upper end of the 90 % interval of the geometric mean of paired ratios, by bootstrap over series."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(ratios), (RESAMPLES, len(ratios)))
    return float(np.quantile(np.exp(np.log(ratios)[drawn].mean(axis=1)), 0.95))


def coverage(bound: Array, actual: Array) -> float:
    """Share of known outcomes at or below the bound."""
    known = np.isfinite(bound) & np.isfinite(actual)
    return float((actual[known] <= bound[known]).mean())


def pinball(bound: Array, actual: Array, quantile: float) -> float:
    """Mean pinball loss over the mean outcome."""
    known = np.isfinite(bound) & np.isfinite(actual)
    away = actual[known] - bound[known]
    return float(np.maximum(quantile * away, (quantile - 1.0) * away).mean() / actual[known].mean())


def worst_window(bound: Array, actual: Array, origins: int) -> float:
    """Largest share of misses in `origins` origins in a row."""
    missed = np.where(np.isfinite(bound) & np.isfinite(actual), actual > bound, False).astype(np.float64)
    if len(missed) < origins:
        return float("nan")
    total = np.concatenate([[0.0], np.cumsum(missed)])
    return float((total[origins:] - total[:-origins]).max() / origins)


def margin(bound: Array, actual: Array) -> float:
    """Median distance of the bound above the outcome, over the mean outcome."""
    known = np.isfinite(bound) & np.isfinite(actual)
    return float(np.median(bound[known] - actual[known]) / actual[known].mean())
