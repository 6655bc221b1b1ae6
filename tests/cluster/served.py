"""Installs the CRDs of this checkout in a cluster; returns once their objects can be made."""

from __future__ import annotations

from hack.cluster import Cluster
from hack.cluster.layout import REPOSITORY
from hack.cluster.process import poll
from tests.cluster.rest import GROUP_PATH, Rest


def served(cluster: Cluster) -> Rest:
    """Apply crds/ and wait for the API server to serve them."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(REPOSITORY / "crds"))
    rest = Rest(cluster.kubeconfig)
    paths = [f"{GROUP_PATH}/default/{plural}" for plural in ("latencyslos", "predictiveautoscalers", "throttleplans")]
    assert poll(lambda: all(rest.call("GET", path).code == 200 for path in paths), 30), "the CRDs were applied and are not served"
    return rest
