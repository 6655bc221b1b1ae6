"""Handles: open descriptors on one container's and one pod's CPU files; reading counters, writing quota and burst.

The agent's tick reads through them once a second. Descriptors stay open, `os.pread` and `os.pwrite` go to the kernel directly: 0.7 us a
read against 11 us with open and close, and a refused write raises at once (a buffered file hides EINVAL until it is closed).
Source: kernel 6.18 kernel/sched/{core,fair}.c, Documentation/scheduler/sched-bwc.rst.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flyball.cgroup.errors import CgroupError, CgroupGone, QuotaRefused
from flyball.cgroup.layout import Layout

# The kernel's smallest quota (kernel/sched/core.c, min_cfs_quota_period), also the kubelet's.
QUOTA_MIN_US = 1000
PERIOD_US = 100_000
UNLIMITED = -1
# cpu.stat has at most 10 lines of at most 40 characters.
BUFFER = 512
GONE = (errno.ENODEV, errno.ENOENT)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the kernel says of one container now. Counters since the group was made."""

    usage_ns: int
    throttled: int  # periods
    quota_us: int  # UNLIMITED when there is none
    period_us: int
    burst_us: int  # 0 also where the kernel has no burst


class PodHandle:
    """The pod's group, read only: its own quota throttles containers without touching their counters."""

    __slots__ = ("_stat", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stat = open_file(path / "cpu.stat", os.O_RDONLY)

    def throttled(self) -> int:
        """Periods in which the pod ran out of quota."""
        return value_of(read_file(self._stat, self.path), b"nr_throttled ")

    def close(self) -> None:
        os.close(self._stat)


class ContainerHandle:
    """One container's group. Not safe for several threads."""

    __slots__ = ("_burst", "_period", "_quota", "_stat", "_usage", "path", "read", "version")

    def __init__(self, layout: Layout, path: Path) -> None:
        """Open the files. Raises CgroupGone when the group is not there."""
        self.path = path
        self.version = layout.version
        opened: list[int] = []

        def keep(file: Path, flags: int) -> int:
            opened.append(open_file(file, flags))
            return opened[-1]

        try:
            self._stat = keep(path / "cpu.stat", os.O_RDONLY)
            if layout.version == 1:
                self._quota = keep(path / "cpu.cfs_quota_us", os.O_RDWR)
                self._period = keep(path / "cpu.cfs_period_us", os.O_RDONLY)
                self._usage = keep(layout.cpuacct_of(path) / "cpuacct.usage", os.O_RDONLY)
                burst = path / "cpu.cfs_burst_us"
            else:
                self._quota = keep(path / "cpu.max", os.O_RDWR)
                self._period = self._usage = -1
                burst = path / "cpu.max.burst"
            self._burst = keep(burst, os.O_RDWR) if burst.exists() else -1
        except CgroupError:
            for descriptor in opened:
                os.close(descriptor)
            raise
        self.read: Callable[[], Reading] = self._read_v1 if layout.version == 1 else self._read_v2

    @property
    def has_burst(self) -> bool:
        """Whether the kernel knows a burst allowance (5.14 and later)."""
        return self._burst >= 0

    def _read_v1(self) -> Reading:
        path = self.path
        stat = read_file(self._stat, path)
        return Reading(
            usage_ns=int(read_file(self._usage, path)),
            throttled=value_of(stat, b"nr_throttled "),
            quota_us=int(read_file(self._quota, path)),
            period_us=int(read_file(self._period, path)),
            burst_us=int(read_file(self._burst, path)) if self._burst >= 0 else 0,
        )

    def _read_v2(self) -> Reading:
        path = self.path
        stat = read_file(self._stat, path)
        quota, period = read_file(self._quota, path).split()
        return Reading(
            usage_ns=value_of(stat, b"usage_usec ") * 1000,
            throttled=value_of(stat, b"nr_throttled "),
            quota_us=UNLIMITED if quota == b"max" else int(quota),
            period_us=int(period),
            burst_us=int(read_file(self._burst, path)) if self._burst >= 0 else 0,
        )

    def write(self, quota_us: int, burst_us: int, now: Reading | None = None) -> Reading:
        """Put quota and burst in force and return what the kernel then says. Writes only what differs
        from `now`, the reading of this tick (read afresh when absent).

        Order: burst down, quota, burst up; the kernel refuses a quota below the burst. `burst_us` is cut to the quota.
        Raises QuotaRefused when the kernel does not take the quota, CgroupGone when the container ended.
        """
        now = now or self.read()
        if quota_us != UNLIMITED:
            quota_us = max(QUOTA_MIN_US, quota_us)
            burst_us = min(burst_us, quota_us)
        burst_us = max(0, burst_us) if self._burst >= 0 else 0
        if burst_us < now.burst_us:
            self.write_burst(burst_us)
        if quota_us != now.quota_us:
            self._write(self._quota, b"max" if quota_us == UNLIMITED and self.version == 2 else b"%d" % quota_us, "quota")
        if burst_us > now.burst_us:
            self.write_burst(burst_us)
        return self.read()

    def write_burst(self, burst_us: int) -> None:
        """Put only the burst in force; nothing where the kernel has none."""
        if self._burst >= 0:
            self._write(self._burst, b"%d" % burst_us, "burst")

    def _write(self, descriptor: int, value: bytes, what: str) -> None:
        try:
            write_file(descriptor, value, what, self.path)
        except CgroupError as error:
            if error.errno != errno.EINVAL:
                raise
            raise QuotaRefused(
                errno.EINVAL,
                f"the kernel refused {what} {value.decode()} us for {self.path}: above the parent's quota, below "
                f"the burst in force, or below {QUOTA_MIN_US} us",
            ) from error

    def close(self) -> None:
        """Close the descriptors; the group keeps what was written."""
        for descriptor in (self._stat, self._quota, self._period, self._usage, self._burst):
            if descriptor >= 0:
                os.close(descriptor)


def quota_us(milli_cpu: int, period_us: int = PERIOD_US) -> int:
    """The quota that the kubelet writes for a CPU limit, in microseconds (pkg/kubelet/cm, MilliCPUToQuota)."""
    return max(QUOTA_MIN_US, milli_cpu * period_us // 1000)


def open_file(file: Path, flags: int) -> int:
    """A descriptor of a CPU file. Raises CgroupGone when it is not there."""
    try:
        return os.open(file, flags | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in GONE:
            raise CgroupGone(error.errno, f"{file} is not there") from error
        raise CgroupError(error.errno or 0, f"cannot open {file} ({error.strerror}): mount the host's cgroups writable") from error


def read_file(descriptor: int, path: Path) -> bytes:
    """What a CPU file of the group `path` says. Raises CgroupGone when the group was removed."""
    try:
        return os.pread(descriptor, BUFFER, 0)
    except OSError as error:
        if error.errno in GONE:
            raise CgroupGone(error.errno, f"{path} is gone") from error
        raise CgroupError(error.errno or 0, f"cannot read a CPU file of {path} ({error.strerror})") from error


def write_file(descriptor: int, value: bytes, what: str, path: Path) -> None:
    """Write a CPU file of the group `path`. Raises CgroupGone when the group was removed, CgroupError with the kernel's number otherwise."""
    try:
        os.pwrite(descriptor, value, 0)
    except OSError as error:
        if error.errno in GONE:
            raise CgroupGone(error.errno, f"{path} is gone") from error
        raise CgroupError(error.errno or 0, f"cannot write {what} of {path} ({error.strerror}): mounted read-only?") from error


def value_of(stat: bytes, key: bytes) -> int:
    """The number behind `key` in a cpu.stat; 0 where the kernel does not count it (no CFS bandwidth)."""
    start = stat.find(key)
    if start < 0:
        return 0
    start += len(key)
    end = stat.find(b"\n", start)
    return int(stat[start:end] if end >= 0 else stat[start:])
