"""What the engine gives: quantiles of each series at each horizon, with how far to trust them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array, Mask

BELIEVED, BELIEVED_QUANTILE = 1.5, 0.95
"""Peaks of earlier days count up to this multiple of the quantile: on a quiet day they must not hold replicas. Of the rules tried on the tuning
loads (peaks alone, 1.007 times the cheapest peer over ten cells; with the 80 % quantile, 1.007; with the median, .997) the cheapest, .986."""


class Reason(StrEnum):
    """Why a forecast is as usable as it is."""

    OK = "Ok"
    COLD_START = "ColdStart"  # too little history for more than a level
    STALE = "Stale"  # no values for a while
    SHIFTED = "Shifted"  # the level has just jumped; patterns are believed again in a quarter of an hour
    NO_SKILL = "NoSkill"  # the combination has lost to the last value: the level is given instead


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of all series of an engine, made at `time` from nothing later. Values are in the series' own unit, never negative."""

    time: float
    """Unix seconds of the end of the last step that went in."""
    step_seconds: int
    horizons: NDArray[np.int64]
    """Steps ahead (H,)."""
    quantiles: NDArray[np.float64]
    """(Q,)."""
    point: Array
    """(series, H)."""
    values: Array
    """(series, H, Q), growing with the quantile."""
    skill_last: Array
    """(series, H): 1 - error / error of the last value over about a day; NaN while unknown."""
    skill_yesterday: Array
    """(series, H): the same against yesterday's value."""
    usable: Mask
    """(series,): whether to act on it."""
    reasons: tuple[Reason, ...]
    """(series,)."""
    expert_names: tuple[str, ...]
    weights: Array
    """(series, H, experts): whom the combination listens to."""
    useful_from: NDArray[np.float64]
    """(series,): Unix time at which a first whole day has been seen and patterns can be forecast; NaN once it has."""
    peaks: Array
    """(series, H): largest value around that time of day on earlier days; 0 where it has not been seen."""

    def at(self, series: int, seconds: float, quantile: float | None = None) -> float:
        """Value `seconds` ahead, straight between horizons and between quantiles; the point forecast without a quantile.

        Beyond the last horizon or quantile it is the last one's; before the first horizon the first one's. NaN where the series was never seen.
        """
        return float(np.interp(self._steps(seconds), self.horizons, self.point[series] if quantile is None else self._curve(series, quantile)))

    def most(self, series: int, seconds: float, quantile: float) -> float:
        """Largest value from now until `seconds` ahead: of the quantile, and of the peaks of earlier days as far as they are believed."""
        steps = self._steps(seconds)
        until = np.append(self.horizons[self.horizons < steps], steps)
        upper = np.interp(until, self.horizons, self._curve(series, quantile))
        believed = BELIEVED * np.interp(until, self.horizons, self._curve(series, BELIEVED_QUANTILE))
        peaks = np.interp(until, self.horizons, self.peaks[series])
        return float(np.maximum(upper, np.minimum(peaks, believed)).max())

    def _steps(self, seconds: float) -> float:
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"a forecast looks ahead; {seconds} s is not ahead.")
        return seconds / self.step_seconds

    def _curve(self, series: int, quantile: float) -> NDArray[np.float64]:
        """The quantile at each horizon (H,). All horizons at once: a look asks ten times, and there are a thousand looks in a tick."""
        if not 0 < quantile < 1:
            raise ValueError(f"a quantile lies between 0 and 1; {quantile} does not.")
        values = self.values[series].astype(np.float64)
        above = int(np.searchsorted(self.quantiles, quantile))
        if above == len(self.quantiles) or above == 0 or self.quantiles[above] == quantile:
            return np.asarray(values[:, min(above, len(self.quantiles) - 1)])
        low, high = self.quantiles[above - 1], self.quantiles[above]
        return np.asarray((values[:, above] - values[:, above - 1]) / (high - low) * (quantile - low) + values[:, above - 1])
