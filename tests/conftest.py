"""Clusters for the tests: one API server and one node a run, started when the first test asks for them.

A tier that this machine cannot run is skipped, loudly: the closing lines name it with the reason. With FLYBALL_REQUIRE_TIERS set (CI), it is
an error.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from hack.cluster import Cluster, Flavour, preflight
from hack.cluster.process import poll

_not_run: dict[str, str] = {}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def api_cluster() -> Iterator[Cluster]:
    """etcd, API server, controller manager and scheduler; no pod runs."""
    yield from _cluster("cluster", Flavour.API)


@pytest.fixture(scope="session")
def node_cluster() -> Iterator[Cluster]:
    """The same with one real node."""
    yield from _cluster("node", Flavour.NODE)


@pytest.fixture
def new_namespace() -> str:
    """A name for a namespace that no other test of the run uses."""
    return f"test-{next(_numbers)}"


def make_namespace(cluster: Cluster, name: str) -> str:
    """Make a namespace and wait until pods can be made in it."""
    cluster.kubectl("create", "namespace", name)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    assert poll(lambda: _exists(cluster, account), 30), f"no default service account in {name}"
    return name


@pytest.fixture
def api_namespace(api_cluster: Cluster, new_namespace: str) -> str:
    """A fresh namespace of the API cluster."""
    return make_namespace(api_cluster, new_namespace)


@pytest.fixture
def node_namespace(node_cluster: Cluster, new_namespace: str) -> Iterator[str]:
    """A fresh namespace of the node cluster; its pods end with the test."""
    yield make_namespace(node_cluster, new_namespace)
    node_cluster.kubectl("delete", "namespace", new_namespace, "--wait=false")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _not_run:
        terminalreporter.section("tiers not run on this machine", sep="!", red=True, bold=True)
        for tier, reason in _not_run.items():
            terminalreporter.line(f"{tier}: {reason}")


def _cluster(tier: str, flavour: Flavour) -> Iterator[Cluster]:
    if reason := preflight.why_not(flavour):
        if os.environ.get("FLYBALL_REQUIRE_TIERS"):
            pytest.fail(f"the tier {tier} is required and cannot run here: {reason}", pytrace=False)
        _not_run[tier] = reason
        pytest.skip(reason)
    with Cluster.start(f"test-{tier}-{os.getpid()}", flavour, owned=True) as cluster:
        yield cluster


def _exists(cluster: Cluster, path: str) -> bool:
    try:
        cluster.get(path)
    except OSError:
        return False
    return True
