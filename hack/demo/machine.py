"""How busy the machine is while the demo runs: load generator, cluster and shop share it, and whoever else is on it takes from all of them."""

from __future__ import annotations

import os
from pathlib import Path

STAT = Path("/proc/stat")
CROWDED_SHARE = 0.9
"""Above this, for ten seconds, requests wait for a core whatever quotas say."""


def busy_core_seconds(stat: Path = STAT) -> float | None:
    """Core seconds since boot in which the machine's cores were not to be had: working, or given to other guests by the hypervisor.

    None where there is no /proc/stat. Source: proc(5), first line: user nice system idle iowait irq softirq steal guest guest_nice.
    """
    try:
        user, nice, system, _idle, _iowait, irq, softirq, steal, *_guests = map(int, stat.read_text().split("\n", 1)[0].split()[1:])
    except OSError:
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def cores() -> int:
    return os.cpu_count() or 1
