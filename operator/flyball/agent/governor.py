"""Governor: what the agent knows of its node, and the tick over all containers.

Watches feed it (`pod_seen`, `plan_seen`, ...), the clock calls `tick` once a second, and `release_all` gives everything back. It touches cgroups and
the journal, never the API. Each container is handled on its own: an error with one is logged, counted and does not stop the others.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable

from flyball.agent.freshness import Freshness
from flyball.agent.inheritance import Inheritance
from flyball.agent.journal import POD, AnyEntry, Journal
from flyball.agent.locator import Locator
from flyball.agent.plans import FAILED, PLAN_GONE, Assignment, HandsOff, Plan, assign, release_reason
from flyball.agent.pods import PodView
from flyball.agent.podweight import PodWeight
from flyball.agent.record import AnyTrack, PodRecord
from flyball.agent.settings import Settings
from flyball.agent.tally import Tallies, Tally
from flyball.agent.weigh import WeightTrack
from flyball.cgroup.errors import CgroupError, CgroupGone
from flyball.cgroup.idle import NodeIdle
from flyball.cgroup.layout import Layout

log = logging.getLogger(__name__)

# What could not be given back (a resize under way) is tried again this often.
RETRY_SECONDS = 5.0


class Governor:
    """State of one node. Times are monotonic seconds, but for `wall`."""

    def __init__(self, settings: Settings, layout: Layout, wall: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.layout = layout
        self.journal = Journal(settings.journal_dir)
        self.tallies = Tallies(settings.node_name)
        self.freshness = Freshness(settings.lease_timeout_seconds)
        self.records: dict[str, PodRecord] = {}
        self._wall = wall
        self._plans: dict[str, dict[str, Plan]] = {}
        self._opted_out: set[str] = set()
        self._inherited = Inheritance(layout, self.journal, self.tallies)
        self._heard: dict[str, float] = {}
        self._dirty: set[str] = set()
        self._retry_at = 0.0
        self._locator = Locator(layout, self._inherited)
        self._node_idle = NodeIdle()
        self._idle = math.nan  # of the last tick

    # What the watches say.

    def heard(self, source: str, now: float) -> None:
        """A watch that freshness depends on proved alive."""
        self._heard[source] = now

    def pod_seen(self, view: PodView, now: float) -> None:
        """A pod of this node appeared or changed. Takes burst back at once when its resources change."""
        record = self.records.get(view.uid)
        if record is None:
            self.records[view.uid] = PodRecord(view, now, self._wall(), self.settings.release_hold_seconds)
        elif record.update(view, now, self._wall(), self.settings.release_hold_seconds):
            if record.weight is not None:
                record.weight.disturbed(now)
            self._each(record, lambda track: track.disturbed(now))
        self._dirty.add(view.uid)

    def pod_gone(self, uid: str) -> None:
        """A pod was deleted. Its groups are gone or go soon; what still stands is given back."""
        record = self.records.pop(uid, None)
        self._dirty.discard(uid)
        if record is not None:
            for track in list(record.tracks.values()):
                self._drop(record, track, HandsOff.TERMINATING)
            self._settle_pod(record)
            self._lose_group(record)
            record.close()

    def plan_seen(self, plan: Plan) -> None:
        """A plan appeared or changed."""
        self._plans.setdefault(plan.namespace, {})[plan.name] = plan
        self._namespace_dirty(plan.namespace)

    def plan_gone(self, namespace: str, name: str) -> None:
        """A plan was deleted."""
        if self._plans.get(namespace, {}).pop(name, None) is not None:
            self._namespace_dirty(namespace)

    def namespace_seen(self, name: str, opted_out: bool) -> None:
        """A namespace's annotation was read."""
        if opted_out != (name in self._opted_out):
            (self._opted_out.add if opted_out else self._opted_out.discard)(name)
            self._namespace_dirty(name)

    def namespace_gone(self, name: str) -> None:
        """A namespace was deleted."""
        self._opted_out.discard(name)

    # Start, tick, end.

    def inherit(self, entries: Iterable[AnyEntry]) -> None:
        """What an earlier agent lowered and no track has taken over yet."""
        self._inherited.add(entries)

    def settle_inheritance(self, now: float) -> None:
        """Take over what a fresh plan still covers and give the rest back. Where the watches are not synced yet, all is given back."""
        self._refresh(now)
        self._inherited.give_back()
        for record in self.records.values():
            self._each(record, lambda track, record=record: self._release_unless_free(record, track, now))  # type: ignore[misc]
            self._settle_pod(record)

    def tick(self, now: float) -> None:
        """Look at every container once."""
        self.tallies.begin()
        self._refresh(now)
        self._idle = self._node_idle.read()
        fresh = self.fresh(now)
        for record in list(self.records.values()):
            record.note_resize(now)
            record.count_idle(self._tally, now)
            if not record.tracks:
                self._settle_pod(record)
                continue
            throttled = self._pod_throttled(record)
            fit = self._pod(record, lambda pod, record=record: pod.fit(record.view))  # type: ignore[misc]
            self._each(record, lambda track, record=record, count=throttled, fit=fit: self._step(record, track, count, now, fresh, fit))  # type: ignore[misc]
            self._pod(record, lambda pod, record=record: self._follow(record, pod, now))  # type: ignore[misc]
        self.tallies.prune(now)
        if self._inherited and now >= self._retry_at:
            self._retry_at = now + RETRY_SECONDS
            self._inherited.give_back()

    def fresh(self, now: float) -> bool:
        """Whether plans may be acted on: the Lease moves, and the watches that bring pods and plans live."""
        return self.freshness.fresh(now) and all(now - at < self.settings.lease_timeout_seconds for at in self._heard.values())

    def release_all(self, reason: str) -> int:
        """Give everything back; the number of containers that could not be."""
        for record in self.records.values():
            self._each(record, lambda track: track.release(reason, self.journal) if track.lowered else None)
            self._settle_pod(record)
        self._inherited.give_back()
        return sum(held.lowered for record in self.records.values() for held in record.held_groups())

    def close(self) -> None:
        """Close all descriptors."""
        for record in self.records.values():
            record.close()

    # One container.

    def _step(self, record: PodRecord, track: AnyTrack, pod_throttled: int, now: float, fresh: bool, pod_fit: bool) -> None:
        """A step; after one that failed the container is given back, for the next may fail as well and nobody would follow its use."""
        try:
            self._one_step(record, track, pod_throttled, now, fresh, pod_fit)
        except CgroupGone:
            raise
        except Exception as error:  # the loop's edge: the others go on
            self._failed("container", track, error)
            if track.lowered:
                track.release(FAILED, self.journal)

    def _one_step(self, record: PodRecord, track: AnyTrack, pod_throttled: int, now: float, fresh: bool, pod_fit: bool) -> None:
        assignment, tally = track.assignment, track.tally
        unfit = track.measure(now, pod_throttled, self._idle)
        if assignment.weight and not pod_fit:
            unfit = unfit or HandsOff.FOREIGN_WEIGHT
        tally.touched = now
        tally.target = assignment.target
        reason = self._hands_off(record, track, now, fresh) or unfit
        if reason is not None:
            tally.hands_off[reason] += 1
            tally.states["hands_off"] += 1
        elif not assignment.control:
            tally.states["measured"] += 1
        else:
            tally.states["controlled"] += 1
            track.act(now, assignment.burst and not record.burst_guarded(now), self.journal)
            if track.contested(now):
                record.hold(track.view.name, now + self.settings.release_hold_seconds, HandsOff.CONTESTED)
            return
        if track.lowered:
            due = release_reason(reason, control=assignment.control, left_to_kubelet=record.left_to_kubelet(now))
            if due is None:
                track.stand_aside()
            else:
                track.release(due, self.journal)

    def _hands_off(self, record: PodRecord, track: AnyTrack, now: float, fresh: bool) -> HandsOff | None:
        return record.hands_off(track, now, fresh=fresh, settle_seconds=self.settings.settle_seconds)

    def _release_unless_free(self, record: PodRecord, track: AnyTrack, now: float) -> None:
        reason = self._hands_off(record, track, now, self.fresh(now))
        due = release_reason(reason, control=track.assignment.control, left_to_kubelet=record.left_to_kubelet(now))
        if track.lowered and due is not None:
            track.release(due, self.journal)

    # A pod's own weight.

    def _follow(self, record: PodRecord, pod: PodWeight, now: float) -> None:
        tracks = record.weight_tracks()
        if record.left_to_kubelet(now) and any(track.taken_shares for track in tracks):
            return  # the kubelet is about to write it
        try:
            pod.follow(now, tracks, self.journal)
        except CgroupGone:
            raise
        except Exception:  # as with a container: what is not followed is given back
            if pod.lowered:
                pod.release(self.journal)
            raise
        if pod.contested(now):
            for track in tracks:
                record.hold(track.view.name, now + self.settings.release_hold_seconds, HandsOff.CONTESTED)

    def _settle_pod(self, record: PodRecord) -> None:
        """Give the pod's weight back where none of its containers has less than it requests."""
        if record.weight is not None and record.weight.lowered and not any(track.taken_shares for track in record.weight_tracks()):
            self._pod(record, lambda pod: pod.release(self.journal))

    def _lose_group(self, record: PodRecord) -> None:
        """The pod's group is gone, or cannot be followed any more: what the journal says of it is settled by path."""
        if record.weight is not None and record.weight.lowered:
            self._inherited.add(entry for entry in self.journal.entries() if (entry.uid, entry.container) == (record.view.uid, POD))
        record.lose_group()
        if record.view.uid in self.records:
            self._dirty.add(record.view.uid)

    def _pod_throttled(self, record: PodRecord) -> int:
        """Periods in which the pod's own quota stopped it; 0 where that is not known."""
        try:
            return record.pod_handle.throttled() if record.pod_handle else 0
        except (CgroupError, ValueError):
            self._lose_group(record)
            return 0

    def _pod(self, record: PodRecord, do: Callable[[PodWeight], object]) -> bool:
        """`do` with the weight of the pod, where it is followed; False after an error, and where that is its answer."""
        if record.weight is None:
            return False
        try:
            return do(record.weight) is not False
        except CgroupGone:
            self._lose_group(record)
        except Exception as error:  # the loop's edge: the others go on
            self.tallies.errors["pod"] += 1
            log.error("pod %s: %s", record.view.uid, error, exc_info=not isinstance(error, OSError))
        return False

    # Assignments and groups.

    def _refresh(self, now: float) -> None:
        for uid in self._dirty:
            record = self.records[uid]
            plans = self._plans.get(record.view.namespace)
            record.assignments = assign(record.view, plans.values(), record.view.namespace in self._opted_out) if plans else {}
            for name, track in list(record.tracks.items()):
                container = record.view.container(name)
                if container is None or container.container_id != track.view.container_id:
                    self._drop(record, track, HandsOff.RESTARTED)
                elif name not in record.assignments:
                    self._drop(record, track, PLAN_GONE)
                elif isinstance(track, WeightTrack) != record.assignments[name].weight:
                    # A limit was added or taken away, or weights are no longer asked for.
                    self._drop(record, track, record.assignments[name].hands_off or HandsOff.RESIZING)
                else:
                    track.view = container
                    self._assign(track, record.assignments[name])
        self._dirty.clear()
        for record, track in self._locator.locate(self.records.values(), now):
            self._assign(track, record.assignments[track.view.name])

    def _assign(self, track: AnyTrack, assignment: Assignment) -> None:
        track.assignment = assignment
        track.tally = self._tally(assignment)

    def _tally(self, assignment: Assignment) -> Tally:
        return self.tallies.of((assignment.slo_namespace, assignment.slo, assignment.workload, assignment.group))

    def _namespace_dirty(self, namespace: str) -> None:
        self._dirty.update(uid for uid, record in self.records.items() if record.view.namespace == namespace)

    def _drop(self, record: PodRecord, track: AnyTrack, reason: str) -> None:
        try:
            if track.lowered:
                track.release(reason, self.journal)
        except CgroupGone:
            track.tally.releases[reason] += 1
            track.forget(self.journal)
        except CgroupError as error:
            # The journal keeps the entry; the next attempt goes by path.
            self._failed("release", track, error)
            self._inherited.add(entry for entry in self.journal.entries() if (entry.uid, entry.container) == (track.uid, track.view.name))
        track.close()
        record.tracks.pop(track.view.name, None)

    def _each(self, record: PodRecord, do: Callable[[AnyTrack], object]) -> None:
        """`do` with each track; a failure concerns that one only."""
        for track in list(record.tracks.values()):
            try:
                do(track)
            except CgroupGone:
                self._drop(record, track, HandsOff.RESTARTED if track.uid in self.records else HandsOff.TERMINATING)
            except Exception as error:  # the loop's edge: the others go on
                self._failed("container", track, error)

    def _failed(self, part: str, track: AnyTrack, error: Exception) -> None:
        self.tallies.errors[part] += 1
        log.error("%s of pod %s: %s", track.view.name, track.uid, error, exc_info=not isinstance(error, OSError))
