"""Waiting: for how long a container's tasks stood ready to run while others had the CPUs.

The second signal beside throttling; the agent's tick reads it through a track. Three sources, the best that the kernel offers: pressure stall
information of the group (cgroup v2, `cpu.pressure`), the waiting time of its scheduling entities (`wait_sum` in v1's `cpu.stat`, where the kernel
counts schedstats), or the run-queue delay of each task (`/proc/TID/schedstat`, its second number). Time throttled by a quota is in the last.
Source: kernel Documentation/accounting/psi.rst, Documentation/scheduler/sched-stats.rst; what was measured stands in docs/designs/0010-limit-free.md.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flyball.cgroup.layout import Layout

PROC = Path("/proc")
BUFFER = 512
# A list of tasks: 7 digits and a line's end each. More than `TASKS_MOST` are not followed, so that what does not fit is never asked for.
TASKS_MOST = 256
LIST_BUFFER = 16 * TASKS_MOST
# Descriptors over all containers of a node. A read costs 2.3 us: 2,000 are 5 ms of the tick's budget of 20 ms.
DESCRIPTORS_MOST = 2000


@dataclass(slots=True)
class Room:
    """Descriptors of tasks that may still be opened on this node."""

    left: int = DESCRIPTORS_MOST


class Waiting(Protocol):
    """A counter in seconds; only its differences mean something."""

    stalls: bool
    """Whether it counts the time in which at least one task waited; else each task that waits, or each CPU's queue, counts for itself."""

    def read(self) -> float:
        """Seconds since it was opened; NaN while unknown."""
        ...

    def close(self) -> None:
        """Close the descriptors."""
        ...


class Counter:
    """One number of one file of the group."""

    __slots__ = ("_descriptor", "_key", "_unit", "stalls")

    def __init__(self, file: Path, key: bytes, unit: float, *, stalls: bool) -> None:
        self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        self._key, self._unit, self.stalls = key, unit, stalls

    def read(self) -> float:
        """Seconds; NaN where the kernel does not say it (pressure stall information may be switched off at boot)."""
        try:
            text = os.pread(self._descriptor, BUFFER, 0)
        except OSError:
            return math.nan
        start = text.find(self._key)
        words = text[start + len(self._key) :].split(maxsplit=1) if start >= 0 else ()
        return int(words[0]) * self._unit if words else math.nan

    def close(self) -> None:
        os.close(self._descriptor)


class Tasks:
    """Run-queue delay summed over the tasks of a group, by differences task by task: tasks come and go."""

    __slots__ = ("_known", "_list", "_proc", "_room", "_total", "stalls")

    def __init__(self, listing: Path, room: Room, proc: Path = PROC) -> None:
        self.stalls = False
        self._list = os.open(listing, os.O_RDONLY | os.O_CLOEXEC)
        self._room, self._proc = room, proc
        self._known: dict[bytes, tuple[int, int]] | None = None  # task -> descriptor, nanoseconds; None before the first look
        self._total = 0

    def read(self) -> float:
        """Seconds. NaN with more than `TASKS_MOST` tasks, none left of the node's room, or tasks that lie in a namespace of their own."""
        names = self._names()
        if names is None:
            self._forget()
            return math.nan
        begin, known = self._known is None, self._known or {}
        for name in known.keys() - names:
            self._drop(known, name)
        for name in names:
            self._look(known, name, begin=begin)
            if name not in known and self._room.left <= 0:
                self._known = known
                self._forget()
                return math.nan
        self._known = known
        return self._total / 1e9

    def close(self) -> None:
        self._forget()
        os.close(self._list)

    def _names(self) -> set[bytes] | None:
        try:
            text = os.pread(self._list, LIST_BUFFER, 0)
        except OSError:
            return None
        names = set(text.split())
        # A task of a process namespace that cannot be seen from here is listed as 0.
        return names if len(names) <= TASKS_MOST and len(text) < LIST_BUFFER and b"0" not in names else None

    def _look(self, known: dict[bytes, tuple[int, int]], name: bytes, *, begin: bool) -> None:
        """Add what a task waited since the last look: a new one all its life, for it began in the group. Number and descriptor stay with the task: a
        successor with the same number makes the read fail."""
        entry = known.get(name)
        if entry is not None:
            delay = _delay(entry[0])
            if delay is not None:
                self._total += max(0, delay - entry[1])
                known[name] = (entry[0], delay)
                return
            self._drop(known, name)
        if self._room.left <= 0:
            return
        try:
            descriptor = os.open(self._proc / os.fsdecode(name) / "schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return  # it has ended meanwhile
        delay = _delay(descriptor)
        if delay is None:
            os.close(descriptor)
            return
        self._room.left -= 1
        known[name] = (descriptor, delay)
        self._total += 0 if begin else delay

    def _drop(self, known: dict[bytes, tuple[int, int]], name: bytes) -> None:
        os.close(known.pop(name)[0])
        self._room.left += 1

    def _forget(self) -> None:
        known, self._known = self._known or {}, None
        for name in list(known):
            self._drop(known, name)


def open_waiting(layout: Layout, group: Path, room: Room, proc: Path = PROC) -> Waiting | None:
    """The best source that this kernel offers for a group; None without any. Never raises."""
    # The first total of cpu.pressure is that of "some"; v1 has a group's wait_sum in nanoseconds, over all CPUs.
    file, key, unit, stalls = ("cpu.pressure", b"total=", 1e-6, True) if layout.version == 2 else ("cpu.stat", b"wait_sum ", 1e-9, False)
    with contextlib.suppress(OSError):
        counter = Counter(group / file, key, unit, stalls=stalls)
        if not math.isnan(counter.read()):
            return counter
        counter.close()
    with contextlib.suppress(OSError):
        if (proc / "self" / "schedstat").exists():
            return Tasks(group / ("cgroup.threads" if layout.version == 2 else "tasks"), room, proc)
    return None


def _delay(descriptor: int) -> int | None:
    """Nanoseconds that a task has waited in its life; None when it has ended."""
    try:
        words = os.pread(descriptor, BUFFER, 0).split()
    except OSError:
        return None
    return int(words[1]) if len(words) > 1 else None
