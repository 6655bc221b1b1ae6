"""Measures of a forecast. Pure; what each means is in the issue's table and in docs/benchmarks/forecast.md."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MASE_CAP = 10.0
MASE_WINDOW = 10_080
RESAMPLES = 4000


def error_ratio(predicted: Array, last: Array, actual: Array) -> float:
    """Sum of absolute errors over that of the last value, on the same origins; origins without an actual value are left out."""
    known = np.isfinite(actual)
    return float(np.abs(predicted - actual)[known].sum() / np.abs(last - actual)[known].sum())


def geometric_mean(values: Array) -> float:
    return float(np.exp(np.mean(np.log(values))))


def bootstrap(ratios: Array, share: float = 0.90, seed: int = 5, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Interval of the geometric mean of paired ratios, series drawn with replacement."""
    logs = np.log(np.asarray(ratios, np.float64))
    drawn = np.random.default_rng(seed).integers(0, len(logs), (resamples, len(logs)))
    means = np.exp(logs[drawn].mean(axis=1))
    low, high = np.quantile(means, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def ratio_of_sums(ours: Array, theirs: Array, share: float = 0.90, seed: int = 5, resamples: int = RESAMPLES) -> tuple[float, float, float]:
    """Sum over series of one error over that of another, and its interval, series drawn with replacement, both from the same draw."""
    drawn = np.random.default_rng(seed).integers(0, len(ours), (resamples, len(ours)))
    low, high = np.quantile(ours[drawn].sum(axis=1) / theirs[drawn].sum(axis=1), [(1 - share) / 2, (1 + share) / 2])
    return float(ours.sum() / theirs.sum()), float(low), float(high)


def daily_difference(values: Array, origins: NDArray[np.int64], day: int, window: int) -> Array:
    """Mean |y(t) - y(t - day)| over the `window` steps up to each origin: what scales an error in the MASE. NaN where there is none."""
    moved = np.full(len(values), np.nan)
    moved[day:] = np.abs(values[day:] - values[:-day])
    known = np.isfinite(moved)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, moved, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    first = np.maximum(origins + 1 - window, 0)
    total, count = sums[origins + 1] - sums[first], counts[origins + 1] - counts[first]
    return np.where((count > 0) & (total > 0), total / np.maximum(count, 1), np.nan)


def mase(errors: Array, scale: Array) -> float:
    """Mean over origins of (mean absolute error of an origin's minutes / its scale), capped. errors: (origins, minutes), NaN unknown."""
    known = np.isfinite(errors)
    each = np.where(known, errors, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    usable = known.any(axis=1) & np.isfinite(scale)
    return float(np.minimum(each[usable] / scale[usable], MASE_CAP).mean())


def pinball(bound: Array, actual: Array, quantile: float) -> float:
    """Mean pinball loss of a bound."""
    above = actual - bound
    return float(np.mean(np.maximum(quantile * above, (quantile - 1) * above)))


def coverage(bound: Array, actual: Array) -> float:
    return float(np.mean(actual <= bound))


def worst_window_miss(missed: NDArray[np.bool_], window: int) -> float:
    """Largest share of misses in any `window` steps in a row."""
    if len(missed) < window:
        return float(np.mean(missed))
    sums = np.concatenate([[0], np.cumsum(missed)])
    return float((sums[window:] - sums[:-window]).max() / window)
