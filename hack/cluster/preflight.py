"""What a machine must have before a local cluster starts on it; what Debian packages, is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hack.cluster import cgroups, images, tools
from hack.cluster.errors import ClusterError
from hack.cluster.layout import Flavour

COMMON = {"ip": "iproute2", "nsenter": "util-linux", "unshare": "util-linux"}
NODE = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
}
"""Command or file -> Debian package."""

_INSTALL = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "--no-remove"]
"""What would displace a package of this machine (busybox-static displaces busybox) is left for its owner to decide."""


def why_not(flavour: Flavour) -> str | None:
    """One sentence that says why a cluster of this flavour cannot run here, or None. Installs nothing."""
    if sys.platform != "linux":
        return f"A local cluster needs Linux; this is {sys.platform}. Use kind instead: kind create cluster --config kind-config.yaml"
    if os.geteuid() != 0:
        return "A local cluster needs root (namespaces, cgroups, network): run it with sudo, or use kind."
    if flavour is Flavour.NODE:
        try:
            cgroups.check()
        except ClusterError as error:
            return str(error)
    missing = _missing(flavour)
    if missing and not shutil.which("apt-get"):
        return f"A local cluster needs {', '.join(sorted(missing))}, and this machine has no apt-get to install them."
    return tools.why_not("kit")


def prepare(flavour: Flavour, progress: Callable[[str], None]) -> None:
    """Check the machine and install what is missing. Raises ClusterError with a sentence."""
    if reason := why_not(flavour):
        raise ClusterError(reason)
    if missing := _missing(flavour):
        progress(f"installing Debian packages: {' '.join(sorted(missing))}")
        install(missing)


def install(packages: set[str]) -> None:
    """Install Debian packages. Raises ClusterError with apt's last lines."""
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (["apt-get", "update", "-q"], _INSTALL + sorted(packages)):
        done = subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            end = "\n".join(done.stdout.splitlines()[-8:])
            raise ClusterError(f"`{' '.join(command)}` failed:\n{end}")


def _missing(flavour: Flavour) -> set[str]:
    needed = COMMON | (NODE if flavour is Flavour.NODE else {})
    missing = {package for command, package in needed.items() if not shutil.which(command)}
    return missing | ({"busybox-static"} if flavour is Flavour.NODE and not images.static(Path("/bin/busybox")) else set())
