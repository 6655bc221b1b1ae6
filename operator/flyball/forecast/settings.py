"""Settings of the forecast engine: the clock of its series, horizons, quantiles, and how long things are remembered.

All lengths are in steps of the series unless the name says otherwise. Where a constant came from is said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MINUTE_HORIZONS = (1, 2, 3, 5, 8, 12, 15, 20, 30, 45, 60)
HOUR_HORIZONS = tuple(range(1, 25))
DAY_SECONDS = 86_400
SECONDS_OF_A_BIN = 300
"""Width of a bin of the seasonal profile: five-minute means made the best classical method of the reference's experiment; minutes are noise."""
SECONDS_OF_FAR = 7200
"""Horizons beyond two hours ask for the experts of the day ahead. Nearer ones do without: on a random walk yesterday's value loses so much that the
combination takes days to calm down (23 % over the last value in the tests' walk at 15-minute steps)."""


class SettingsError(ValueError):
    """Settings that cannot work, with a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What all series of an engine share."""

    step_seconds: int = 60
    """Distance of two values, 15 s to 1 h; must divide a day."""
    horizons: tuple[int, ...] = MINUTE_HORIZONS
    """Steps ahead, growing; in between `Forecast.at` interpolates."""
    quantiles: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95, 0.99)
    spans: tuple[int, int, int] = (5, 15, 60)
    """Spans of the short, middle and long moving average that experts look at; a span is a day at most."""
    stale_after: int = 10
    """Missing steps in a row after which a forecast is no longer usable."""
    shift: bool = True
    """Whether level shifts are looked for. Off only to measure what looking costs."""
    experts: tuple[str, ...] = field(default=())
    """Names of the experts to combine; empty: all."""
    pooled: bool = True
    """Whether series learn from each other (the ridge's shared weights, the pool of patterns). Off: each is forecast as if it were alone."""

    def __post_init__(self) -> None:
        if not 1 <= self.step_seconds <= 3600 or DAY_SECONDS % self.step_seconds:
            raise SettingsError(f"step_seconds is {self.step_seconds}; it must lie in 1 to 3600 and divide a day.")
        if not self.horizons or list(self.horizons) != sorted(set(self.horizons)) or self.horizons[0] < 1 or self.horizons[-1] > self.day:
            raise SettingsError("horizons must grow, start at 1 or more and reach no further than a day.")
        if not self.quantiles or list(self.quantiles) != sorted(set(self.quantiles)) or not 0 < self.quantiles[0] <= self.quantiles[-1] < 1:
            raise SettingsError("quantiles must grow and lie between 0 and 1.")
        if not 1 <= self.spans[0] < self.spans[1] < self.spans[2] <= self.day:
            raise SettingsError("spans must grow and be a day at most.")

    @property
    def day(self) -> int:
        """Steps of a day."""
        return DAY_SECONDS // self.step_seconds

    @property
    def far(self) -> bool:
        """Whether a day ahead is forecast, where the pattern is all and the level nothing."""
        return self.horizons[-1] * self.step_seconds > SECONDS_OF_FAR

    @property
    def of_hours(self) -> bool:
        """Whether what ships with the package is for this clock: steps of an hour, up to a day ahead."""
        return self.step_seconds == 3600 and self.far and self.horizons == HOUR_HORIZONS

    @property
    def bin_steps(self) -> int:
        """Steps of a bin of the seasonal profile."""
        return max(1, SECONDS_OF_A_BIN // self.step_seconds)

    @property
    def bins(self) -> int:
        """Bins of a day."""
        return self.day // self.bin_steps

    @classmethod
    def for_step(cls, step_seconds: int, **others: object) -> Settings:
        """Settings that suit a step: an hour ahead for steps of minutes and less, a day ahead for steps of an hour."""
        if step_seconds >= 1800:
            chosen: dict[str, object] = {"horizons": HOUR_HORIZONS, "spans": (2, 4, 12), "stale_after": 3}
        else:
            steps_a_minute = 60 / step_seconds
            horizons = tuple(sorted({max(1, round(minutes * steps_a_minute)) for minutes in MINUTE_HORIZONS}))
            short, middle, long = (max(index + 1, round(minutes * steps_a_minute)) for index, minutes in enumerate((5, 15, 60)))
            chosen = {"horizons": horizons, "spans": (short, middle, long), "stale_after": max(3, round(10 * steps_a_minute))}
        return cls(step_seconds=step_seconds, **(chosen | others))  # type: ignore[arg-type]
