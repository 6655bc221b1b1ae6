"""A real Kubernetes on this machine without docker: compiled from its Go modules, in namespaces of its own, gone without a trace.

`Cluster.start` brings one up; `python -m hack.cluster` does the same for people. How it works and why: docs/designs/0002-local-cluster.md.
"""

from hack.cluster.cluster import Cluster
from hack.cluster.component import Component
from hack.cluster.errors import ClusterError
from hack.cluster.layout import Flavour
from hack.cluster.monitoring import Prometheus

__all__ = ["Cluster", "ClusterError", "Component", "Flavour", "Prometheus"]
