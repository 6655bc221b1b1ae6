"""Clusters for the tests: one API server and one node a run, started when the first test asks for them.

`make test` runs two processes side by side: the node tier in one, everything else in the other. There the unit tests come first, and stand back for
what needs a processor in time.

A tier that this machine cannot run is skipped, loudly: the closing lines name it with the reason. With FLYBALL_REQUIRE_TIERS set (CI), it is
an error.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from hack.cluster import Cluster, Flavour, preflight
from hack.cluster.process import poll

STANDING_BACK = 15
"""Nice value: a thirtieth of the weight of a process that does not stand back."""

_not_run: dict[str, str] = {}
_numbers = itertools.count(1)


class SideBySide(LoadScopeScheduling):
    """Two lines of work for `-n 2`: each test of a line runs in the same process, in order."""

    def _split_scope(self, nodeid: str) -> str:
        return "node" if nodeid.startswith("tests/node/") else "beside"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SideBySide:
    return SideBySide(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick ones first: what is wrong shows early. On the node those first that look at the whole machine, while no cluster is up beside theirs, and
    the demo last, when the other line of tests is through: on a machine that they slow down there is nothing to save."""
    first, last = "tests/node/test_local_cluster.py", "tests/node/test_demo.py"
    items.sort(key=lambda item: (_rank(item), not item.nodeid.startswith(first), item.nodeid.startswith(last)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Beside other tests, one without a cluster takes the processor time that those leave. Root alone may come back from that."""
    if "PYTEST_XDIST_WORKER" not in os.environ or os.geteuid() or _rank(item):
        return (yield)
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(usual, STANDING_BACK))
    try:
        return (yield)
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


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
    # Its controller asks an API server that was away again after up to half a minute, and then reads what there is.
    assert poll(lambda: _exists(cluster, account), 90), f"no default service account in {name}"
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


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["not_run"] = _not_run


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of the processes has ended: what it did not run counts for the whole."""
    _not_run.update(getattr(node, "workeroutput", {}).get("not_run", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _not_run:
        terminalreporter.section("tiers not run on this machine", sep="!", red=True, bold=True)
        for tier, reason in _not_run.items():
            terminalreporter.line(f"{tier}: {reason}")


def _rank(item: pytest.Item) -> int:
    """0 without a cluster, 1 on an API server, 2 on a node."""
    return {"cluster": 1, "node": 2}.get(Path(item.nodeid).parts[1], 0)


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
