"""The run itself: warm-up, Observe, Enforce, under one stream of requests; then what was measured.

One loop, a look a second: k6's records, every five seconds the LatencySLO, and the table. Nothing here steers: the mode is changed once, as a
person would with kubectl, and everything else is Flyball's doing.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field

from hack.demo import live, machine, prometheus, shop
from hack.demo.environment import Environment, Progress
from hack.demo.errors import DemoError
from hack.demo.load import DRAIN_SECONDS, Load
from hack.demo.records import Request
from hack.demo.status import Decisions, Snapshot, parse

WARM_UP_SECONDS = 45
"""Until connections are open and Prometheus has scraped everything."""
LOOK_SECONDS = 1.0
STATUS_SECONDS = 5.0
STATUS_LOST_SECONDS = 60.0
"""The API server may be away for a moment; for longer, and there is no demo."""
SPARE_SECONDS = 10
"""The load goes on past the end of Enforce, so that its last second is as busy as the others."""
GIVE_BACK_SECONDS = 60.0
"""A look of the operator and a scrape of Prometheus lie between the change of mode and its being seen; the agent itself takes a second."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run, Unix seconds."""

    name: str
    start: float
    end: float


@dataclass(slots=True)
class Recording:
    """What was seen during a run."""

    objective_seconds: float
    allowed_share: float
    requests: list[Request] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    decisions: Decisions = field(default_factory=Decisions)
    phases: list[Phase] = field(default_factory=list)
    busy: list[tuple[float, float]] = field(default_factory=list)
    """(Unix seconds, core seconds) of the whole machine, see `machine`."""
    dropped: int = 0
    given_back_seconds: float = math.nan
    """From the change back to Observe until Prometheus showed every quota at its limit again; NaN where it was not seen."""


class Run:
    """One run under way."""

    def __init__(self, environment: Environment, load: Load, display: live.Display) -> None:
        self._environment = environment
        self._load = load
        self._display = display
        self.recording = Recording(*shop.objective())
        self._status_due = 0.0
        self._answered = time.monotonic()
        self._snapshot = Snapshot(time=time.time())

    def phase(self, name: str, seconds: float) -> Phase:
        """Watch for a while; the phase begins now."""
        begun, now = time.time(), time.monotonic()
        end = now + seconds
        while (now := time.monotonic()) < end:
            self._look(name, end - now)
            time.sleep(max(0.0, min(LOOK_SECONDS, end - time.monotonic())))
        done = Phase(name, begun, begun + seconds)
        self.recording.phases.append(done)
        return done

    def drain(self, ended: float) -> None:
        """Wait until every request of the phases (the last ended at `ended`, Unix seconds) has its answer or its time-out."""
        time.sleep(max(0.0, ended + DRAIN_SECONDS / 2 - time.time()))
        self._load.stop()
        self._take()

    def give_back(self, progress: Progress) -> None:
        """Back to Observe, as a person would at the end of a trial, and wait until Prometheus shows that all is given back."""
        progress("back to Observe: the agent gives back")
        changed = shop.set_mode(self._environment.kubectl, "Observe")
        while time.time() < changed + GIVE_BACK_SECONDS:
            if abs(prometheus.taken(self._environment.prometheus_url)) < 1e-3:  # NaN is no answer
                self.recording.given_back_seconds = time.time() - changed
                return
            time.sleep(LOOK_SECONDS)

    def _look(self, name: str, left_seconds: float) -> None:
        self._environment.check()
        self._load.check()
        self._take()
        now = time.time()
        if (busy := machine.busy_core_seconds()) is not None:
            self.recording.busy.append((now, busy))
        if time.monotonic() >= self._status_due:
            self._status_due = time.monotonic() + STATUS_SECONDS
            self._read_status(now)
        objective = (self.recording.objective_seconds, self.recording.allowed_share)
        self._display.show(live.view(name, left_seconds, self.recording.requests[-LAST:], now, objective, self._snapshot), time.monotonic())

    def _take(self) -> None:
        self.recording.requests += self._load.records.read()
        self.recording.dropped = self._load.records.dropped

    def _read_status(self, now: float) -> None:
        try:
            thing = json.loads(self._environment.get(shop.PATH))
        except OSError as error:
            if time.monotonic() > self._answered + STATUS_LOST_SECONDS:
                raise DemoError(f"The API server has not answered for {STATUS_LOST_SECONDS:.0f} s: {error}") from error
            return
        self._answered = time.monotonic()
        self._snapshot = parse(thing, now)
        self.recording.snapshots.append(self._snapshot)
        self.recording.decisions.add(self._snapshot)


LAST = 60 * 45
"""Requests that the table looks through: a minute at the trace's peak, and those that ended late."""
