"""Experts without weights of their own: last value, levels, yesterday, straight line.

Each is the best somewhere in the reference's experiment: the last value a minute after a shift, a level within the quarter of an hour of a
series without pattern, yesterday's value where jobs start at fixed minutes.
"""

from __future__ import annotations

import numpy as np

from flyball.forecast.experts.base import Stateless, View, everywhere, horizons
from flyball.forecast.history import Array, Mask

DAMPING_HOURS = 3.0
"""What a series has above its level of the day is gone to 1/e after so long; workloads without a daily pattern still return to their usual level."""


class Persistence(Stateless):
    """The last known value."""

    name = "persistence"

    def predict(self, view: View) -> tuple[Array, Mask]:
        return np.broadcast_to(view.levels.plain[0], (len(view.settings.horizons), view.history.count)), everywhere(view)


class Level(Stateless):
    """The moving average at one span."""

    def __init__(self, place: int, name: str) -> None:
        self.place, self.name = place, name

    def predict(self, view: View) -> tuple[Array, Mask]:
        return np.broadcast_to(view.levels.plain[self.place], (len(view.settings.horizons), view.history.count)), everywhere(view)


class Damped(Stateless):
    """A short level that returns to the day's."""

    name = "damped"

    def predict(self, view: View) -> tuple[Array, Mask]:
        short, day = view.levels.plain[2], view.levels.plain[-1]
        left = np.exp(-horizons(view) * (view.settings.step_seconds / 3600.0 / DAMPING_HOURS))
        return (day + (short - day) * left).astype(np.float32), everywhere(view)


class Seasonal(Stateless):
    """Profile ahead plus the level of what remains after it: Theta's structure (seasonal adjustment on logs, exponential smoothing), updated online.

    Its drift term is left out: half the slope of a week adds nothing within an hour.
    """

    def __init__(self, place: int, name: str) -> None:
        self.place, self.name = place, name

    def predict(self, view: View) -> tuple[Array, Mask]:
        return view.ahead[1] + view.levels.rest[self.place], view.day_ready


class Weekly(Stateless):
    """The week's profile ahead plus the level of what remains after it. A level of the series itself would lag by half its
    span on each steep rise."""

    def __init__(self, place: int, name: str) -> None:
        self.place, self.name = place, name

    def predict(self, view: View) -> tuple[Array, Mask]:
        return view.ahead[2] + view.levels.week[self.place], view.week_ready


class Yesterday(Stateless):
    """Yesterday's values, moved to today's level."""

    name = "yesterday"

    def predict(self, view: View) -> tuple[Array, Mask]:
        return view.yesterday + (view.levels.plain[3] - view.yesterday_now), view.day_ready


class Returning(Stateless):
    """Profile ahead as it was; what the series is above it now goes away within hours, as an odd morning says little about tonight."""

    name = "returning"

    def predict(self, view: View) -> tuple[Array, Mask]:
        short = view.levels.rest[2]
        left = np.exp(-horizons(view) * (view.settings.step_seconds / 3600.0 / DAMPING_HOURS))
        return (view.ahead[1] + short * left).astype(np.float32), view.day_ready


class Same(Stateless):
    """Yesterday's values as they were: the seasonal naive forecast, hard to beat a day ahead and where jobs start at fixed minutes."""

    name = "same"

    def predict(self, view: View) -> tuple[Array, Mask]:
        return view.yesterday, view.day_seen


class Linear(Stateless):
    """A straight line through the last 20 steps, as the Monasca predictor draws it (UCC'21); a named baseline, seldom heard."""

    name = "linear"
    POINTS = 20

    def predict(self, view: View) -> tuple[Array, Mask]:
        z = np.stack([view.history.z(lag) for lag in range(self.POINTS)])
        times = -np.arange(self.POINTS, dtype=np.float32)
        centred = times - times.mean()
        slope = (centred[:, None] * z).sum(axis=0) / (centred**2).sum()
        line = z.mean(axis=0) + slope * (horizons(view) - times.mean())
        return np.clip(line, 0.0, z.max(axis=0) + np.log(2.0)).astype(np.float32), view.levels.count >= self.POINTS
