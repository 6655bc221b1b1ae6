"""The governor while somebody's resize is under way and does not end: for how long the kubelet is waited for, and what is given back then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flyball.agent.plans import HandsOff
from flyball.agent.pods import parse_pod
from flyball.agent.record import GUARD_SECONDS
from tests.unit.agent.builders import CONTAINER_ID, Crowd, Node, plan, pod
from tests.unit.agent.weights import given_back as weights_given_back
from tests.unit.agent.weights import pod_weight, set_weights, unlimited, weighed, weight
from tests.unit.cgroup.trees import v2_tree

IN_PROGRESS = ["PodResizeInProgress"]
WAIT = int(GUARD_SECONDS)


def stuck(**change: Any) -> dict[str, Any]:
    """Somebody set a memory limit below what is used: the kubelet tries again and again, and the CPU's limit stays."""
    return pod(**({"memory": "8Mi", "conditions": IN_PROGRESS} | change))


def given_back(node: Node, quota: int = 100_000) -> bool:
    return (node.quota(), node.burst()) == (quota, 0) and not node.governor.journal.entries()


def rest_of_the_hour(node: Node) -> None:
    """A tick a minute: nothing happens between."""
    for _ in range(59):
        node.now += 59.0
        node.run(1, throttled=10)


def test_an_hour_of_resize_costs_a_container_no_more_than_the_time_that_the_kubelet_is_waited_for(node: Node) -> None:
    before = node.controlled().quota()
    tally = node.tally()
    node.see(stuck())
    node.run(WAIT, throttled=10)
    assert (node.quota(), node.burst()) == (before, 0), "left to the kubelet"
    node.run(1, throttled=10)
    assert given_back(node)
    rest_of_the_hour(node)
    assert given_back(node)
    assert tally.hands_off[HandsOff.RESIZING] == 1
    assert tally.releases == {"Resizing": 1}


def test_when_the_resize_ends_after_all_control_begins_again(node: Node) -> None:
    node.controlled()
    node.see(stuck())
    node.run(3 * WAIT)
    node.see(pod(memory="8Mi"))
    node.run(50)
    assert node.quota() < 40_000
    assert node.burst() > 0


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (lambda node: node.planned(plan(action="Measure")), "Measure"),
        (lambda node: node.governor.freshness.gone(), "PlansStale"),
        (lambda node: node.governor.plan_gone("shop", "shop"), "PlanGone"),
        (lambda node: node.planned(plan(canary=0)), "NotInCanary"),
        (lambda node: node.see(stuck(annotations={"flyball.dev/control": "off"})), "OptedOut"),
        (lambda node: node.see(stuck(ready=False)), "LostReadiness"),
        (lambda node: node.see(stuck(ready_for=-53.0)), "Settling"),  # Ready anew, now
    ],
)
def test_whatever_else_forbids_to_act_gives_back_at_once_though_the_kubelet_is_waited_for(
    node: Node, what: Callable[[Node], None], reason: str
) -> None:
    node.controlled()
    tally = node.tally()
    node.see(stuck())
    node.run(3)
    assert node.quota() < 40_000
    what(node)
    node.run(1, renew=False)
    assert given_back(node)
    assert tally.releases == {reason: 1}


def test_a_lease_that_grows_old_during_a_resize_gives_back_when_it_is_old(node: Node) -> None:
    node.controlled()
    tally = node.tally()
    node.run(295, renew=False)
    node.see(stuck())
    node.run(4, renew=False)
    assert node.quota() < 100_000
    node.run(2, renew=False)
    assert given_back(node)
    assert tally.releases == {"PlansStale": 1}


def test_a_pod_that_is_not_ready_says_so_rather_than_that_it_is_resized(node: Node) -> None:
    node.make()
    node.planned(plan())
    node.renew()
    node.see(stuck(ready=False))
    node.run(3)
    assert node.tally().hands_off[HandsOff.NOT_READY] == 1


def test_an_agent_that_starts_during_a_resize_cannot_know_how_long_it_has_lasted_and_gives_back(node: Node) -> None:
    node.controlled()
    node.see(stuck())
    node.run(10)
    node.restart()
    node.governor.inherit(node.governor.journal.entries())
    node.planned(plan())
    node.see(stuck())
    node.renew()
    node.governor.settle_inheritance(node.now)
    assert given_back(node)


@pytest.mark.parametrize(("limit", "quota"), [("2", 100_000), ("250m", 25_000), ("1", 100_000)])
@pytest.mark.parametrize("why", ["waited long enough", "measures", "shutdown"])
def test_what_is_given_back_is_never_more_than_old_or_new_limit(node: Node, limit: str, quota: int, why: str) -> None:
    node.controlled()
    node.see(stuck(limit=limit, actual="1"))
    if why == "waited long enough":
        node.run(WAIT + 1)
    elif why == "measures":
        node.planned(plan(action="Measure"))
        node.run(1)
    else:
        node.run(1)
        assert node.governor.release_all("Shutdown") == 0
    assert given_back(node, quota)


def test_on_cgroup_v2_too_where_the_kernel_would_take_more(tmp_path: Path, play_kernel: list[tuple[str, str]]) -> None:
    node = Node(tmp_path)
    root = node.settings.cgroup_root
    shutil.rmtree(root)
    v2_tree(root, "kubepods/poduid-1", f"kubepods/poduid-1/{CONTAINER_ID}", limit="100000 100000")
    node.restart()
    node.planned(plan())
    node.see(pod())
    container = root / "kubepods" / "poduid-1" / CONTAINER_ID
    for _ in range(60):
        node.run(1)
    assert int((container / "cpu.max").read_text().split()[0]) < 40_000
    node.see(stuck(limit="2", actual="1"))
    node.run(WAIT + 1)
    assert (container / "cpu.max").read_text().split()[0] == "100000"
    assert (container / "cpu.max.burst").read_text().strip() == "0"


def test_what_the_kubelet_has_written_meanwhile_stays(node: Node) -> None:
    node.controlled()
    node.see(stuck(limit="2", actual="1"))
    node.write(200_000)
    node.run(WAIT + 1)
    rest_of_the_hour(node)
    assert given_back(node, 200_000)


def test_what_was_found_in_force_is_given_back_though_the_status_lags_behind(node: Node) -> None:
    node.controlled()
    node.see(pod(limit="2", actual="1", conditions=["PodResizePending"]))
    node.write(200_000)
    node.run(5)
    assert node.quota() < 100_000, "adopted, and back under control"
    node.governor.release_all("Shutdown")
    assert given_back(node, 200_000)


def test_specs_that_change_again_and_again_do_not_prolong_the_wait(node: Node) -> None:
    node.controlled()
    for limit in ("2", "3", "4", "5"):
        node.see(pod(limit=limit, actual="1"))
        node.run(10, throttled=10)
    assert given_back(node)


def test_a_status_that_comes_and_goes_does_not_prolong_it_either(node: Node) -> None:
    node.controlled()
    for second in range(WAIT + 1):
        node.see(pod(memory="8Mi"))
        node.see(stuck(actual=f"{1000 + second}m"))
        node.run(1, throttled=10)
    assert given_back(node)


class TestWeights:
    """Containers without a limit, and the weight of their pod."""

    def stuck(self, **change: Any) -> dict[str, Any]:
        return unlimited(**({"memory": "8Mi", "conditions": IN_PROGRESS} | change))

    def test_an_hour_of_resize_costs_no_more_than_the_time_that_the_kubelet_is_waited_for(self, node: Node, lowered: Crowd) -> None:
        before = weight(node), pod_weight(node)
        tally = node.tally()
        node.see(self.stuck())
        lowered.run(node, WAIT, waited=0.8, cores=0.2)
        assert (weight(node), pod_weight(node)) == before
        lowered.run(node, 1, waited=0.8, cores=0.2)
        assert weights_given_back(node)
        rest_of_the_hour(node)
        assert weights_given_back(node)
        assert tally.releases == {"Resizing": 1}
        node.see(unlimited(memory="8Mi"))
        lowered.run(node, 60, waited=0.0, cores=0.2)
        assert max(weight(node), pod_weight(node)) < 300

    @pytest.mark.parametrize(
        ("what", "reason"),
        [
            (lambda node: node.planned(weighed(action="Measure")), "Measure"),
            (lambda node: node.governor.freshness.gone(), "PlansStale"),
            (lambda node: node.planned(weighed(canary=0)), "NotInCanary"),
        ],
    )
    def test_whatever_else_forbids_to_act_gives_container_and_pod_back_at_once(
        self, node: Node, lowered: Crowd, what: Callable[[Node], None], reason: str
    ) -> None:
        tally = node.tally()
        node.see(self.stuck())
        lowered.run(node, 3, waited=0.0, cores=0.2)
        assert max(weight(node), pod_weight(node)) < 300
        what(node)
        node.run(1, renew=False)
        assert weights_given_back(node)
        assert tally.releases == {reason: 1}

    def test_an_agent_that_starts_during_a_resize_gives_both_back(self, node: Node, lowered: Crowd) -> None:
        node.see(self.stuck())
        lowered.run(node, 3, waited=0.0, cores=0.2)
        node.restart()
        node.governor.inherit(node.governor.journal.entries())
        node.planned(weighed())
        node.see(self.stuck())
        node.renew()
        node.governor.settle_inheritance(node.now)
        assert weights_given_back(node)

    @pytest.mark.parametrize(("requested", "spec"), [("2", 1024), ("500m", 512)])
    def test_what_is_given_back_is_never_more_than_old_or_new_request(self, node: Node, lowered: Crowd, requested: str, spec: int) -> None:
        node.see(self.stuck(request=requested, actual_request="1"))
        lowered.run(node, WAIT + 1, waited=0.0, cores=0.2)
        assert weights_given_back(node, spec)

    def test_what_the_kubelet_has_written_meanwhile_stays(self, node: Node, lowered: Crowd) -> None:
        node.see(self.stuck(request="2", actual_request="1"))
        set_weights(node, 2048, 2048)
        lowered.run(node, 3 * WAIT, waited=0.0, cores=0.2)
        assert weights_given_back(node, 2048)


def test_a_pods_request_counts_as_granted_as_far_as_the_kubelet_has_put_it_in_force() -> None:
    assert parse_pod(unlimited(request="2", actual_request="1")).request_grant_milli == 1000
    assert parse_pod(unlimited(request="500m", actual_request="1")).request_grant_milli == 500
    assert parse_pod(unlimited(request=None)).request_grant_milli == 0
