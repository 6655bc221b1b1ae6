"""What the agent's tests on the node share: a cluster that knows the kinds, and a Lease that somebody renews."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hack.cluster import Cluster
from tests.node.agentkit import Renewer, install


@pytest.fixture(scope="module")
def installed(node_cluster: Cluster) -> Cluster:
    install(node_cluster)
    return node_cluster


@pytest.fixture
def renewer(installed: Cluster) -> Iterator[Renewer]:
    renewer = Renewer(installed)
    yield renewer
    renewer.stop()
