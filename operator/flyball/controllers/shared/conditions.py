"""How conditions and times are written, the same for all kinds."""

from __future__ import annotations

from datetime import UTC, datetime

from flyball.api.conditions import MESSAGE_LENGTH, Condition, ConditionType, Reason, Status
from flyball.api.meta import Metadata


def timestamp(seconds: float) -> str:
    """Unix seconds as the API writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_condition(its: Metadata, now: float, kind: ConditionType, status: Status, reason: Reason | str, message: str) -> Condition:
    """A condition of an object as of now; `merge` keeps the time of the last turn."""
    return Condition(
        type=kind.value,
        status=status,
        reason=str(reason),
        message=message[:MESSAGE_LENGTH],
        last_transition_time=timestamp(now),
        observed_generation=its.generation,
    )
