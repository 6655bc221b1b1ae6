"""Locator: finds the groups of containers that plans name and no track follows yet, and opens tracks on them.

Runs at the start of each tick; a cgroup that is not there is looked for again after a wait that doubles. A track that is opened takes over what an
earlier agent lowered in its group.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from flyball.agent.inheritance import Inheritance
from flyball.agent.journal import POD, AnyEntry, Entry, WeightEntry
from flyball.agent.pods import ContainerView
from flyball.agent.podweight import PodWeight
from flyball.agent.record import AnyTrack, PodRecord
from flyball.agent.track import Track
from flyball.agent.weigh import WeightTrack
from flyball.cgroup.discovery import find_container, find_pods
from flyball.cgroup.errors import CgroupError
from flyball.cgroup.handle import ContainerHandle, PodHandle
from flyball.cgroup.layout import Layout
from flyball.cgroup.waiting import Room, open_waiting
from flyball.cgroup.weight import WeightHandle

log = logging.getLogger(__name__)

# How long to wait before looking again for a cgroup that was not there: doubles from 1 s; a walk over 1,000 groups takes some 10 ms.
LOCATE_SECONDS_MAX = 30.0

Kind = TypeVar("Kind", Entry, WeightEntry)
Taken_contra = TypeVar("Taken_contra", bound=AnyEntry, contravariant=True)


class Heir(Protocol[Taken_contra]):
    """Who takes over an entry: a track, or a pod's weight."""

    uid: str

    def inherit(self, entry: Taken_contra) -> None:
        """Take over what an earlier agent lowered. Raises CgroupError or ValueError where the group cannot be read."""

    def close(self) -> None:
        """Close all descriptors."""


class Locator:
    """Opens tracks on one node."""

    def __init__(self, layout: Layout, inherited: Inheritance) -> None:
        self._layout = layout
        self._inherited = inherited
        self._room = Room()

    def locate(self, records: Iterable[PodRecord], now: float) -> Iterator[tuple[PodRecord, AnyTrack]]:
        """Tracks that were opened now; their records hold them already."""
        waiting = [record for record in records if now >= record.locate_at and record.untracked()]
        missing = [record.view.cgroup_uid for record in waiting if record.group is None]
        groups = find_pods(self._layout.cpu, missing) if missing else {}
        for record in waiting:
            record.group = record.group or groups.get(record.view.cgroup_uid)
            for container in record.untracked():
                track = self._open(record, record.group, container) if record.group is not None else None
                if track is None:
                    record.locate_later(now, LOCATE_SECONDS_MAX)
                else:
                    record.tracks[container.name] = track
                    record.located()
                    yield record, track

    def _open(self, record: PodRecord, group: Path, container: ContainerView) -> AnyTrack | None:
        path = find_container(group, container.container_id)
        if path is None:
            record.group = None if not group.is_dir() else group
            return None
        try:
            if record.pod_handle is None:
                record.pod_handle = PodHandle(group)
            if record.assignments[container.name].weight:
                return self._weighed(record, group, path, container)
            return self._limited(record, path, container)
        except (CgroupError, ValueError) as error:
            log.warning("%s of pod %s/%s: %s", container.name, record.view.namespace, record.view.name, error)
            return None

    def _limited(self, record: PodRecord, path: Path, container: ContainerView) -> Track:
        handle = ContainerHandle(self._layout, path)
        track = Track(record.view.uid, container, handle, open_waiting(self._layout, path, self._room))
        self._take_over(track, Entry, container.name, path)
        return track

    def _weighed(self, record: PodRecord, group: Path, path: Path, container: ContainerView) -> WeightTrack:
        if record.weight is None:
            pod = PodWeight(record.view, WeightHandle(self._layout, group))
            self._take_over(pod, WeightEntry, POD, group)
            record.weight = pod
        handle = WeightHandle(self._layout, path)
        track = WeightTrack(record.view.uid, container, handle, open_waiting(self._layout, path, self._room))
        self._take_over(track, WeightEntry, container.name, path)
        return track

    def _take_over(self, heir: Heir[Kind], kind: type[Kind], name: str, path: Path) -> None:
        """Let `heir` answer for what an earlier agent lowered here. One that cannot is closed, and the entry stays to be given back by path."""
        entry = self._inherited.take(kind, heir.uid, name, path)
        if entry is None:
            return
        try:
            heir.inherit(entry)
        except BaseException:
            heir.close()
            self._inherited.add((entry,))
            raise
