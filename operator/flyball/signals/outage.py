"""What all who ask know of Prometheus being away: one query finds it out, the others need not wait for their own timeouts."""

from __future__ import annotations

from collections.abc import Callable

from flyball.signals.answers import NoValue, SignalError

OUTAGE_SECONDS = 10.0
"""After Prometheus was found to be away nobody asks it for this long: looks that wait out their timeouts one by one would take longer than a tick."""


class Held(SignalError):
    """Nothing was asked: Prometheus was found to be away a moment ago."""


class Outage:
    """Whether Prometheus is away, by the clock of whoever asks it (seconds; one that goes back makes no outage longer)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._message: str | None = None
        self._since = 0.0

    def begin(self, message: str) -> None:
        """It does not answer, as of now: what a query waited before it knew does not count."""
        self._message, self._since = message, self._clock()

    def end(self) -> None:
        """It answers."""
        self._message = None

    @property
    def message(self) -> str | None:
        """What the query said that found it out; None once it has answered again."""
        return self._message

    def raise_if_on(self) -> None:
        """Raise Held for as long as the last word on it is to be believed."""
        if self._message is not None and 0 <= self._clock() - self._since < OUTAGE_SECONDS:
            raise Held(NoValue.UNREACHABLE, self._message)
