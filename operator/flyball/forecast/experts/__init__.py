"""The experts of the ensemble, one small module each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.experts.base import Expert, View
from flyball.forecast.experts.echo import Echo
from flyball.forecast.experts.ridge import Ridge
from flyball.forecast.experts.simple import Damped, Level, Linear, Persistence, Returning, Same, Seasonal, Weekly, Yesterday
from flyball.forecast.experts.twodays import TwoDays
from flyball.forecast.settings import Settings, SettingsError
from flyball.forecast.shipped import Shipped

PRIOR = {
    "persistence": 2.0,
    "level-short": 3.0,
    "level-middle": 1.0,
    "damped": 1.0,
    "seasonal-short": 2.0,
    "seasonal-middle": 2.0,
    "seasonal-long": 1.0,
    "weekly-short": 1.0,
    "weekly-middle": 1.0,
    "yesterday": 1.0,
    "returning": 0.0,
    "same": 0.0,
    "two-days": 0.0,
    "echo": 0.0,
    "ridge": 4.0,
    "linear": 0.01,
}
"""Who is listened to before there are losses, relative to each other: levels and the ridge, which says the level until it knows more."""
FAR = {"returning": 1000.0, "same": 1000.0}
"""The same, added for each hour ahead: after a day no loss of a day ahead has matured, and yesterday is then the best guess (measured on windows of
48 hours of ECL, Traffic and crane-0..3; tests/benchmarks/forecast)."""
SHARES = {"two-days": 0.87, "echo": 0.1}
"""Of the whole, where they are awake: what others have taught, as long as nothing of a series' own has matured. The pool's share is one that sources
it has not met can bear (errors over yesterday's .881 without, .890 with a tenth, .912 with a fifth); few-shot windows gain 1 % by it."""

__all__ = ["Expert", "View", "ensemble", "priors"]


def priors(experts: list[Expert], settings: Settings) -> NDArray[np.float64]:
    """(experts, horizons), summing to 1 over experts."""
    hours = np.array(settings.horizons) * settings.step_seconds / 3600.0
    weights = np.array([PRIOR[expert.name] + FAR.get(expert.name, 0.0) * np.maximum(hours - 1.0, 0.0) for expert in experts])
    weights /= weights.sum(axis=0)
    shares = np.array([SHARES.get(expert.name, 0.0) for expert in experts])[:, None]
    return np.asarray(weights * (1.0 - shares.sum()) + shares, np.float64)


def ensemble(count: int, settings: Settings, begin: Shipped, static: int = 0) -> list[Expert]:
    """The experts that the settings name, all where they name none; `static`: how many static features the series have."""
    learned = settings.of_hours and len(begin.ridge) > 0
    every: list[Expert] = [
        Persistence(),
        Level(2, "level-short"),
        Level(3, "level-middle"),
        Damped(),
        Seasonal(1, "seasonal-short"),
        Seasonal(2, "seasonal-middle"),
        Seasonal(3, "seasonal-long"),
        Weekly(0, "weekly-short"),
        Weekly(1, "weekly-middle"),
        Yesterday(),
        *((Returning(), Same()) if settings.far else ()),
        *((TwoDays(begin.days), Echo(begin.patterns, static, settings.pooled)) if settings.of_hours else ()),
        Ridge(count, settings, begin.ridge if learned else None, begin.ridge_gram if learned else None),
        Linear(),
    ]
    names = [expert.name for expert in every]
    unknown = sorted(set(settings.experts) - set(names))
    if unknown:
        raise SettingsError(f"there is no expert {', '.join(unknown)}; there are {', '.join(names)}.")
    return [expert for expert in every if not settings.experts or expert.name in settings.experts or expert.name == "persistence"]
