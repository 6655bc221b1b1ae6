"""The experts of the ensemble, one small module each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.experts.base import Expert, View
from flyball.forecast.experts.ridge import Ridge
from flyball.forecast.experts.simple import Damped, Level, Linear, Persistence, Seasonal, Weekly, Yesterday
from flyball.forecast.settings import Settings, SettingsError

PRIOR = {
    "persistence": 2.0,
    "level-short": 3.0,
    "level-middle": 1.0,
    "damped": 1.0,
    "seasonal-short": 2.0,
    "seasonal-middle": 2.0,
    "seasonal-long": 1.0,
    "weekly": 1.0,
    "yesterday": 1.0,
    "ridge": 4.0,
    "linear": 0.01,
}
"""Who is listened to before there are losses, relative to each other: levels and the ridge, which says the level until it knows more."""

__all__ = ["PRIOR", "Expert", "View", "ensemble"]


def ensemble(count: int, settings: Settings, shared: NDArray[np.float64] | None) -> list[Expert]:
    """The experts that the settings name, all where they name none."""
    every: list[Expert] = [
        Persistence(),
        Level(2, "level-short"),
        Level(3, "level-middle"),
        Damped(),
        Seasonal(1, "seasonal-short"),
        Seasonal(2, "seasonal-middle"),
        Seasonal(3, "seasonal-long"),
        Weekly(),
        Yesterday(),
        Ridge(count, settings, shared),
        Linear(),
    ]
    names = [expert.name for expert in every]
    unknown = sorted(set(settings.experts) - set(names))
    if unknown:
        raise SettingsError(f"there is no expert {', '.join(unknown)}; there are {', '.join(names)}.")
    return [expert for expert in every if not settings.experts or expert.name in settings.experts or expert.name == "persistence"]
