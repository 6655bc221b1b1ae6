"""Taking a cluster away, whoever started it, and finding those that nobody will take away any more.

A cluster is known by its folder below build/cluster. It is left over when it does not run, or was started for a process that has died; and one whose
folder somebody deleted while it ran is known by nothing but its PID 1 (empty mount points below /var/lib are all that stays of such a one).
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hack.cluster import layout as layouts
from hack.cluster import tools
from hack.cluster.layout import Layout
from hack.cluster.process import Process
from hack.cluster.sandbox import Sandbox, strays


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Held by whoever chooses an address range or clears one, in this checkout or another."""
    file = tools.cache() / "ranges.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def sign(layout: Layout, owned: bool) -> None:
    """Note that this process starts the cluster and, if `owned`, that it is of no use to anybody else."""
    if this := Process.of(os.getpid()):
        this.save(_starter(layout))
    if owned:
        _owned(layout).touch()


def names() -> list[str]:
    """Clusters of this checkout, running or left over."""
    return sorted(file.parent.name for file in (layouts.REPOSITORY / "build" / "cluster").glob("*/layout.json"))


def dismantle(layout: Layout, keep_logs: bool = False) -> None:
    """End a cluster and remove every trace of it but, if wished, its logs. Safe to repeat."""
    Sandbox(layout).stop()
    for entry in layout.home.iterdir() if layout.home.exists() else ():
        if not (keep_logs and entry == layout.logs):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    if not keep_logs:
        shutil.rmtree(layout.home, ignore_errors=True)


def remove(name: str) -> bool:
    """Remove whatever a cluster of that name left on the machine. Whether there was one."""
    layout = layouts.load(name)
    if layout:
        dismantle(layout)
    return layout is not None


def clear(progress: Callable[[str], None]) -> None:
    """Remove every cluster that is left over. To be called within `one_at_a_time`."""
    for name in names():
        layout = layouts.load(name)
        if layout and _left_over(layout):
            progress(f"cluster {name}: left over, removed")
            dismantle(layout)
    for process, layout in strays():
        progress(f"cluster {layout.name}, whose folder is gone: removed")
        process.end(grace_seconds=0)
        Sandbox(layout).stop()


def _left_over(layout: Layout) -> bool:
    """A cluster whose starter lives is its starter's business, even one that does not run: it may be starting, or stopping."""
    if Process.load(_starter(layout)):
        return False
    return _owned(layout).exists() or not Sandbox(layout).alive()


def _starter(layout: Layout) -> Path:
    return layout.home / "pids" / "starter"


def _owned(layout: Layout) -> Path:
    return layout.home / "pids" / "owned"
