"""The decision record of one object: the last ten changes of replicas, or of why they are what they are. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from flyball.api.predictiveautoscaler_status import DECISIONS, ScalingRecord
from flyball.replicas import Decision, Reason

TEXT_LENGTH = 512
QUIET = (Reason.DEMAND, Reason.TOLERANCE, Reason.STABILISING, Reason.FORECAST, Reason.MINIMUM)
"""Reasons that come and go with each look; they are recorded only with a change of replicas."""
REPEAT_SECONDS = 3600.0
"""What would be done, and is not, is told once for as long as it comes again within this time: a demand that turns between two numbers of replicas
must not be told at each look, and the same rise of the next day is another one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, and when its effect is to be read; None: it was, or nobody watched."""

    record: ScalingRecord
    due: float | None
    seen_at: float = math.nan
    """When it was decided so last; NaN: not since the start, and then it may well go on."""

    def repeats(self, decision: Decision, current: int, now: float) -> bool:
        """Whether a decision says the same, not long after; reasons that come and go are no difference."""
        reason, quiet = decision.reasons[0], {its.value for its in QUIET}
        same_reason = self.record.reason == reason.value or (reason in QUIET and self.record.reason in quiet)
        same = same_reason and (self.record.previous, self.record.replicas) == (current, decision.replicas)
        return same and not now - self.seen_at > REPEAT_SECONDS


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
        self,
        decision: Decision,
        current: int,
        now: float,
        timestamp: str,
        ready_after: float,
        demand: str | None,
        forecast: str | None,
        *,
        moved: bool,
    ) -> tuple[History, bool]:
        """The history with this decision if it is news, and whether it was. `moved`: replicas were written, which always is."""
        reason = decision.reasons[0]
        if decision.replicas == current and (reason in QUIET or reason.value == self.last_reason):
            return (self, False) if reason in QUIET else (replace(self, last_reason=reason.value), False)
        again = [entry.repeats(decision, current, now) for entry in self.entries]
        if not moved and any(again):
            entries = [replace(entry, seen_at=now) if same else entry for entry, same in zip(self.entries, again, strict=True)]
            return replace(self, entries=tuple(entries)), False
        record = ScalingRecord(
            time=timestamp,
            reason=reason.value,
            message=decision.message[:TEXT_LENGTH],
            previous=current,
            replicas=decision.replicas,
            demand=demand,
            forecast=forecast,
        )
        return History((*self.entries, Entry(record, now + ready_after, now))[-DECISIONS:], reason.value), True

    def observe(self, now: float, ready: int, demand: str | None) -> History:
        """The history with what is seen now, at the decisions that are due."""

        def seen(entry: Entry) -> Entry:
            if entry.due is None or now < entry.due:
                return entry
            text = f"{ready} replicas are ready, {demand or 'an unknown number'} a second are served."
            return replace(entry, record=entry.record.model_copy(update={"observed": text}), due=None)

        return replace(self, entries=tuple(map(seen, self.entries)))
