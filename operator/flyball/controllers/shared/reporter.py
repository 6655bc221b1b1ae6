"""Writes an object's status: news at once, numbers that moved soon, others seldom; and an event for each condition that turned."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from flyball.api.conditions import Condition, ConditionType, Status
from flyball.api.meta import API_VERSION, Metadata
from flyball.controllers.shared.pace import BURST, Pace
from flyball.kube.client import Conflict, Kube, NotFound
from flyball.kube.events import Recorder
from flyball.runtime.metrics import Metrics

STATUS_SECONDS = 30.0
"""Numbers in the status are written this often at most; conditions, modes and decisions at once. A write costs the API server and every watcher."""
MOVED = 0.1
"""A decimal that differs by less than this share from what was written tells its reader nothing to act on; live values are in the metrics."""
LOOSE = frozenset({"message", "lastTransitionTime", "skillPercent", "wish", "reactive", "proactive", "forecasts"})
"""Texts repeat the numbers; skill lies around zero, where a tenth is noise; what a replica more or less would be for, and the forecasts that say so,
turn with the noise, and what comes of them is in `wanted` and in the decisions."""

_BAD = {
    ConditionType.READY: Status.FALSE,
    ConditionType.SIGNALS_AVAILABLE: Status.FALSE,
    ConditionType.BUDGET_AVAILABLE: Status.FALSE,
    ConditionType.CONFLICTED: Status.TRUE,
}
"""What is worth a warning; whether it enforces is the user's own choice."""


@dataclass(slots=True)
class Told:
    """What was said of one object."""

    written: dict[str, Any] = field(default_factory=dict)
    written_at: float = -math.inf
    latest: dict[str, Any] = field(default_factory=dict)
    """The status as last built, whether it was written or not."""


class Reportable(Protocol):
    """The status of any kind."""

    @property
    def conditions(self) -> list[Condition]: ...

    def to_api(self) -> dict[str, Any]: ...


class Reporter:
    """Writes the status of any object of one kind; `path` gives where an object lies.

    A status in which no number moved by MOVED is written every `still_seconds` at most.
    """

    def __init__(
        self,
        kind: str,
        path: Callable[[str, str], str],
        kube: Kube,
        recorder: Recorder,
        metrics: Metrics,
        clock: Callable[[], float],
        still_seconds: float = STATUS_SECONDS,
    ) -> None:
        self._kind = kind
        self._path = path
        self._kube = kube
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._still_seconds = still_seconds
        self._pace = Pace()

    async def report(self, its: Metadata, before: Reportable, told: Told, new: Reportable, *, must: bool = False) -> None:
        """Say what is new against `before`, the status that the API server has, now or at a later look. `must`: now. Raises KubeError."""
        body, now = new.to_api(), self._clock()
        told.latest = body
        patience = self._patience(body, told.written)
        if body == told.written or 0 <= now - told.written_at < patience:
            return  # a clock that went back makes nobody wait
        if not self._pace.take(now, leave=BURST / 2 if patience else 0) and not must:
            return
        await self._say(its, before, new)
        await self._write(its, body)
        told.written, told.written_at = body, now

    async def flush(self, its: Metadata, told: Told) -> None:
        """Write what was held back, but for numbers that hardly moved. Raises KubeError."""
        if told.latest and told.latest != told.written and self._patience(told.latest, told.written) <= STATUS_SECONDS:
            await self._write(its, told.latest)

    def _patience(self, body: Mapping[str, Any], written: Mapping[str, Any]) -> float:
        """Seconds after the last write before which this one is not worth it."""
        if _news(body) != _news(written):
            return 0.0
        return STATUS_SECONDS if self._still_seconds <= STATUS_SECONDS or moved(body, written) else self._still_seconds

    async def _write(self, its: Metadata, body: dict[str, Any]) -> None:
        # The UID, so that an object made anew under the old name does not get the old one's status. Force, since a status is its operator's alone.
        metadata = {"name": its.name, "namespace": its.namespace, "uid": its.uid}
        manifest = {"apiVersion": API_VERSION, "kind": self._kind, "metadata": metadata, "status": body}
        try:
            await self._kube.apply(f"{self._path(its.namespace, its.name)}/status", manifest, force=True)
        except (NotFound, Conflict):
            return  # deleted meanwhile
        self._metrics.writes.labels("status").inc()

    async def _say(self, its: Metadata, before: Reportable, new: Reportable) -> None:
        was = {condition.type: condition.status for condition in before.conditions}
        for condition in new.conditions:
            if condition.type in was and was[condition.type] != condition.status:
                bad = _BAD.get(ConditionType(condition.type)) == condition.status
                await self._recorder.say(self._kind, its, condition.reason, condition.message, warning=bad)


def _news(body: Mapping[str, Any]) -> Any:
    """The part of a status that is worth a write at once."""
    conditions = [(its["type"], its["status"], its["reason"]) for its in body.get("conditions", ())]
    decisions = [(its["time"], its["reason"]) for its in body.get("decisions", ())]
    return body.get("observedGeneration"), body.get("mode"), conditions, decisions, body.get("hpaFloor")  # what was taken has to outlive a kill


def moved(now: Any, then: Any) -> bool:
    """Whether something in a status differs from what was written by more than its reader would care for: counts by one, decimals by MOVED. Pure."""
    if isinstance(now, dict) and isinstance(then, dict):
        return now.keys() != then.keys() or any(moved(value, then[name]) for name, value in now.items() if name not in LOOSE)
    if isinstance(now, list) and isinstance(then, list):
        return len(now) != len(then) or any(map(moved, now, then))
    if now == then or not (isinstance(now, str) and isinstance(then, str)):
        return bool(now != then)
    try:
        one, other = float(now), float(then)
    except ValueError:
        return True
    return abs(one - other) > MOVED * max(abs(one), abs(other))
