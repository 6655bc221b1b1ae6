"""The decision record: the last ten decisions with inputs, choice, alternatives, expected and observed effect. Pure.

A decision is recorded when it moved a target or when its reason is a new one, and so is a change of mode; that all stays as it is, is not news.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from flyball.api.latencyslo_status import DECISIONS, TEXT_LENGTH, DecisionRecord, LatencySLOStatus, TargetChange
from flyball.cpu.tower import Decision, Reason
from flyball.slo import Budget

OBSERVED_AFTER_SECONDS = 60.0
"""When a decision's effect is read: a look-back later the readings are all from after it."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What can be seen at one time."""

    burn_rate: float
    cores: float
    """Allocated; NaN where unknown."""


@dataclass(frozen=True, slots=True)
class _Pending:
    record: DecisionRecord
    decided_at: float | None
    """Unix seconds; None for a record from before a restart, whose effect nobody watched."""
    before: Effect


@dataclass(frozen=True, slots=True)
class Record:
    """The last decisions, oldest first."""

    entries: tuple[_Pending, ...] = ()
    last_reason: str = ""
    last_targets: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def restored(cls, status: LatencySLOStatus) -> Record:
        """The record as the status held it."""
        unknown, records = Effect(math.nan, math.nan), status.decisions
        targets = {workload.group: workload.throttle_permille for workload in status.workloads}
        return cls(tuple(_Pending(record, None, unknown) for record in records), records[-1].reason if records else "", targets)

    def note(self, reason: str, message: str, timestamp: str) -> Record:
        """The record with something that was not the tower's decision: a change of mode."""
        entry = _Pending(DecisionRecord(time=timestamp, reason=reason, message=message[:TEXT_LENGTH]), None, Effect(math.nan, math.nan))
        return replace(self, entries=(*self.entries, entry)[-DECISIONS:])

    @property
    def decisions(self) -> list[DecisionRecord]:
        return [entry.record for entry in self.entries]

    def add(self, decision: Decision, now: float, timestamp: str, budget: Budget | None, effect: Effect) -> tuple[Record, bool]:
        """The record with this decision if it is news, and whether it was."""
        targets = {group: decision.permille(group) for group in sorted(decision.targets)}
        before = self.last_targets
        moved = any(before.get(group, 0) != target for group, target in targets.items())
        news = moved or (decision.reason.value != self.last_reason and decision.reason is not Reason.HOLD)
        if not news:
            return replace(self, last_targets=targets), False
        record = DecisionRecord(
            time=timestamp,
            reason=decision.reason.value,
            message=decision.message[:TEXT_LENGTH],
            governing=decision.governing,
            burn_rate=_text(decision.burn_rate),
            budget_left_percent=f"{100 * budget.left:.1f}" if budget else None,
            targets=[
                TargetChange(group=group, throttle_permille=target, previous_permille=before.get(group, 0)) for group, target in targets.items()
            ][:8],
            alternatives=[f"{other.choice}: {other.effect}"[:TEXT_LENGTH] for other in decision.alternatives],
            expected=decision.expected[:TEXT_LENGTH] or None,
        )
        last = self.entries[-1] if self.entries else None
        if last and last.decided_at is not None and last.record.reason == record.reason and not last.record.observed:
            # Steps of one rise or fall are one decision until its effect is read: ten records reach back ten minutes and not two.
            entries = (*self.entries[:-1], replace(last, record=_merged(last.record, record)))
        else:
            entries = (*self.entries, _Pending(record, now, effect))[-DECISIONS:]
        return Record(entries, decision.reason.value, targets), True

    def observe(self, now: float, effect: Effect) -> Record:
        """The record with the effect of decisions that are old enough filled in."""
        return replace(self, entries=tuple(_observed(entry, now, effect) for entry in self.entries))


def _merged(first: DecisionRecord, last: DecisionRecord) -> DecisionRecord:
    """The last step, counted from where the first began."""
    began = {change.group: change.previous_permille for change in first.targets}
    targets = [change.model_copy(update={"previous_permille": began.get(change.group, change.previous_permille)}) for change in last.targets]
    return last.model_copy(update={"time": first.time, "targets": targets})


def _observed(entry: _Pending, now: float, effect: Effect) -> _Pending:
    if entry.record.observed or entry.decided_at is None or now - entry.decided_at < OBSERVED_AFTER_SECONDS:
        return entry
    seen = f"after {now - entry.decided_at:.0f} s: burn {_change(entry.before.burn_rate, effect.burn_rate)}"
    seen += f", allocated {_change(entry.before.cores, effect.cores)} cores"
    return replace(entry, record=entry.record.model_copy(update={"observed": seen}))


def _change(before: float, after: float) -> str:
    return f"{_text(before) or 'unknown'} -> {_text(after) or 'unknown'}"


def _text(value: float) -> str | None:
    return f"{value:.2f}" if math.isfinite(value) else None
