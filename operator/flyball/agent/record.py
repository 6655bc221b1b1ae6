"""Records: what the governor remembers of one pod beside its view: since when it is Ready, what it is held for, where its cgroup lies."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from flyball.agent.plans import Assignment, HandsOff
from flyball.agent.pods import ContainerView, PodView
from flyball.agent.podweight import PodWeight
from flyball.agent.tally import Tally
from flyball.agent.track import Track
from flyball.agent.weigh import WeightTrack
from flyball.cgroup.handle import PodHandle

# The kubelet carries a resize out within 0.2 s (measured) and retries a failed one within 10 s; a status that never agrees must not stop control,
# and a resize that never ends (a memory limit below what is used) must not keep a container at the quota it had when the resize began.
GUARD_SECONDS = 30.0
AnyTrack = Track | WeightTrack


class PodRecord:
    """One pod of this node. Times are monotonic seconds, but for `wall`."""

    def __init__(self, view: PodView, now: float, wall: float, hold_seconds: float) -> None:
        self.view = view
        self.assignments: dict[str, Assignment] = {}
        self.tracks: dict[str, AnyTrack] = {}
        self.weight: PodWeight | None = None  # once one of its containers is under weight control
        self.group: Path | None = None
        self.pod_handle: PodHandle | None = None
        self.locate_at = -math.inf
        self._locate_wait = 1.0
        self._holds: dict[str, tuple[float, HandsOff]] = {}
        self._guard_until = -math.inf
        self._resizing_since = math.inf  # by the ticks; of a pod that is first seen in a resize nobody knows how long it has lasted
        # The kubelet of this node wrote the time, by the clock that `wall` reads; counted on by the monotonic clock from here.
        self.ready_at = now - max(0.0, wall - view.ready_since)
        for container in view.containers:
            if container.restarts and wall - container.ended < hold_seconds:
                self.hold(container.name, now + hold_seconds - (wall - container.ended), HandsOff.RESTARTED)

    def update(self, view: PodView, now: float, wall: float, hold_seconds: float) -> bool:
        """Take a newer view; whether resources or the state of a resize changed."""
        old, self.view = self.view, view
        if view.ready and (not old.ready or view.ready_since != old.ready_since):
            self.ready_at = now - max(0.0, wall - view.ready_since)
        if old.ready and not view.ready and not view.terminating:
            for container in view.containers:
                self.hold(container.name, now + hold_seconds, HandsOff.LOST_READINESS)
        before = {container.name: container for container in old.containers}
        for container in view.containers:
            known = before.get(container.name)
            if known is not None and container.restarts > known.restarts:
                self.hold(container.name, now + hold_seconds, HandsOff.RESTARTED)
                self.locate_at = -math.inf
        if _resize_state(old) == _resize_state(view):
            return False
        if [container.resources for container in old.containers] != [container.resources for container in view.containers]:
            self._guard_until = now + GUARD_SECONDS
        return True

    def hold(self, container: str, until: float, reason: HandsOff) -> None:
        """Leave a container alone until then."""
        self._holds[container] = (until, reason)

    def held(self, container: str, now: float) -> HandsOff | None:
        """Why a container is to be left alone for a while, if it is."""
        if container not in self._holds:
            return None
        until, reason = self._holds[container]
        if now < until:
            return reason
        del self._holds[container]
        return None

    def resize_guarded(self, now: float) -> bool:
        """Whether the kubelet may be about to write quotas: the spec changed, and the status does not show it carried out yet."""
        return now < self._guard_until and not self.view.resize_pending and not _carried_out(self.view)

    def note_resize(self, now: float) -> None:
        """Told once a tick, so that time under resize adds up however often spec and status change meanwhile."""
        under_way = self.view.resizing or self.resize_guarded(now)
        self._resizing_since = min(self._resizing_since, now) if under_way else math.inf

    def left_to_kubelet(self, now: float) -> bool:
        """Whether a resize under way is young enough that quotas and weights stay as they are until the kubelet has written its own."""
        return 0.0 <= now - self._resizing_since < GUARD_SECONDS

    def hands_off(self, track: AnyTrack, now: float, *, fresh: bool, settle_seconds: float) -> HandsOff | None:
        """Why a container is not to be acted on, if so. A resize comes last: whatever else forbids to act gives back at once, resize or not."""
        held, planned = self.held(track.view.name, now), track.assignment.hands_off
        if held is not None:
            return held
        if planned not in (None, HandsOff.RESIZING):
            return planned
        if not fresh:
            return HandsOff.PLANS_STALE
        if now < self.ready_at + settle_seconds:
            return HandsOff.SETTLING
        return HandsOff.RESIZING if planned is HandsOff.RESIZING or self.resize_guarded(now) else None

    def burst_guarded(self, now: float) -> bool:
        """Whether a resize may come at any moment, so that no burst may stand in its way."""
        return self.view.resize_pending or self.resize_guarded(now)

    def untracked(self) -> list[ContainerView]:
        """Running containers that a plan names, with a limit or under a weight, and no track follows yet."""
        return [
            container
            for container in self.view.containers
            if container.name in self.assignments
            and container.name not in self.tracks
            and container.container_id
            and (container.spec_milli is not None or self.assignments[container.name].weight)
        ]

    def weight_tracks(self) -> list[WeightTrack]:
        """Its containers under weight control."""
        return [track for track in self.tracks.values() if isinstance(track, WeightTrack)]

    def held_groups(self) -> list[AnyTrack | PodWeight]:
        """All that may be lowered."""
        return [*self.tracks.values(), *([self.weight] if self.weight is not None else [])]

    def count_idle(self, tally: Callable[[Assignment], Tally], now: float) -> None:
        """Count the containers that a plan names but no track follows."""
        for name, assignment in self.assignments.items():
            if name not in self.tracks:
                counted = tally(assignment)
                counted.touched = now
                counted.states["hands_off"] += 1
                counted.hands_off[self.held(name, now) or assignment.hands_off or HandsOff.NO_CGROUP] += 1

    def located(self) -> None:
        """A cgroup was found: the next search need not wait."""
        self._locate_wait, self.locate_at = 1.0, -math.inf

    def locate_later(self, now: float, longest: float) -> None:
        """A cgroup was not found: wait before the next search, longer each time."""
        self.locate_at = now + self._locate_wait
        self._locate_wait = min(longest, 2.0 * self._locate_wait)

    def lose_group(self) -> None:
        """The pod's cgroup is gone."""
        for handle in (self.pod_handle, self.weight):
            if handle is not None:
                handle.close()
        self.group = self.pod_handle = self.weight = None

    def close(self) -> None:
        """Close all descriptors."""
        self.lose_group()
        for track in self.tracks.values():
            track.close()
        self.tracks.clear()


def _resize_state(view: PodView) -> tuple[object, ...]:
    containers = tuple((container.resources, container.actual_milli, container.actual_request_milli) for container in view.containers)
    return view.resizing, view.resize_pending, containers


def _carried_out(view: PodView) -> bool:
    return not view.resizing and all(container.carried_out for container in view.containers)
