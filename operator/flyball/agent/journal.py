"""Journal: what this agent lowered, on the node's own /run, so that the next one can give it back.

One small file a container (or pod, for its weight), written and flushed before its quota or weight is lowered for the first time, removed when it
was given back. /run is a tmpfs: it
survives the agent, and a reboot clears it together with the cgroups.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

log = logging.getLogger(__name__)
VERSION = 1
POD = "@pod"
"""In place of a container's name: the pod's own group. No container can be named so."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One container that has less than its spec grants. The path carries the container's id: a restarted one has another."""

    uid: str
    container: str
    path: str  # of the container's CPU group
    quota_us: int  # to give back
    period_us: int


@dataclass(frozen=True, slots=True)
class WeightEntry:
    """One container, or pod (`POD`), that has a lower weight than its request stands for."""

    uid: str
    container: str
    path: str  # of its CPU group
    weight: int  # to give back, as it stands in the kernel's file


AnyEntry = Entry | WeightEntry
SUFFIXES: dict[type[AnyEntry], str] = {Entry: ".lowered.json", WeightEntry: ".weight.json"}


class Journal:
    """Files below `folder`, which is made when the first entry is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, entry: AnyEntry) -> None:
        """Write or replace an entry; on return it is on the file system. Raises OSError: then nothing may be lowered."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._file(entry.uid, entry.container, type(entry))
        draft = file.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, json.dumps({"version": VERSION, **asdict(entry)}).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(file)

    def forget(self, uid: str, container: str, kind: type[AnyEntry] = Entry) -> None:
        """Remove an entry, if it is there."""
        self._file(uid, container, kind).unlink(missing_ok=True)

    def entries(self) -> list[AnyEntry]:
        """All entries. A file that cannot be read is reported and passed over."""
        return [*self._read(Entry), *self._read(WeightEntry)]

    def _read(self, kind: type[AnyEntry]) -> Iterator[AnyEntry]:
        for file in sorted(self.folder.glob("*" + SUFFIXES[kind])) if self.folder.is_dir() else ():
            try:
                values = json.loads(file.read_text())
                if values.pop("version") != VERSION:
                    raise ValueError(f"version other than {VERSION}")
                yield kind(**values)
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.error("journal entry %s cannot be read (%s); compare what its container has with its limit and request", file, error)

    def _file(self, uid: str, container: str, kind: type[AnyEntry]) -> Path:
        return self.folder / f"{uid}.{container}{SUFFIXES[kind]}"
