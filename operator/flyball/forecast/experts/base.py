"""What every expert sees and gives.

An expert looks at a `View` of all series at one origin and predicts z at each horizon. Those that learn get each origin back when it has
matured: nothing after an origin is ever seen before its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.history import Array, History, Mask, Rescale
from flyball.forecast.levels import Levels
from flyball.forecast.settings import Settings


@dataclass(frozen=True, slots=True)
class View:
    """All series at one origin. Arrays are (series,) or (horizons, series), in z."""

    step: int  # since the Unix epoch
    settings: Settings
    history: History
    levels: Levels
    now: tuple[Array, Array, Array]  # fast, slow and weekly profile at the origin; 0 where not ready
    ahead: tuple[Array, Array, Array]  # the same at origin + horizon
    yesterday: Array  # (horizons, series): a day before origin + horizon, around it
    yesterday_now: Array  # (series,): a day before the origin, around it
    day_seen: Mask  # yesterday's values are there
    day_ready: Mask
    week_ready: Mask
    scale: Array  # usual size of a one-step change, never 0
    age: NDArray[np.int64]  # steps since a series' first value; -1: none yet
    static: Array  # (series, features) of the workloads, 0 where not known


class Expert(Protocol):
    """One way to forecast."""

    name: str

    def predict(self, view: View) -> tuple[Array, Mask]:
        """z at the horizons (horizons, series), and which series the expert has an opinion on (the others it sleeps through)."""

    def learn(self, view: View, known: Mask) -> None:
        """The value of a step is in the view's history, known (series,) or filled: origins before it have matured."""

    def rescale(self, change: Rescale) -> None:
        """The scale of some series changed."""


class Stateless:
    """An expert that keeps nothing of its own."""

    def learn(self, view: View, known: Mask) -> None:
        """Nothing to learn."""

    def rescale(self, change: Rescale) -> None:
        """Nothing to convert."""


def everywhere(view: View) -> Mask:
    """All series."""
    return np.ones(view.history.count, np.bool_)


def horizons(view: View) -> NDArray[np.float32]:
    """Steps ahead (horizons, 1)."""
    return np.array(view.settings.horizons, np.float32)[:, None]
