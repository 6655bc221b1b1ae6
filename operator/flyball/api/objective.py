"""An objective: the share of requests that must be good within a threshold, over a rolling window."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from flyball.api import duration
from flyball.api.cel import NAME, PERCENT, duration_rules, matches, rules
from flyball.api.indicator import Indicator
from flyball.api.meta import Model

_HOURS = matches(duration.PATTERN)
_DAYS = matches(duration.DAYS_PATTERN)
_UP_TO_30_DAYS = "^([1-9]|[12][0-9]|30)d$"
"""CEL's durations know no days, and converting costs more than the API server allows; a threshold of an hour at most is below any of them."""


class Objective(Model):
    """A share of requests that must be good within a threshold, over a rolling window."""

    name: Annotated[
        str,
        Field(
            max_length=63,
            description="Name of the objective.",
            json_schema_extra=rules((matches(NAME), "an objective's name must be lower-case letters, digits and dashes")),
        ),
    ]
    target: Annotated[
        str,
        Field(
            max_length=6,
            description="Percent of requests that must be good, as a decimal string, e.g. 99 or 99.9.",
            json_schema_extra=rules(
                (
                    f"{matches(PERCENT)} && double(self) > 0.0",
                    'target must be a percentage above 0 and below 100 with at most three decimals, such as "99" or "99.9"',
                ),
            ),
        ),
    ]
    threshold: Annotated[
        str,
        Field(
            max_length=32,
            description="A good request is answered within this time, e.g. 200ms. Where it is no bound of the histogram, the bound below counts.",
            json_schema_extra=duration_rules(
                "threshold",
                "200ms",
                ("> duration('0s')", "threshold must be above zero"),
                ("<= duration('1h')", "threshold must be at most 1h"),
            ),
        ),
    ]
    window: Annotated[
        str,
        Field(
            max_length=32,
            description="The rolling window over which the target must hold, 5m to 30d.",
            json_schema_extra=rules(
                (f"{_HOURS} || {_DAYS}", "window must be a duration such as 1h or 7d"),
                (f"!{_HOURS} || duration(self) >= duration('5m')", "window must be at least 5m: a shorter one holds too few requests to tell"),
                (f"{_HOURS} ? duration(self) <= duration('720h') : (!{_DAYS} || {matches(_UP_TO_30_DAYS)})", "window must be 30d at most"),
            ),
        ),
    ] = "1h"
    minutes_above_percent: Annotated[
        str | None,
        Field(
            max_length=6,
            description=(
                "Percent of the window's minutes that may have more than their own share of slow requests, e.g. 5. Left out, only the window as a whole "
                "counts where it is an hour or more, and a third of its minutes may lie above; in ten minutes or less each minute counts."
            ),
            json_schema_extra=rules(
                (
                    f"{matches(PERCENT)} && double(self) > 0.0",
                    'minutesAbovePercent must be a percentage above 0 and below 100 with at most three decimals, such as "5"',
                ),
            ),
        ),
    ] = None
    indicator: Annotated[Indicator, Field(description="How requests are counted.")]

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                f"!{matches(duration.PATTERN, 'self.threshold')} || !{matches(duration.PATTERN, 'self.window')}"
                " || duration(self.threshold) < duration(self.window)",
                "threshold must be shorter than window",
            )
        )
    )

    @property
    def share(self) -> float:
        """The target as a share, 0 to 1."""
        return float(self.target) / 100

    @property
    def minutes_above_share(self) -> float:
        """Share of the window's minutes that may lie above, 0 to 1; 1 where nothing is said."""
        return float(self.minutes_above_percent) / 100 if self.minutes_above_percent else 1.0

    @property
    def threshold_seconds(self) -> float:
        return duration.seconds(self.threshold)

    @property
    def window_seconds(self) -> float:
        return duration.seconds(self.window)
