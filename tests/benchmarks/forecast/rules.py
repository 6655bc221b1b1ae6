"""The rules of the reference's quantile experiment, re-run: margins over a base forecast from its own matured errors (forecasting.md, section 4).

Errors are in log space and indexed by origin; the one of origin o at horizon h is known from o + h on, and every rule uses matured ones only. Where
the reference gives no constant, ours stands beside its name.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rule = Callable[[Array, int, int], Array]
"""(errors by origin, horizon in steps, steps of a day) -> margin by origin."""
LEVEL = 0.95
NORMAL_95 = 1.645
FAST_MINUTES = 30
"""Ours: span of the recent volatility."""
BIN_MINUTES = 15
"""Ours: width of a bin of the time of day."""
DAY_GAIN = 0.3
"""The causal day profile's decay of the reference is 0.7 a day."""
GAIN_INTEGRAL = 0.01
"""Ours: sigmas a miss, as the reference names the rule and not its gain."""
CHUNK = 2000


def matured(errors: Array, horizon: int) -> Array:
    """By origin: the newest error that is known then (NaN before there is one)."""
    late = np.full(len(errors), np.nan)
    late[horizon:] = errors[: len(errors) - horizon]
    return late


def rolling_quantile(known: Array, window: int, level: float | Array) -> Array:
    """Quantile of the last `window` known values; NaN until there are as many as a sixth of them."""
    padded = np.concatenate([np.full(window - 1, np.nan), known])
    found = np.full(len(known), np.nan)
    levels = np.broadcast_to(np.asarray(level, np.float64), known.shape)
    views = sliding_window_view(padded, window)
    for begin in range(0, len(known), CHUNK):
        part = np.sort(views[begin : begin + CHUNK], axis=1)  # NaN sorts last
        count = np.isfinite(part).sum(axis=1)
        # The smallest value that at least the level of them does not exceed, with the finite sample's correction (n + 1).
        place = np.clip(np.ceil(levels[begin : begin + CHUNK] * (count + 1)).astype(int) - 1, 0, np.maximum(count - 1, 0))
        chosen = np.take_along_axis(part, place[:, None], axis=1)[:, 0]
        found[begin : begin + CHUNK] = np.where(count >= window // 6, chosen, np.nan)
    return found


def rolling_sigma(known: Array, window: int) -> Array:
    there = np.isfinite(known)
    sums = np.cumsum(np.where(there, known, 0.0) ** 2)
    counts = np.cumsum(there)
    before = np.maximum(np.arange(len(known)) - window, -1)
    total = sums - np.where(before >= 0, sums[before], 0.0)
    count = counts - np.where(before >= 0, counts[before], 0)
    return np.sqrt(total / np.maximum(count, 1))


def _smooth(known: Array, gain: float) -> Array:
    found, now = np.empty(len(known)), np.nan
    for place, value in enumerate(known.tolist()):
        if not isnan(value):
            now = value if isnan(now) else now + gain * (value - now)
        found[place] = now
    return found


def volatility(errors: Array, horizon: int, day: int) -> Array:
    """By origin: sqrt(recent volatility x that of the target's time of day), from matured errors."""
    size = np.abs(matured(errors, horizon))
    fast = _smooth(size, 2.0 / (max(FAST_MINUTES, horizon) + 1))
    slow = _smooth(size, 2.0 / day)
    bins = max(1, day // (24 * 60 // BIN_MINUTES))
    table = np.full(day // bins, np.nan)
    of_day = np.empty(len(errors))
    gain = DAY_GAIN / bins
    for origin, value in enumerate(size.tolist()):
        here, there = (origin // bins) % len(table), ((origin + horizon) // bins) % len(table)
        if not isnan(value):
            table[here] = value if isnan(table[here]) else table[here] + gain * (value - table[here])
        of_day[origin] = table[there]
    usual = np.where(np.isfinite(of_day), of_day, slow)
    return np.sqrt(np.maximum(fast, 1e-6) * np.maximum(usual, 1e-6))


def _tracked(errors: Array, horizon: int, unit: Array, start: Array, rate: float) -> Array:
    """Quantile tracking: the margin rises by rate x level units when the newest matured error exceeded the one that it was given, else it sinks."""
    margin = np.full(len(errors), np.nan)
    now = np.nan
    for origin in range(len(errors)):
        if isnan(now):
            now = start[origin]
        elif origin >= horizon and not isnan(errors[origin - horizon] + margin[origin - horizon]):
            missed = errors[origin - horizon] > margin[origin - horizon]
            now += rate * unit[origin] * (LEVEL if missed else LEVEL - 1.0)
        margin[origin] = now
    return margin


def gaussian(errors: Array, horizon: int, day: int) -> Array:
    return NORMAL_95 * rolling_sigma(matured(errors, horizon), day)


def rolling(errors: Array, horizon: int, day: int) -> Array:
    return rolling_quantile(matured(errors, horizon), day, LEVEL)


def aci(errors: Array, horizon: int, day: int) -> Array:
    """Adaptive conformal inference with gamma .005 on the rolling quantile; a level past the end is the window's largest error."""
    known = matured(errors, horizon)
    padded = np.concatenate([np.full(day - 1, np.nan), known])
    views = sliding_window_view(padded, day)
    margin = np.full(len(errors), np.nan)
    alpha = 1.0 - LEVEL
    for begin in range(0, len(errors), CHUNK):
        ordered = np.sort(views[begin : begin + CHUNK], axis=1)
        counts = np.isfinite(ordered).sum(axis=1)
        for row, count in enumerate(counts.tolist()):
            origin = begin + row
            if count < day // 6:
                continue
            given = margin[origin - horizon]
            if origin >= horizon and not isnan(given + errors[origin - horizon]):
                alpha += 0.005 * ((1.0 - LEVEL) - float(errors[origin - horizon] > given))
            place = int(np.clip(np.ceil((1.0 - alpha) * (count + 1)) - 1, 0, count - 1))
            margin[origin] = ordered[row, place]
    return margin


def tracking(errors: Array, horizon: int, day: int) -> Array:
    sigma = rolling_sigma(matured(errors, horizon), day)
    return _tracked(errors, horizon, sigma, rolling(errors, horizon, day), 0.05)


def integral(errors: Array, horizon: int, day: int) -> Array:
    """The rolling quantile plus a term that grows with the surplus of misses, a sigma at most."""
    base, sigma = rolling(errors, horizon, day), rolling_sigma(matured(errors, horizon), day)
    margin, surplus = np.full(len(errors), np.nan), 0.0
    for origin in range(len(errors)):
        given = margin[origin - horizon] if origin >= horizon else np.nan
        if origin >= horizon and not isnan(given + errors[origin - horizon]):
            surplus += float(errors[origin - horizon] > given) - (1.0 - LEVEL)
        margin[origin] = base[origin] + sigma[origin] * np.clip(GAIN_INTEGRAL * surplus, -1.0, 1.0)
    return margin


def scaled(errors: Array, horizon: int, day: int) -> Array:
    unit = volatility(errors, horizon, day)
    return rolling_quantile(matured(errors / unit, horizon), 2 * day, LEVEL) * unit


def scaled_tracking(errors: Array, horizon: int, day: int) -> Array:
    unit = volatility(errors, horizon, day)
    scores = errors / unit
    one = rolling_sigma(matured(scores, horizon), day)
    return _tracked(scores, horizon, one, rolling_quantile(matured(scores, horizon), 2 * day, LEVEL), 0.05) * unit


SCALED = "scaled by volatility, rolling 48 h"
RULES: dict[str, Rule] = {
    "Gaussian, 24 h sigma": gaussian,
    "rolling quantile, 24 h": rolling,
    "ACI, gamma .005": aci,
    "quantile tracking, .05 sigma": tracking,
    "rolling + integral": integral,
    SCALED: scaled,
    "scaled by volatility, tracking": scaled_tracking,
}
