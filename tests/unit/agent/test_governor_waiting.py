"""The governor where tasks wait for a CPU: others have the cores, or one another."""

from __future__ import annotations

import pytest

from tests.unit.agent.builders import Crowd, Node, plan, pod


@pytest.fixture
def crowd(node: Node, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """What the only container of the node waits."""
    made = Crowd()
    monkeypatch.setattr("flyball.agent.locator.open_waiting", lambda *_: made)
    monkeypatch.setattr("flyball.agent.governor.NodeIdle.read", lambda _: made.idle)
    node.make()
    node.planned(plan())
    node.renew()
    node.see(pod())
    return made


def test_no_quota_is_cut_while_others_have_the_cpus(node: Node, crowd: Crowd) -> None:
    crowd.run(node, 20, waited=0.9, cores=0.1)
    assert node.quota() == 100_000
    crowd.run(node, 40, waited=0.0, cores=0.1)
    assert node.quota() < 40_000
    assert node.tally().waited_seconds == pytest.approx(19 * 0.9)  # since the second look


def test_what_tasks_wait_while_a_cpu_stands_idle_they_wait_for_one_another(node: Node, crowd: Crowd) -> None:
    crowd.idle = 0.5
    crowd.run(node, 40, waited=0.9, cores=0.1)
    assert node.quota() < 40_000


def test_where_only_the_time_is_known_in_which_some_task_waited_as_many_are_taken_to_wait_as_run(node: Node, crowd: Crowd) -> None:
    crowd.stalls = True
    crowd.run(node, 11, waited=0.5, cores=3.0)
    assert node.tally().waited_seconds == pytest.approx(10 * 0.5 * 3.0)


def test_when_the_container_is_dropped_its_descriptors_are_closed(node: Node, crowd: Crowd) -> None:
    node.run(2)
    node.governor.pod_gone("uid-1")
    assert crowd.closed
