"""What the objects of one kind know of Prometheus being away, by the time at which their looks began.

The client knows it for all kinds, and by the time at which a query failed (`signals.outage`): what it has only repeated is not news here.
"""

from __future__ import annotations

from flyball.signals import NoValue, SignalError
from flyball.signals.outage import Held

OUTAGE_SECONDS = 10.0
"""After Prometheus did not answer, nobody asks it for this long: looks that wait out their timeouts one by one would take longer than a tick."""


class Outage:
    """What all objects know of Prometheus being away."""

    def __init__(self) -> None:
        self._message = ""
        self._until = 0.0

    def note(self, error: SignalError, now: float) -> None:
        """A query failed."""
        if isinstance(error, Held):
            return  # or an outage that is over would be held for one that goes on
        if error.reason is NoValue.UNREACHABLE and not self._until - OUTAGE_SECONDS <= now < self._until:
            self._message, self._until = str(error), now + OUTAGE_SECONDS

    def raise_if_on(self, now: float) -> None:
        """Raise SignalError as the query that found it did, for as long as that is to be believed."""
        if self._until - OUTAGE_SECONDS <= now < self._until:  # a clock that went back does not make it longer
            raise SignalError(NoValue.UNREACHABLE, self._message)
