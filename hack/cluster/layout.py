"""Where everything of one cluster lies: names, addresses, ports, folders. Pure, apart from `choose`, which looks for a free address range."""

from __future__ import annotations

import enum
import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.errors import ClusterError

RANGES = 16
"""Clusters side by side on one machine; more than two are a mistake on two cores."""

REPOSITORY = Path(__file__).resolve().parents[2]


class Flavour(enum.Enum):
    """How much of Kubernetes runs."""

    API = "api"
    """etcd, API server, controller manager, scheduler: semantics, no pods running."""
    NODE = "node"
    """The same with one real node: kubelet, containerd, kube-proxy."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One cluster's places. `index` sets it apart from its neighbours in addresses, interface and cgroup."""

    name: str
    flavour: Flavour
    index: int
    home: Path

    node_name = "flyball-node"
    api_port, etcd_port, etcd_peer_port = 6443, 2379, 2380
    kubelet_port, controllers_port, scheduler_port, prometheus_port = 10250, 10257, 10259, 9090

    @property
    def host_ip(self) -> str:
        """The machine's own address as pods see it."""
        return f"10.250.{self.index}.254"

    @property
    def node_ip(self) -> str:
        return f"10.250.{self.index}.1"

    @property
    def node_net(self) -> str:
        return f"10.250.{self.index}.0/24"

    @property
    def pod_net(self) -> str:
        return f"10.251.{self.index}.0/24"

    @property
    def service_net(self) -> str:
        return f"10.252.{self.index}.0/24"

    @property
    def service_ip(self) -> str:
        """Address of the Service `kubernetes`: the first of the range, by convention."""
        return f"10.252.{self.index}.1"

    @property
    def interface(self) -> str:
        """The host's end of the veth pair."""
        return f"flyball{self.index}"

    @property
    def cgroup(self) -> str:
        """Folder under each cgroup hierarchy that holds the node's pods."""
        return f"flyball-{self.index}"

    @property
    def api_url(self) -> str:
        return f"https://{self.node_ip}:{self.api_port}"

    @property
    def data(self) -> Path:
        """Fast, forgotten state: a tmpfs that only the cluster's own mount namespace sees."""
        return self.home / "data"

    @property
    def pki(self) -> Path:
        return self.home / "pki"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def containerd_socket(self) -> Path:
        return self.data / "containerd.sock"

    def kubeconfig(self, user: str) -> Path:
        return self.home / f"{user}.kubeconfig"

    def save(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "layout.json").write_text(json.dumps({"flavour": self.flavour.value, "index": self.index}))


def home(name: str) -> Path:
    """The folder of the cluster called `name`."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?", name):
        raise ClusterError(f"{name!r} is no name for a cluster: lower-case letters, digits and dashes, at most 32 characters.")
    return REPOSITORY / "build" / "cluster" / name


def load(name: str) -> Layout | None:
    """The layout of a cluster that was started earlier, if there is one."""
    file = home(name) / "layout.json"
    if not file.exists():
        return None
    stored = json.loads(file.read_text())
    return Layout(name, Flavour(stored["flavour"]), stored["index"], home(name))


def choose(name: str, flavour: Flavour) -> Layout:
    """A layout in an address range that nothing on this machine uses."""
    taken = {interface for _, interface in socket.if_nameindex()}
    routes = _routed_second_octets()
    for index in range(RANGES):
        layout = Layout(name, flavour, index, home(name))
        if layout.interface not in taken and not routes & {(10, second, index) for second in (250, 251, 252)}:
            return layout
    raise ClusterError(f"All {RANGES} address ranges for local clusters are in use; `make cluster-down` removes the ones that are left over.")


def _routed_second_octets() -> set[tuple[int, int, int]]:
    """First three octets of every destination in the machine's IPv4 routes."""
    found = set()
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        octets = bytes.fromhex(line.split()[1])[::-1]
        found.add((octets[0], octets[1], octets[2]))
    return found
