"""Discovery: from a pod's UID and a container's id to their control groups, by walking, never by a fixed path.

Runs when the agent meets a pod that it has not located. Drivers and runtimes differ in names: cgroupfs has `pod<uid>/<id>`, systemd
`kubepods-burstable-pod<uid with underscores>.slice/<prefix>-<id>.scope`; the tree above varies with the kubelet's cgroupRoot.
Source: kubelet pkg/kubelet/cm (pod names), containerd, CRI-O and cri-dockerd (scope names).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

# kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/...-pod.slice is 4 deep; a kind node
# within a cgroupRoot adds up to 4.
DEPTH_MAX = 8


def find_pods(cpu_root: Path, uids: Iterable[str]) -> dict[str, Path]:
    """The control group of each pod that is there, by UID. Unreadable or vanishing folders are passed over."""
    wanted = {uid.replace("-", "_"): uid for uid in uids}
    found: dict[str, Path] = {}
    level = [str(cpu_root)]
    for _ in range(DEPTH_MAX):
        below: list[str] = []
        for folder in level:
            for name in _folders(folder):
                uid = wanted.get(_pod_uid(name))
                if uid is not None:
                    found[uid] = Path(folder, name)
                elif not name.endswith(".scope"):
                    below.append(f"{folder}/{name}")
        if len(found) == len(wanted) or not below:
            break
        level = below
    return found


def find_container(pod: Path, container_id: str) -> Path | None:
    """The control group of a container in its pod's; `container_id` without the runtime's scheme. None when it is not there (yet).

    crun under CRI-O puts the processes in a child named `container`; that one is meant where it carries a quota of its own.
    """
    for name in _folders(str(pod)):
        if _container_id(name) == container_id:
            group = pod / name
            child = group / "container"
            return child if _limited(child) and not _limited(group) else group
    return None


def bare_id(container_id: str) -> str:
    """`containerd://abc` as the API has it -> `abc`."""
    return container_id.rpartition("://")[2]


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _pod_uid(name: str) -> str:
    """The UID in a pod folder's name with underscores, else an empty string."""
    stem = name.removesuffix(".slice")
    if stem.startswith("pod"):
        return stem[3:].replace("-", "_")
    return stem.rpartition("-pod")[2].replace("-", "_") if "-pod" in stem else ""


def _container_id(name: str) -> str:
    """The id in a container folder's name: `<id>`, `cri-containerd-<id>.scope`, `crio-<id>.scope`, `docker-<id>.scope`."""
    if name.endswith(".scope"):
        return name.removesuffix(".scope").rpartition("-")[2]
    return name


def _limited(group: Path) -> bool:
    try:
        return not (group / "cpu.max").read_text().startswith("max")
    except OSError:
        return False
