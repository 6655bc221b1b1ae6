"""Layout: which cgroup version a node has and where its CPU files lie.

First step of the agent's start. v1 has a folder a controller (`cpu`, `cpuacct`, often one folder for both), v2 one tree for all.
Source: kernel Documentation/admin-guide/cgroup-v1, cgroup-v2.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flyball.cgroup.errors import NoCpuController

# The names under which distributions mount the two controllers, singly or together.
V1_CPU = ("cpu", "cpu,cpuacct", "cpuacct,cpu")
V1_CPUACCT = ("cpuacct", "cpu,cpuacct", "cpuacct,cpu")


@dataclass(frozen=True, slots=True)
class Layout:
    """Roots of the trees in which pods' control groups lie. On v2 both are the same."""

    version: int
    cpu: Path
    cpuacct: Path

    def cpuacct_of(self, group: Path) -> Path:
        """The folder of the same group in the accounting tree."""
        return self.cpuacct / group.relative_to(self.cpu)


def detect(root: Path) -> Layout:
    """The layout under `root` (usually /sys/fs/cgroup). Raises NoCpuController when there is none.

    v1 first: on a hybrid mount `root` holds v1 controllers and an empty v2 tree beside them, and the runtime uses v1 for CPU.
    """
    cpu = next((root / name for name in V1_CPU if (root / name / "cpu.shares").exists()), None)
    if cpu is not None:
        cpuacct = next((root / name for name in V1_CPUACCT if (root / name / "cpuacct.usage").exists()), None)
        if cpuacct is None:
            raise NoCpuController(f"beside the cgroup v1 controller {cpu} lies no cpuacct controller: mount it at {root}/cpuacct")
        return Layout(1, cpu, cpuacct)
    controllers = root / "cgroup.controllers"
    if controllers.exists():
        if "cpu" not in controllers.read_text().split():
            raise NoCpuController(f"the cgroup v2 tree at {root} has no cpu controller: enable it in its parent's cgroup.subtree_control")
        return Layout(2, root, root)
    raise NoCpuController(f"no cgroup tree with a cpu controller at {root}: mount the host's /sys/fs/cgroup there, or set cgroup_root")
