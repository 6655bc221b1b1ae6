"""Journal: what this agent lowered, on the node's own /run, so that the next one can give it back.

One small file a container, written and flushed before its quota is lowered for the first time, removed when it was given back. /run is a tmpfs: it
survives the agent, and a reboot clears it together with the cgroups.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

log = logging.getLogger(__name__)
SUFFIX = ".lowered.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One container that has less than its spec grants. The path carries the container's id: a restarted one has another."""

    uid: str
    container: str
    path: str  # of the container's CPU group
    quota_us: int  # to give back
    period_us: int


class Journal:
    """Files below `folder`, which is made when the first entry is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, entry: Entry) -> None:
        """Write or replace an entry; on return it is on the file system. Raises OSError: then nothing may be lowered."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._file(entry.uid, entry.container)
        draft = file.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, json.dumps({"version": VERSION, **asdict(entry)}).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(file)

    def forget(self, uid: str, container: str) -> None:
        """Remove an entry, if it is there."""
        self._file(uid, container).unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """All entries. A file that cannot be read is reported and passed over."""
        found = []
        for file in sorted(self.folder.glob("*" + SUFFIX)) if self.folder.is_dir() else ():
            try:
                values = json.loads(file.read_text())
                if values.pop("version") != VERSION:
                    raise ValueError(f"version other than {VERSION}")
                found.append(Entry(**values))
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.error("journal entry %s cannot be read (%s); compare the quota of its container with its limit", file, error)
        return found

    def _file(self, uid: str, container: str) -> Path:
        return self.folder / f"{uid}.{container}{SUFFIX}"
