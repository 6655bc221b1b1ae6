"""What can go wrong with a control group, as types with a sentence that a user can act on."""

from __future__ import annotations


class CgroupError(OSError):
    """Reading or writing a control group failed; the message names the path and what to do."""


class CgroupGone(CgroupError):
    """The control group was removed: its container ended."""


class QuotaRefused(CgroupError):
    """The kernel refused a quota or burst (EINVAL): on v1 a child's quota may not exceed its parent's, and the burst not the quota."""


class NoCpuController(CgroupError):
    """No cgroup hierarchy with a CPU controller lies where it was looked for."""
