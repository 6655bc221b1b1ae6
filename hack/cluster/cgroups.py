"""The cgroup below which a cluster's pods run, in every hierarchy of the machine (cgroup v1) or in the one there is (v2)."""

from __future__ import annotations

import os
from pathlib import Path

from hack.cluster.errors import ClusterError
from hack.cluster.process import poll

MOUNT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")


def hierarchies(mount: Path = MOUNT) -> list[Path]:
    """Roots of the mounted hierarchies."""
    if (mount / "cgroup.controllers").exists():
        return [mount]
    return sorted(folder for folder in mount.iterdir() if (folder / "cgroup.procs").exists() and not folder.is_symlink())


def check(mount: Path = MOUNT) -> None:
    """Raises ClusterError when this machine's cgroups cannot carry a node."""
    if (mount / "cgroup.controllers").exists():
        missing = set(CONTROLLERS) - set((mount / "cgroup.controllers").read_text().split())
    else:
        missing = {name for name in CONTROLLERS if not (mount / name / "cgroup.procs").exists()}
    if missing:
        raise ClusterError(f"A node needs the cgroup controllers {', '.join(CONTROLLERS)}; missing here: {', '.join(sorted(missing))}.")
    cpu = mount / "cpu" if (mount / "cpu" / "cgroup.procs").exists() else mount
    if cpu != mount and not (cpu / "cpu.cfs_quota_us").exists():
        raise ClusterError("This kernel has no CFS bandwidth control (cpu.cfs_quota_us), which is what Flyball moves.")


def make(name: str, mount: Path = MOUNT) -> None:
    """Make the cgroup everywhere, ready for children."""
    unified = (mount / "cgroup.controllers").exists()
    for root in hierarchies(mount):
        folder = root / name
        if unified:
            _delegate(root)
        folder.mkdir(exist_ok=True)
        if unified:
            _delegate(folder)
        for file in ("cpuset.cpus", "cpuset.mems"):  # v1 starts a child with none, and none may run there
            if not unified and (folder / file).exists():
                (folder / file).write_text((root / file).read_text())


def remove(name: str, mount: Path = MOUNT) -> None:
    """Remove the cgroup and all below it; its processes must have ended."""
    for root in hierarchies(mount):
        if (root / name).is_dir():
            for folder, _, _ in os.walk(root / name, topdown=False):
                # The kernel lets go of the last dead task a moment after it is gone.
                poll(lambda folder=folder: _rmdir(folder), 5)  # type: ignore[misc]


def _rmdir(folder: str) -> bool:
    try:
        Path(folder).rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _delegate(folder: Path) -> None:
    available = (folder / "cgroup.controllers").read_text().split()
    (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in available))
