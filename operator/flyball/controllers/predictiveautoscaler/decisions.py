"""The decision record of one object: the last ten changes of replicas, or of why they are what they are. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flyball.api.predictiveautoscaler_status import DECISIONS, ScalingRecord
from flyball.replicas import Decision, Reason

TEXT_LENGTH = 512
QUIET = (Reason.DEMAND, Reason.TOLERANCE, Reason.STABILISING, Reason.FORECAST, Reason.MINIMUM)
"""Reasons that come and go with each look; they are recorded only with a change of replicas."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, and when its effect is to be read; None: it was, or nobody watched."""

    record: ScalingRecord
    due: float | None


@dataclass(frozen=True, slots=True)
class History:
    """The last decisions, oldest first."""

    entries: tuple[Entry, ...] = ()
    last_reason: str = ""

    @classmethod
    def restored(cls, records: list[ScalingRecord]) -> History:
        """As the status held it."""
        return cls(tuple(Entry(record, None) for record in records), records[-1].reason if records else "")

    @property
    def records(self) -> list[ScalingRecord]:
        return [entry.record for entry in self.entries]

    def add(
        self, decision: Decision, current: int, now: float, timestamp: str, ready_after: float, demand: str | None, forecast: str | None
    ) -> tuple[History, bool]:
        """The history with this decision if it is news, and whether it was."""
        reason = decision.reasons[0]
        moved = decision.replicas != current
        if not moved and (reason in QUIET or reason.value == self.last_reason):
            return (self, False) if reason in QUIET else (replace(self, last_reason=reason.value), False)
        record = ScalingRecord(
            time=timestamp,
            reason=reason.value,
            message=decision.message[:TEXT_LENGTH],
            previous=current,
            replicas=decision.replicas,
            demand=demand,
            forecast=forecast,
        )
        return History((*self.entries, Entry(record, now + ready_after))[-DECISIONS:], reason.value), True

    def observe(self, now: float, ready: int, demand: str | None) -> History:
        """The history with what is seen now, at the decisions that are due."""

        def seen(entry: Entry) -> Entry:
            if entry.due is None or now < entry.due:
                return entry
            text = f"{ready} replicas are ready, {demand or 'an unknown number'} a second are served."
            return Entry(entry.record.model_copy(update={"observed": text}), None)

        return replace(self, entries=tuple(map(seen, self.entries)))
