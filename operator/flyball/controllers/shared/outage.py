"""What all objects know of Prometheus being away: one look finds it out, the others need not wait for their own timeouts."""

from __future__ import annotations

from flyball.signals import NoValue, SignalError

OUTAGE_SECONDS = 10.0
"""After Prometheus did not answer, nobody asks it for this long: looks that wait out their timeouts one by one would take longer than a tick."""


class Outage:
    """What all objects know of Prometheus being away."""

    def __init__(self) -> None:
        self._message = ""
        self._until = 0.0

    def note(self, error: SignalError, now: float) -> None:
        """A query failed."""
        if error.reason is NoValue.UNREACHABLE and not self._until - OUTAGE_SECONDS <= now < self._until:
            self._message, self._until = str(error), now + OUTAGE_SECONDS

    def raise_if_on(self, now: float) -> None:
        """Raise SignalError as the query that found it did, for as long as that is to be believed."""
        if self._until - OUTAGE_SECONDS <= now < self._until:  # a clock that went back does not make it longer
            raise SignalError(NoValue.UNREACHABLE, self._message)
