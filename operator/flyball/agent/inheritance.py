"""Inheritance: what an earlier agent lowered, by the journal; taken over by a track, or given back by path alone.

Filled at the start, and by tracks that could not give back when their pod went. What cannot be given back yet stays until it can.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from flyball.agent.journal import AnyEntry, Entry, Journal, WeightEntry
from flyball.agent.tally import Tallies
from flyball.agent.track import give_back
from flyball.cgroup.errors import CgroupError, CgroupGone
from flyball.cgroup.handle import ContainerHandle
from flyball.cgroup.layout import Layout
from flyball.cgroup.weight import WeightHandle

log = logging.getLogger(__name__)

JOURNAL = "Journal"
Kind = TypeVar("Kind", Entry, WeightEntry)


class Inheritance:
    """Entries that no track answers for."""

    def __init__(self, layout: Layout, journal: Journal, tallies: Tallies) -> None:
        self._layout = layout
        self._journal = journal
        self._tallies = tallies
        self._entries: dict[tuple[type[AnyEntry], str, str], AnyEntry] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, entries: Iterable[AnyEntry]) -> None:
        """Answer for these from now on."""
        self._entries.update({(type(entry), entry.uid, entry.container): entry for entry in entries})

    def take(self, kind: type[Kind], uid: str, container: str, path: Path) -> Kind | None:
        """The entry of this group, which whoever asked answers for now; None without one."""
        entry = self._entries.get((kind, uid, container))
        if not isinstance(entry, kind) or entry.path != str(path):
            return None
        del self._entries[(kind, uid, container)]
        return entry

    def give_back(self) -> None:
        """Give everything back by the journal alone: no track, perhaps no pod."""
        for key, entry in list(self._entries.items()):
            try:
                self._give_back(entry)
            except CgroupGone:
                pass  # the container ended, and what it had with it
            except (CgroupError, ValueError) as error:
                log.error("%s of pod %s: not given back yet: %s", entry.container, entry.uid, error)
                self._tallies.errors["journal"] += 1
                continue
            del self._entries[key]
            self._journal.forget(entry.uid, entry.container, type(entry))

    def _give_back(self, entry: AnyEntry) -> None:
        if isinstance(entry, Entry):
            handle = ContainerHandle(self._layout, Path(entry.path))
            try:
                reading = handle.read()
                give_back(handle, reading, entry.quota_us * reading.period_us // entry.period_us, None)
            finally:
                handle.close()
        else:
            group = WeightHandle(self._layout, Path(entry.path))
            try:
                if group.read().weight < entry.weight:
                    group.write(entry.weight)
            finally:
                group.close()
        what = "quota" if isinstance(entry, Entry) else "weight"
        log.info("%s of pod %s: %s given back (%s)", entry.container, entry.uid, what, JOURNAL)
