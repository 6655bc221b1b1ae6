"""What every peer is: a function from the past to the steps ahead.

The harness hands over values up to the origin and nothing later, gaps filled with the value before them. A method that costs much is asked at
each `thin`-th origin only; it is fitted anew at each origin asked, so that no method is judged by a fit that has grown old.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Forecaster = Callable[[Array, int, Sequence[int]], Array]
"""(past values, seconds of a step, steps ahead) -> a value for each of the steps ahead."""

DAY_SECONDS = 86_400
FIT_DAYS = 7
COARSE_SECONDS = 300
"""Fits are made on five-minute means, as in the experiment that the peers were measured in: fits on minutes took up to 14 s."""


@dataclass(frozen=True, slots=True)
class Method:
    """A peer."""

    name: str
    forecast: Forecaster
    module: str
    """Where it is written; part of the key of its results."""
    thin: int = 1
    note: str = ""
    """Input, refit and knobs, for the table."""


def late(module: str, name: str) -> Any:
    """A class of a package that takes seconds to import, or may be missing: only who is asked imports it."""
    return getattr(importlib.import_module(module), name)


def fit_window(past: Array, step_seconds: int, days: float = FIT_DAYS) -> Array:
    return past[-int(days * DAY_SECONDS / step_seconds) :]


def coarse(past: Array, step_seconds: int, days: float = FIT_DAYS) -> tuple[Array, int]:
    """Five-minute means of the last days, the last one ending at the origin, and how many steps a mean spans."""
    span = max(1, COARSE_SECONDS // step_seconds)
    window = fit_window(past, step_seconds, days)
    count = len(window) // span
    return window[len(window) - count * span :].reshape(count, span).mean(axis=1), span


def to_steps(last: float, means: Array, span: int, ahead: Sequence[int]) -> Array:
    """From means of `span` steps to steps: straight lines between the middles, beginning at the last known mean."""
    middles = np.arange(len(means) + 1) * span - (span - 1) / 2
    return np.interp(np.asarray(ahead, np.float64), middles, np.concatenate([[last], means]))


def means_needed(ahead: Sequence[int], span: int) -> int:
    return max(ahead) // span + 1


def logged(values: Array) -> tuple[Array, float]:
    """log(1 + 10 y / mean): close to the logarithm where a series is, and finite at zero. Also what takes it back."""
    size = max(float(values.mean()), 1e-9) / 10
    return np.log1p(values / size), size


def unlogged(values: Array, size: float) -> Array:
    return np.expm1(np.minimum(values, 50.0)) * size


def sane(values: Array) -> Array:
    """Loads are not negative."""
    return np.maximum(values, 0.0)
