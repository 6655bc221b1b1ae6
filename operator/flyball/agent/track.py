"""Track: one container under a plan; reads its counters each tick, asks the captain, writes, gives back.

The governor owns the tracks and says each tick whether one may act. A track never lowers before the journal holds the entry, never raises above
the grant, and on release sets burst 0 and the spec's quota, as the kubelet would have written it; while a resize is under way, no more than the
kubelet has written already.
"""

from __future__ import annotations

import logging
import math

from flyball.agent.foreign import Foreign
from flyball.agent.journal import Entry, Journal
from flyball.agent.plans import Assignment, HandsOff
from flyball.agent.pods import ContainerView
from flyball.agent.tally import Tally
from flyball.cgroup.errors import QuotaRefused
from flyball.cgroup.handle import UNLIMITED, ContainerHandle, Reading, quota_us
from flyball.cgroup.waiting import Waiting
from flyball.cpu.captain import Bounds, CaptainState, Reason, Sample, burst_allowance, decide

log = logging.getLogger(__name__)

# Quotas are written in steps of 0.1 ms (1 m at a period of 100 ms), rounded up: smaller moves are not worth a refill.
STEP_US = 100
# A refused quota is tried again after this long, seconds: on v1 the parent may be smaller while a resize is under way.
REFUSED_SECONDS = 5.0


class Track:
    """One container's cgroup, history and what was written to it. `now` is monotonic, in seconds."""

    __slots__ = (
        "_foreign",
        "_last",
        "_last_pod",
        "_last_time",
        "_original",
        "_ours",
        "_period",
        "_quota",
        "_refused_until",
        "_resume",
        "_sample",
        "_state",
        "_waited",
        "_waiting",
        "_written",
        "assignment",
        "handle",
        "lowered",
        "tally",
        "uid",
        "view",
    )

    def __init__(self, uid: str, view: ContainerView, handle: ContainerHandle, waiting: Waiting | None = None) -> None:
        self.uid = uid
        self.view = view
        self.handle = handle
        self.assignment: Assignment
        self.tally: Tally
        self.lowered = False  # the journal holds an entry
        self._original = 0  # quota that was to be given back when the journal was written, us
        self._ours: int | None = None  # quota as last read back after a write, us
        self._period = 0  # us
        self._quota = 0.0  # last decided, cores
        self._resume = False  # somebody rewrote the quota: go back to ours on the next tick
        self._refused_until = -math.inf
        self._foreign = Foreign()
        self._state = CaptainState()
        self._last: Reading | None = None
        self._sample: Sample | None = None  # None at the first look and after a counter went back
        self._last_pod = 0
        self._last_time = 0.0
        self._written = False
        self._waiting = waiting
        self._waited = math.nan

    def close(self) -> None:
        """Close all descriptors; what was written stays in force."""
        self.handle.close()
        if self._waiting is not None:
            self._waiting.close()

    def inherit(self, entry: Entry) -> None:
        """Take over what an earlier agent lowered."""
        reading = self.handle.read()
        self.lowered = True
        self._original = entry.quota_us
        self._ours, self._period = reading.quota_us, reading.period_us
        self._quota = reading.quota_us / reading.period_us

    def disturbed(self, now: float) -> None:
        """The pod's spec or resize status changed: burst 0 at once, and a rewritten quota is the kubelet's, not drift.

        A burst above a newly shrunk limit makes the runtime's write fail and the resize hang.
        """
        self._foreign.expect(now)
        self.stand_aside()

    def stand_aside(self) -> None:
        """Burst 0, where one of ours may stand: the kubelet is about to write the quota, which stays as it is until that is done."""
        if self.lowered:
            self.handle.write_burst(0)

    def measure(self, now: float, pod_throttled: int, idle: float = math.nan) -> HandsOff | None:
        """Read, count into the tally, and keep what was counted since the last tick for `act`; why the group allows no control, if it does not."""
        reading, self._sample = self._measured(now, pod_throttled, idle)
        return HandsOff.NO_QUOTA if reading.quota_us == UNLIMITED else None

    def _measured(self, now: float, pod_throttled: int, idle: float) -> tuple[Reading, Sample | None]:
        reading = self.handle.read()
        last, since = self._last, now - self._last_time
        by_pod = pod_throttled - self._last_pod
        written, self._written = self._written, False
        self._last, self._last_pod, self._last_time = reading, pod_throttled, now
        waited = self._waited_since()
        grant = self._grant_us(reading)
        if grant is None or reading.quota_us == UNLIMITED:
            return reading, None
        period = reading.period_us
        tally = self.tally
        tally.quota += reading.quota_us / period
        tally.grant += grant / period
        if last is None:
            return reading, None
        throttled, used = reading.throttled - last.throttled, reading.usage_ns - last.usage_ns
        if throttled < 0 or used < 0 or by_pod < 0 or since <= 0.0:
            return reading, None
        if self._waiting is not None and self._waiting.stalls:
            # Of several tasks it says that one waits, not how many: as many are taken to wait as run.
            waited *= max(1.0, used / 1e9 / since)
        sample = Sample(since, throttled, by_pod, used / 1e9, reading.quota_us / period, period / 1e6, written, waited, idle)
        tally.quota_core_seconds += sample.quota * since
        tally.grant_core_seconds += grant / period * since
        tally.usage_core_seconds += sample.usage
        tally.waited_seconds += waited if waited > 0.0 else 0.0
        wall = since / sample.period
        tally.wall_periods += wall
        tally.throttled_periods += min(wall, max(throttled, by_pod))
        return reading, sample

    def _waited_since(self) -> float:
        """Seconds waited for a CPU since the last look; NaN while unknown."""
        before, self._waited = self._waited, math.nan if self._waiting is None else self._waiting.read()
        return self._waited - before

    def act(self, now: float, burst: bool, journal: Journal) -> None:
        """One step of control on what was measured. Raises OSError when the journal cannot be written: then nothing was lowered."""
        reading, sample = self._last, self._sample
        assert reading is not None
        grant = self._grant_us(reading)
        if grant is None or now < self._refused_until:
            return
        if self._rewritten(reading, now):
            self._resume = True
            return
        period = reading.period_us
        if self._resume:
            self._resume = False
            self._note(reading, journal)
            self._write(now, reading, min(_steps(self._quota * period), grant), grant, burst=burst, journal=journal)
            return
        if sample is None:
            return
        assignment = self.assignment
        bounds = Bounds(assignment.floor(grant / period), grant / period, burst and self.handle.has_burst)
        self._state, move = decide(self._state, sample, assignment.target, bounds)
        if move.reason is Reason.NO_SAMPLE:
            return
        chosen = reading.quota_us if move.quota == sample.quota else min(_steps(move.quota * period), grant)
        self._quota = move.quota
        self._write(now, reading, chosen, grant, burst=burst, journal=journal)

    def contested(self, now: float) -> bool:
        """Whether somebody else keeps writing this quota. Answering yes forgets."""
        return self._foreign.contested(now)

    def release(self, reason: str, journal: Journal) -> None:
        """Give back: burst 0, the spec's quota. Raises CgroupError; then it is to be tried again.

        A quota that is no longer ours was written by somebody who knows better; only the burst is taken away then.
        """
        self.handle.write_burst(0)
        reading = self.handle.read()
        if self._ours is not None and not self._differs(reading) and not self._resume:
            give_back(self.handle, reading, self._due_us(reading, self._original), self._grant_us(reading))
        self.forget(journal)
        self.tally.releases[reason] += 1
        log.info("%s of pod %s: quota given back (%s)", self.view.name, self.uid, reason)

    def forget(self, journal: Journal) -> None:
        """Nothing is lowered any more."""
        journal.forget(self.uid, self.view.name)
        self.lowered = self._resume = False
        self._ours = None
        self._state = CaptainState()

    def _grant_us(self, reading: Reading) -> int | None:
        milli = self.view.grant_milli
        return None if milli is None else quota_us(milli, reading.period_us)

    def _due_us(self, reading: Reading, in_force: int) -> int:
        """What is to be given back: the spec's quota, but of a limit that grows no more than the kubelet says, or was found, to have put in force.

        That is safe at any moment of a resize. It is at most the old and at most the new quota of the pod: so neither this write is refused (v1: a
        child has no more than its parent) nor the kubelet's when it shrinks the pod. What is missing to a larger limit the kubelet writes itself.
        """
        spec, grant = self.view.spec_milli, self._grant_us(reading)
        return in_force if spec is None or grant is None else min(quota_us(spec, reading.period_us), max(grant, in_force))

    def _differs(self, reading: Reading) -> bool:
        """Whether the quota in force is not the one we wrote; a period that the kernel stretched (quota and burst with it) is no difference."""
        if self._ours is None:
            return False
        if reading.period_us != self._period:
            if abs(self._ours * reading.period_us - reading.quota_us * self._period) < 2 * self._period:
                self._ours, self._period = reading.quota_us, reading.period_us
                return False
            return True
        return reading.quota_us != self._ours

    def _rewritten(self, reading: Reading, now: float) -> bool:
        if not self._differs(reading):
            return False
        self._ours = None
        if self._foreign.wrote(now):
            self.tally.drift += 1
            log.warning("%s of pod %s: somebody changed the quota to %d us", self.view.name, self.uid, reading.quota_us)
        return True

    def _note(self, reading: Reading, journal: Journal) -> None:
        self._original = self._due_us(reading, reading.quota_us)
        journal.record(Entry(self.uid, self.view.name, str(self.handle.path), self._original, reading.period_us))

    def _write(self, now: float, reading: Reading, chosen: int, grant: int, *, burst: bool, journal: Journal) -> None:
        allowance = int(burst_allowance(chosen, grant)) if burst and self.handle.has_burst else 0
        if chosen == reading.quota_us and allowance == reading.burst_us:
            if self._ours is None and self.lowered:
                self._ours, self._period = chosen, reading.period_us
            return
        if not self.lowered:
            self._note(reading, journal)
            self.lowered = True
            log.info("%s of pod %s: control begins at %d us of %d us", self.view.name, self.uid, chosen, grant)
        try:
            after = self.handle.write(chosen, allowance, reading)
        except QuotaRefused as error:
            self._refused_until = now + REFUSED_SECONDS
            self.handle.write_burst(0)
            self._ours = self.handle.read().quota_us
            log.warning("%s of pod %s: %s; tried again in %.0f s", self.view.name, self.uid, error.strerror, REFUSED_SECONDS)
            return
        self.tally.writes += 1
        self._ours, self._period = after.quota_us, after.period_us
        self._written = True


def give_back(handle: ContainerHandle, reading: Reading, spec: int, grant: int | None) -> None:
    """Set burst 0 and the spec's quota, unless more is in force. On v1 the pod may still be smaller: then what the kubelet put in force."""
    if reading.quota_us == UNLIMITED or reading.quota_us >= spec:
        handle.write_burst(0)
        return
    try:
        handle.write(spec, 0)
    except QuotaRefused:
        if grant is None or grant >= spec:
            raise
        handle.write(max(grant, reading.quota_us), 0)


def _steps(quota: float) -> int:
    """Microseconds, rounded up to whole steps; a thousandth of a step is the rounding error of cores times period."""
    return math.ceil(quota / STEP_US - 1e-3) * STEP_US
