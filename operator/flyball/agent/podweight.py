"""PodWeight: the weight of a pod's own group, which stands above its containers' and shares out first between pods.

It is lowered by what the pod's weight tracks have taken and no more, so that the requests of the other containers stay in it; where those use more
than they request, it keeps that as well. Moved by the governor after the tracks of the pod; journalled and given back as theirs.
Source: kubelet pkg/kubelet/cm (a pod's shares are made of the sum of its requests); what the kernel does of it is in docs/designs/0010-limit-free.md.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from flyball.agent.foreign import Foreign
from flyball.agent.journal import POD, Journal, WeightEntry
from flyball.agent.pods import PodView
from flyball.agent.weigh import WeightTrack
from flyball.cgroup.weight import Conversion, WeightHandle, WeightReading, conversion, shares, shares_of_cores
from flyball.cpu.weight import DEAD_BAND, USAGE_SAMPLES, recent_use

log = logging.getLogger(__name__)


class PodWeight:
    """One pod's group. `now` is monotonic, in seconds."""

    __slots__ = (
        "_convert",
        "_foreign",
        "_held",
        "_last",
        "_last_time",
        "_original",
        "_others",
        "_ours",
        "_usage_ns",
        "handle",
        "lowered",
        "uid",
        "view",
    )

    def __init__(self, view: PodView, handle: WeightHandle) -> None:
        self.uid = view.uid
        self.view = view
        self.handle = handle
        self.lowered = False  # the journal holds an entry
        self._convert: Conversion | None = None
        self._original = 0  # weight that was to be given back when the journal was written
        self._ours: int | None = None  # weight as last read back after a write
        self._held = 0  # shares that it was made from
        self._foreign = Foreign()
        self._last: WeightReading | None = None
        self._last_time = 0.0
        self._usage_ns = -1
        self._others: tuple[float, ...] = ()  # cores that containers without a track used, newest last

    def close(self) -> None:
        """Close the descriptors."""
        self.handle.close()

    def inherit(self, entry: WeightEntry) -> None:
        """Take over what an earlier agent lowered."""
        self.lowered = True
        self._original, self._ours = entry.weight, self.handle.read().weight
        known = (conversion(self.handle.version, self._spec_shares, weight) for weight in (entry.weight, self._ours))
        self._convert = next((convert for convert in known if convert), None)

    def disturbed(self, now: float) -> None:
        """The pod's spec or resize status changed: a rewritten weight is the kubelet's."""
        self._foreign.expect(now)

    def fit(self, view: PodView) -> bool:
        """Read; `view` is the pod as it is known now. Whether the pod's weight is what its requests become, or ours: if not, somebody chose it, and
        nothing of the pod is to be moved."""
        self.view = view
        reading = self._last = self.handle.read()
        if not self.lowered:
            self._convert = conversion(self.handle.version, self._spec_shares, reading.weight)
        return self._convert is not None

    def contested(self, now: float) -> bool:
        """Whether somebody else keeps writing this weight. Answering yes forgets."""
        return self._foreign.contested(now)

    def follow(self, now: float, tracks: Sequence[WeightTrack], journal: Journal) -> None:
        """Move the pod's weight to what its tracks, which have acted, leave of it. Called after `fit`. Raises OSError when the journal cannot be
        written: then nothing was lowered."""
        reading, convert = self._last, self._convert
        assert reading is not None
        self._count_others(now, reading, tracks)
        taken = sum(track.taken_shares for track in tracks)
        if taken == 0:
            if self.lowered:
                self.release(journal)
            return
        if convert is None:
            return
        if self._ours is not None and reading.weight != self._ours:
            self._ours = None
            if self._foreign.wrote(now):
                for track in tracks[:1]:
                    track.tally.drift += 1
                log.warning("pod %s: somebody changed its weight to %d", self.uid, reading.weight)
            return
        wanted = self._wanted(taken, tracks)
        if self.lowered and self._ours is not None and abs(wanted - self._held) < DEAD_BAND * self._held:
            return
        chosen = convert(wanted)
        if chosen != reading.weight:
            if not self.lowered or self._ours is None:
                self._original = convert(self._spec_shares)
                journal.record(WeightEntry(self.uid, POD, str(self.handle.path), self._original))
                self.lowered = True
            self._ours = self.handle.write(chosen)
        elif self.lowered:
            self._ours = chosen
        self._held = wanted

    def release(self, journal: Journal) -> None:
        """Give back the weight of the pod's requests, unless it is no longer ours; of requests that grow no more than was in force: the kubelet
        writes the rest itself. Raises CgroupError; then it is to be tried again."""
        reading, due = self.handle.read(), self._original
        if self._convert is not None:
            due = min(self._convert(self._spec_shares), max(self._convert(shares(self.view.request_grant_milli)), self._original))
        if self._ours is not None and reading.weight == self._ours and reading.weight < due:
            self.handle.write(due)
        self.forget(journal)
        log.info("pod %s: weight given back", self.uid)

    def forget(self, journal: Journal) -> None:
        """Nothing is lowered any more."""
        journal.forget(self.uid, POD, WeightEntry)
        self.lowered, self._ours = False, None

    @property
    def _spec_shares(self) -> int:
        return shares(self.view.request_milli)

    def _wanted(self, taken: int, tracks: Sequence[WeightTrack]) -> int:
        """What is left after the tracks' part, and more where the other containers use more than they request."""
        requested = self._spec_shares - sum(track.spec_shares for track in tracks)
        used = shares_of_cores(recent_use(self._others)) if self._others else 0
        return min(self._spec_shares, max(shares(0), self._spec_shares - taken + max(0, used - max(0, requested))))

    def _count_others(self, now: float, reading: WeightReading, tracks: Sequence[WeightTrack]) -> None:
        since, before = now - self._last_time, self._usage_ns
        self._last_time, self._usage_ns = now, reading.usage_ns
        if len(tracks) == len(self.view.containers):
            self._others = ()  # there are none, and what the two counters differ by is when they were read
            return
        ours = sum(track.used for track in tracks)
        if since > 0.0 and 0 <= before <= reading.usage_ns and math.isfinite(ours):
            self._others = (*self._others, max(0.0, (reading.usage_ns - before) / 1e9 / since - ours))[-USAGE_SAMPLES:]
