"""The governor where a part of it fails, again and again: no container keeps less than its limit because of it, and nothing is left open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flyball.agent.main import tick_until
from flyball.agent.podweight import PodWeight
from flyball.agent.server import Health
from flyball.agent.track import Track
from flyball.agent.weigh import WeightTrack
from flyball.cgroup.errors import CgroupError
from tests.unit.agent.builders import Crowd, Node, plan, pod
from tests.unit.agent.weights import given_back as weights_given_back
from tests.unit.agent.weights import pod_weight, unlimited, weighed, weight


def given_back(node: Node) -> bool:
    return (node.quota(), node.burst()) == (100_000, 0) and not node.governor.journal.entries()


def fails(error: Exception) -> Callable[..., Any]:
    def failing(*_: Any, **__: Any) -> Any:
        raise error

    return failing


def open_below(folder: Path) -> int:
    """How many descriptors this process has open on files below a folder."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile: the one of this listing
            found.append(str(descriptor.readlink()).startswith(str(folder)))
    return sum(found)


@pytest.mark.parametrize("error", [ZeroDivisionError("a fault of the program"), OSError(5, "a fault of the machine")])
def test_a_container_whose_step_fails_is_given_back_and_controlled_again_when_it_no_longer_does(
    node: Node, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    node.controlled()
    with monkeypatch.context() as broken:
        broken.setattr("flyball.agent.track.decide", fails(error))
        node.run(1, throttled=10)
        assert given_back(node)
        node.run(5, throttled=10)
        assert given_back(node)
        assert node.governor.tallies.errors["container"] == 6
        assert node.tally().releases == {"Failed": 1}
    node.run(50)
    assert node.quota() < 40_000


def test_a_pod_whose_weight_cannot_be_followed_is_given_back(node: Node, lowered: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PodWeight, "_wanted", fails(ZeroDivisionError()))
    lowered.run(node, 1, waited=0.0, cores=0.2)
    assert pod_weight(node) == 1024
    assert node.governor.tallies.errors["pod"] == 1


def test_pod_counters_that_cannot_be_read_stop_no_container(node: Node) -> None:
    before = node.controlled().quota()
    (node.group().parent / "cpu.stat").write_text("nr_throttled many\n")
    node.run(2, cores=before / 100_000, throttled=10)
    assert node.quota() > before


async def test_an_agent_whose_ticks_all_fail_is_not_healthy_for_it() -> None:
    class Broken:
        def __init__(self) -> None:
            self.ticks = 0
            self.tallies = self
            self.errors = {"tick": 0}
            self.ticks_late = 0

        def tick(self, now: float) -> None:
            self.ticks += 1
            if self.ticks == 3:
                stop.set()
            raise ZeroDivisionError

        def ticked(self, seconds: float) -> None:
            pass

    stop, broken, health = asyncio.Event(), Broken(), Health(0.001, lambda: True)
    health.ticked = begun = health.ticked - 1.0
    watching: asyncio.Task[None] = asyncio.create_task(asyncio.Event().wait())  # type: ignore[arg-type]
    await tick_until(stop, watching, broken, health)  # type: ignore[arg-type]
    watching.cancel()
    assert (broken.ticks, broken.errors["tick"]) == (3, 3)
    assert health.ticked == begun


class TestTakingOver:
    """A group that an earlier agent lowered, and that cannot be read when the next one wants to take it over."""

    def next_agent(self, node: Node, plan: dict[str, Any], pod: dict[str, Any]) -> int:
        """Descriptors that are open before it looks at the node."""
        node.governor.close()
        node.restart()
        before = open_below(node.settings.cgroup_root)
        node.governor.inherit(node.governor.journal.entries())
        node.planned(plan)
        node.see(pod)
        node.renew()
        return before

    @pytest.mark.parametrize("error", [CgroupError(5, "cannot read"), ValueError("not a number")])
    def test_a_quota_stays_in_the_journal_and_is_given_back_by_it(self, node: Node, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        node.controlled()
        before = self.next_agent(node, plan(), pod())
        monkeypatch.setattr(Track, "inherit", fails(error))
        node.governor.settle_inheritance(node.now)
        assert given_back(node)
        (record,) = node.governor.records.values()
        assert not record.tracks
        assert open_below(node.settings.cgroup_root) - before == 1, "the pod's own counters"

    @pytest.mark.parametrize("heir", [WeightTrack, PodWeight])
    def test_weights_stay_in_the_journal_and_are_given_back_by_it(
        self, node: Node, lowered: Crowd, monkeypatch: pytest.MonkeyPatch, heir: type[WeightTrack | PodWeight]
    ) -> None:
        before = self.next_agent(node, weighed(), unlimited())
        monkeypatch.setattr(heir, "inherit", fails(CgroupError(5, "cannot read")))
        node.governor.settle_inheritance(node.now)
        assert weights_given_back(node)
        (record,) = node.governor.records.values()
        assert not record.tracks
        assert (record.weight is None) == (heir is PodWeight)
        assert open_below(node.settings.cgroup_root) - before == (1 if heir is PodWeight else 3), "the pod's own counters, and its weight and use"

    def test_one_that_can_be_read_later_is_taken_over_then(self, node: Node, lowered: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
        low = weight(node)
        self.next_agent(node, weighed(), unlimited())
        with monkeypatch.context() as broken:
            broken.setattr(WeightTrack, "inherit", fails(CgroupError(5, "cannot read")))
            broken.setattr("flyball.agent.inheritance.Inheritance._give_back", fails(CgroupError(5, "cannot read")))
            node.governor.settle_inheritance(node.now)
        assert weight(node) == low
        lowered.run(node, 3, waited=0.0, cores=0.2)
        (record,) = node.governor.records.values()
        assert [track.lowered for track in record.tracks.values()] == [True]
        assert node.governor.release_all("Shutdown") == 0
        assert weights_given_back(node)
