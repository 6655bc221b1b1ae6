"""What is ahead of one series, as the loop, the status and the metrics ask for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from flyball.forecast import Forecast, Reason


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """The forecast of one series; one object from one step of its engine to the next."""

    forecast: Forecast
    place: int
    largest: float = 0.0
    """Largest demand that the series has seen of late."""
    outdone: bool = False
    """The cross-check has been clearly better for a day."""
    _known: dict[tuple[float, float | None], float] = field(default_factory=dict)
    """(seconds ahead, quantile or None) -> value."""

    @property
    def reason(self) -> Reason:
        return self.forecast.reasons[self.place]

    @property
    def usable(self) -> bool:
        """Whether the plan counts on it: a forecast without skill is no better than the demand of now, and costs more."""
        return bool(self.forecast.usable[self.place]) and self.reason is not Reason.NO_SKILL

    def point(self, seconds: float) -> float:
        return self._at(seconds, None)

    def upper(self, seconds: float, quantile: float) -> float:
        return self._at(seconds, quantile)

    def most(self, seconds: float, quantile: float) -> float:
        """Largest demand between now and `seconds` ahead, at the quantile, and at this time of earlier days."""
        return self.forecast.most(self.place, seconds, quantile)

    def skill(self, seconds: float) -> float:
        """1 - error / error of the better of last value and yesterday's, at the horizon nearest to `seconds`; NaN while unknown."""
        nearest = int(np.argmin(np.abs(self.forecast.horizons * self.forecast.step_seconds - seconds)))
        return float(np.fmin(self.forecast.skill_last[self.place, nearest], self.forecast.skill_yesterday[self.place, nearest]))

    @property
    def useful_from(self) -> float:
        return float(self.forecast.useful_from[self.place])

    def _at(self, seconds: float, quantile: float | None) -> float:
        value = self._known.get((seconds, quantile))
        if value is None:
            value = self._known[seconds, quantile] = self.forecast.at(self.place, seconds, quantile)
        return value
