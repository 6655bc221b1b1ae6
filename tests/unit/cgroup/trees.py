"""Control groups for tests: real ones of cgroup v1 where this machine lets us, and folders that mimic v2.

The v2 trees are plain files: what the kernel does on a write (`cpu.max` with one number keeps the period, burst above quota is refused) is played by
`play_kernel`, so they test paths and formats, not the kernel.
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")
V1_STAT = "nr_periods 10\nnr_throttled 3\nthrottled_time 5000\n"
V2_STAT = "usage_usec 2500\nuser_usec 2000\nsystem_usec 500\nnr_periods 10\nnr_throttled 3\nthrottled_usec 5\n"


def why_no_kernel() -> str:
    """Why real cgroup v1 groups cannot be made here; empty where they can."""
    if os.geteuid() != 0:
        return "needs root to make control groups"
    if not (ROOT / "cpu" / "cpu.cfs_burst_us").exists() and not (ROOT / "cpu" / "cpu.shares").exists():
        return "no cgroup v1 cpu controller at /sys/fs/cgroup/cpu"
    return ""


needs_kernel = pytest.mark.skipif(bool(why_no_kernel()), reason=why_no_kernel() or "-")


@contextlib.contextmanager
def real_root() -> Iterator[str]:
    """The name of a fresh group at the top of cpu and cpuacct; removed with all below it at the end."""
    name = f"flyball-test-{uuid.uuid4().hex[:8]}"
    try:
        yield name
    finally:
        for controller in ("cpu", "cpuacct"):
            remove_tree(ROOT / controller / name)


def make_group(path: str) -> Path:
    """A real group in cpu and cpuacct; its cpu folder."""
    for controller in ("cpu", "cpuacct"):
        (ROOT / controller / path).mkdir(parents=True, exist_ok=True)
    return ROOT / "cpu" / path


def remove_tree(group: Path) -> None:
    """Remove a group and all below it; processes in it move up first."""
    if not group.is_dir():
        return
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            for pid in Path(folder, "cgroup.procs").read_text().split():
                (group.parent / "cgroup.procs").write_text(pid)
        with contextlib.suppress(FileNotFoundError):
            Path(folder).rmdir()


def v1_tree(root: Path, *groups: str, together: bool = False) -> Path:
    """Folders and files as cgroup v1 has them; `together`: one folder for cpu and cpuacct."""
    for controller in ("cpu,cpuacct",) if together else ("cpu", "cpuacct"):
        for group in ("", *groups):
            folder = root / controller / group
            folder.mkdir(parents=True, exist_ok=True)
            files = {"cpu.shares": "1024", "cpu.stat": V1_STAT, "cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "100000", "cpu.cfs_burst_us": "0"}
            if controller != "cpu":
                files["cpuacct.usage"] = "2500000"
            if controller == "cpuacct":
                files = {"cpuacct.usage": "2500000"}
            for name, text in files.items():
                (folder / name).write_text(text + "\n")
    return root


def v2_tree(root: Path, *groups: str, limit: str = "100000 100000", weight: int = 100) -> Path:
    """Folders and files as cgroup v2 has them."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    for group in groups:
        folder = root / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"cpu.stat": V2_STAT, "cpu.max": limit, "cpu.max.burst": "0", "cpu.weight": str(weight)}.items():
            (folder / name).write_text(text + "\n")
    return root


@pytest.fixture
def play_kernel(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Writes to plain files act as the kernel's CPU files do; the writes in order."""
    written: list[tuple[str, str]] = []

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        file = Path(f"/proc/self/fd/{descriptor}").readlink()
        value = data.decode()
        max_v2, folder = file.name == "cpu.max", file.parent
        burst_file = folder / ("cpu.max.burst" if (folder / "cpu.max").exists() else "cpu.cfs_burst_us")
        quota_file = folder / ("cpu.max" if (folder / "cpu.max").exists() else "cpu.cfs_quota_us")
        quota = value if file == quota_file else quota_file.read_text().split()[0]
        burst = value if file == burst_file else burst_file.read_text()
        if quota not in ("max", "-1") and int(burst) > int(quota):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        written.append((file.name, value))
        text = f"{value} {file.read_text().split()[1]}" if max_v2 else value
        file.write_text(text + "\n")
        return len(data)

    monkeypatch.setattr("flyball.cgroup.handle.os.pwrite", pwrite)
    return written
