"""WeightTrack: one container without a CPU limit under a plan; reads its use and its waiting, asks `flyball.cpu.weight`, writes its weight.

Beside `Track`, which does the same for quotas; the governor owns both. A weight is never raised above what the live spec's request stands for, never
lowered before the journal holds the entry, and on release it is the request's again. What a pod gets of the CPU is shared out at the pod's group
first, so a container's weight alone changes nothing between pods: `PodWeight` moves that one by what the pod's tracks have taken.
"""

from __future__ import annotations

import logging
import math

from flyball.agent.foreign import Foreign
from flyball.agent.journal import Journal, WeightEntry
from flyball.agent.plans import Assignment, HandsOff
from flyball.agent.pods import ContainerView
from flyball.agent.tally import Tally
from flyball.cgroup.waiting import Waiting
from flyball.cgroup.weight import Conversion, WeightHandle, WeightReading, conversion, shares, shares_in_force, shares_of_cores
from flyball.cpu.weight import Bounds, Sample, WeightState, decide

log = logging.getLogger(__name__)


class WeightTrack:
    """One container's group, history and what was written to it. `now` is monotonic, in seconds."""

    __slots__ = (
        "_convert",
        "_cores",
        "_foreign",
        "_last",
        "_last_time",
        "_original",
        "_ours",
        "_resume",
        "_sample",
        "_state",
        "_waited",
        "_waiting",
        "assignment",
        "handle",
        "lowered",
        "tally",
        "uid",
        "used",
        "view",
    )

    def __init__(self, uid: str, view: ContainerView, handle: WeightHandle, waiting: Waiting | None) -> None:
        self.uid = uid
        self.view = view
        self.handle = handle
        self.assignment: Assignment
        self.tally: Tally
        self.lowered = False  # the journal holds an entry
        self.used = math.nan  # cores since the last look
        self._cores = math.nan  # the request that the weight last decided stands for; NaN: the spec's
        self._convert: Conversion | None = None
        self._original = 0  # weight to give back where no request says it
        self._ours: int | None = None  # weight as last read back after a write
        self._resume = False  # somebody rewrote the weight: go back to ours on the next tick
        self._foreign = Foreign()
        self._state = WeightState()
        self._last: WeightReading | None = None
        self._last_time = 0.0
        self._sample: Sample | None = None
        self._waiting = waiting
        self._waited = math.nan

    @property
    def spec_shares(self) -> int:
        """What the live request stands for."""
        return shares(self.view.request_grant_milli or 0)

    @property
    def taken_shares(self) -> int:
        """How much less the container has now."""
        if not self.lowered or math.isnan(self._cores) or self._ours is None:
            return 0
        return max(0, self.spec_shares - shares_of_cores(self._cores))

    def close(self) -> None:
        """Close all descriptors; what was written stays in force."""
        self.handle.close()
        if self._waiting is not None:
            self._waiting.close()

    def inherit(self, entry: WeightEntry) -> None:
        """Take over what an earlier agent lowered."""
        reading, spec = self.handle.read(), self.spec_shares
        self.lowered = True
        self._original, self._ours = entry.weight, reading.weight
        # Where the kubelet has put a new request in force meanwhile, the entry tells nothing, and the weight is the new request's.
        known = (conversion(self.handle.version, spec, weight) for weight in (entry.weight, reading.weight))
        self._convert = next((convert for convert in known if convert), None)
        if self._convert is not None:
            self._cores = shares_in_force(self._convert, reading.weight, spec) / shares(1000)

    def disturbed(self, now: float) -> None:
        """The pod's spec or resize status changed: a rewritten weight is the kubelet's, not drift."""
        self._foreign.expect(now)

    def stand_aside(self) -> None:
        """The kubelet is about to write the weight, which stays as it is until that is done."""

    def measure(self, now: float, pod_throttled: int, idle: float = math.nan) -> HandsOff | None:
        """Read, count into the tally, and keep what was counted since the last tick for `act`; why this node or group allows no control, if so."""
        reading = self.handle.read()
        last, since = self._last, now - self._last_time
        before, self._waited = self._waited, math.nan if self._waiting is None else self._waiting.read()
        self._last, self._last_time, self._sample, self.used = reading, now, None, math.nan
        request = self._request
        decided = request if math.isnan(self._cores) else min(self._cores, request)
        in_force = decided if self.lowered else request
        self.tally.weight += in_force
        self.tally.request += request
        if not self.lowered:
            self._convert = conversion(self.handle.version, self.spec_shares, reading.weight)
        if last is not None and since > 0.0 and reading.usage_ns >= last.usage_ns:
            used, waited = (reading.usage_ns - last.usage_ns) / 1e9, self._waited - before
            self.used = used / since
            if self._waiting is not None and self._waiting.stalls:
                # Of several tasks it says that one waits, not how many: as many are taken to wait as run.
                waited *= max(1.0, self.used)
            self._sample = Sample(since, used, waited, decided)
            self.tally.weight_core_seconds += in_force * since
            self.tally.request_core_seconds += request * since
            self.tally.usage_core_seconds += used
            self.tally.waited_seconds += waited if waited > 0.0 else 0.0
        if math.isnan(self._waited):
            return HandsOff.NO_SIGNAL
        return HandsOff.FOREIGN_WEIGHT if self._convert is None else None

    def act(self, now: float, burst: bool, journal: Journal) -> None:
        """One step of control on what was measured. Raises OSError when the journal cannot be written: then nothing was lowered."""
        reading, convert = self._last, self._convert
        assert reading is not None and convert is not None
        if self._rewritten(reading, now):
            self._resume = True
            return
        if self._resume:
            self._resume = False
            self._note(convert, journal)
            self._write(reading, convert, self._cores, journal)
        elif self._sample is not None:
            bounds = Bounds(self.assignment.floor(self._request), self._request)
            self._state, move = decide(self._state, self._sample, self.assignment.target, bounds)
            self._write(reading, convert, move.weight, journal)

    def contested(self, now: float) -> bool:
        """Whether somebody else keeps writing this weight. Answering yes forgets."""
        return self._foreign.contested(now)

    def release(self, reason: str, journal: Journal) -> None:
        """Give back the weight of the live request. One that is no longer ours was written by somebody who knows better. Raises CgroupError; then it
        is to be tried again."""
        reading = self.handle.read()
        spec = self._original if self._convert is None else self._convert(self.spec_shares)
        if self._ours is not None and reading.weight == self._ours and not self._resume and reading.weight < spec:
            self.handle.write(spec)
        self.forget(journal)
        self.tally.releases[reason] += 1
        log.info("%s of pod %s: weight given back (%s)", self.view.name, self.uid, reason)

    def forget(self, journal: Journal) -> None:
        """Nothing is lowered any more."""
        journal.forget(self.uid, self.view.name, WeightEntry)
        self.lowered = self._resume = False
        self._ours, self._cores = None, math.nan
        self._state = WeightState()

    @property
    def _request(self) -> float:
        return (self.view.request_grant_milli or 0) / 1000.0

    def _rewritten(self, reading: WeightReading, now: float) -> bool:
        if self._ours is None or reading.weight == self._ours:
            return False
        self._ours = None
        if self._foreign.wrote(now):
            self.tally.drift += 1
            log.warning("%s of pod %s: somebody changed the weight to %d", self.view.name, self.uid, reading.weight)
        return True

    def _note(self, convert: Conversion, journal: Journal) -> None:
        self._original = convert(self.spec_shares)
        journal.record(WeightEntry(self.uid, self.view.name, str(self.handle.path), self._original))

    def _write(self, reading: WeightReading, convert: Conversion, cores: float, journal: Journal) -> None:
        chosen = convert(min(self.spec_shares, shares_of_cores(cores)))
        if chosen == reading.weight:
            self._cores = cores  # on v2 a weight is coarse: several small steps make one
            if self.lowered:
                self._ours = chosen
            return
        if not self.lowered:
            self._note(convert, journal)
            self.lowered = True
            log.info("%s of pod %s: weight control begins at %d of %d", self.view.name, self.uid, chosen, reading.weight)
        self._ours, self._cores = self.handle.write(chosen), cores
        self.tally.writes += 1
