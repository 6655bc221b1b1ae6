"""Series for the forecast tests: (steps, count) arrays by seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DAY = 96
"""Steps of a day at 15 minutes, so that days pass quickly."""
STEP = 900
START = 1_767_225_600  # 2026-01-01, a midnight


def daily(days: float, count: int = 3, noise: float = 0.05, level: float = 100.0, seed: int = 1) -> NDArray[np.float64]:
    """A day's curve between .5 and 1.5 of the level, with lognormal noise; each series at its own hour and size."""
    rng = np.random.default_rng(seed)
    steps = np.arange(int(days * DAY))[:, None]
    phase = np.arange(count)[None, :] / max(count, 1)
    sizes = level * 10.0 ** np.arange(count)[None, :]
    shape = 1.0 + 0.5 * np.sin(2 * np.pi * (steps / DAY + phase))
    return np.asarray(sizes * shape * np.exp(noise * rng.standard_normal((len(steps), count))))


def walk(steps: int, count: int = 3, noise: float = 0.05, seed: int = 1) -> NDArray[np.float64]:
    """A random walk on logs around 100: nothing to know but the last value."""
    rng = np.random.default_rng(seed)
    return np.asarray(100.0 * np.exp(np.cumsum(noise * rng.standard_normal((steps, count)), axis=0)))


def times(count: int, first: int = 0) -> NDArray[np.float64]:
    """Ends of the steps."""
    return START + STEP * (np.arange(first, first + count) + 1.0)
