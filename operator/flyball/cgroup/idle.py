"""Idle: the share of a node's CPU time that nobody used, from `/proc/stat`, which every container sees whole.

Read once a tick, for all containers: where CPUs stand idle, a container's tasks wait for one another and not for its neighbours.
Source: kernel Documentation/filesystems/proc.rst, 1.7.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from flyball.cgroup.waiting import PROC

# The line of all CPUs is the first: a word and ten numbers of at most 20 digits.
BUFFER = 256
IDLE, IOWAIT = 3, 4
# Guests' time, the last two numbers, is in the first two already.
COUNTED = 8


class NodeIdle:
    """Differences of the node's CPU times."""

    __slots__ = ("_before", "_file")

    def __init__(self, proc: Path = PROC) -> None:
        self._file = proc / "stat"
        self._before: list[int] | None = None

    def read(self) -> float:
        """Share since the last look, 0 to 1; NaN at the first, and where it cannot be read."""
        before, self._before = self._before, self._times()
        if before is None or self._before is None:
            return math.nan
        spent = [after - earlier for earlier, after in zip(before, self._before, strict=True)]
        total = sum(spent)
        return min(1.0, max(0.0, (spent[IDLE] + spent[IOWAIT]) / total)) if total > 0 else math.nan

    def _times(self) -> list[int] | None:
        try:
            with self._file.open("rb", buffering=0) as file:
                words = os.read(file.fileno(), BUFFER).split(b"\n", 1)[0].split()
        except OSError:
            return None
        return [int(word) for word in words[1 : COUNTED + 1]] if len(words) > COUNTED else None
