"""Weights that others need or write too: the pod's other containers, the kubelet and other writers, the agent before this one."""

from __future__ import annotations

import shutil

import pytest

from flyball.agent.plans import HandsOff
from tests.unit.agent.builders import Crowd, Node, pod
from tests.unit.agent.weights import ONLY_APP, OTHER_ID, SPEC, given_back, pod_weight, set_weights, unlimited, weighed, weight, with_sidecar


class TestOthersInThePod:
    """What the pod's other containers need stays in the pod's weight."""

    @pytest.fixture
    def beside(self, node: Node, crowd: Crowd) -> Crowd:
        node.make(OTHER_ID)
        set_weights(node, pod=1536)
        node.planned(weighed(containers=ONLY_APP))
        node.see(with_sidecar())
        return crowd

    def live(self, node: Node, crowd: Crowd, seconds: int, others: float) -> None:
        usage = node.settings.cgroup_root / "cpuacct" / "kubepods" / "poduid-1" / "cpuacct.usage"
        for _ in range(seconds):
            usage.write_text(str(int(usage.read_text()) + int((0.2 + others) * 1e9)))
            crowd.run(node, 1, waited=0.0, cores=0.2)

    def test_their_requests_stay(self, node: Node, beside: Crowd) -> None:
        self.live(node, beside, 60, others=0.1)
        assert weight(node) < 300
        assert pod_weight(node) == pytest.approx(weight(node) + 512, rel=0.02)

    def test_what_they_use_beyond_their_requests_stays_too(self, node: Node, beside: Crowd) -> None:
        self.live(node, beside, 60, others=0.9)
        assert pod_weight(node) == pytest.approx(weight(node) + 922, rel=0.03), "within the dead band"

    def test_of_two_by_weight_each_gives_up_its_own(self, node: Node, beside: Crowd) -> None:
        raw = with_sidecar()
        raw["status"]["containerStatuses"].append({"name": "proxy", "containerID": f"containerd://{OTHER_ID}", "state": {"running": {}}})
        set_weights(node, pod=1536)
        (node.group(OTHER_ID) / "cpu.shares").write_text("512")
        node.planned(weighed())
        node.see(raw)
        self.live(node, beside, 90, others=0.0)
        assert (205 <= weight(node) <= 215, weight(node, OTHER_ID)) == (True, 52)
        assert pod_weight(node) == pytest.approx(weight(node) + 52, rel=0.03)
        assert node.governor.release_all("Shutdown") == 0
        assert (weight(node), weight(node, OTHER_ID), pod_weight(node)) == (SPEC, 512, 1536)

    def test_the_pod_never_has_more_than_it_requests(self, node: Node, beside: Crowd) -> None:
        self.live(node, beside, 60, others=6.0)
        assert pod_weight(node) == 1536
        node.governor.release_all("Shutdown")
        assert (weight(node), pod_weight(node)) == (SPEC, 1536)

    def test_a_container_with_a_limit_beside_goes_by_quota(self, node: Node, beside: Crowd) -> None:
        raw = with_sidecar()
        raw["spec"]["containers"][1]["resources"]["limits"] = {"cpu": "1"}
        raw["status"]["containerStatuses"].append({"name": "proxy", "containerID": f"containerd://{OTHER_ID}", "state": {"running": {}}})
        node.planned(weighed())
        node.see(raw)
        node.write(100_000, OTHER_ID)
        self.live(node, beside, 60, others=0.0)
        assert weight(node) < 300
        assert node.quota(OTHER_ID) < 100_000
        assert (weight(node, OTHER_ID), node.quota()) == (1024, -1)
        assert node.governor.release_all("Shutdown") == 0
        assert (weight(node), pod_weight(node), node.quota(OTHER_ID)) == (SPEC, 1536, 100_000)


class TestOtherWriters:
    """The kubelet and others write the same files."""

    def test_after_a_resize_the_new_request_holds_and_it_is_no_drift(self, node: Node, lowered: Crowd) -> None:
        before = weight(node)
        node.see(unlimited(request="2", actual_request="1"))
        lowered.run(node, 2, waited=0.0, cores=0.2)
        set_weights(node, 2048, 2048)
        node.see(unlimited(request="2", actual_request="2"))
        lowered.run(node, 1, waited=0.0, cores=0.2)
        assert weight(node) == 2048, "adopted"
        lowered.run(node, 2, waited=0.0, cores=0.2)
        assert weight(node) == pytest.approx(before, rel=0.05)
        assert pod_weight(node) == pytest.approx(before, rel=0.05)
        assert node.tally().drift == 0
        node.governor.release_all("Shutdown")
        assert given_back(node, 2048)

    def test_while_a_resize_is_carried_out_the_weights_are_left_to_the_kubelet(self, node: Node, lowered: Crowd) -> None:
        before = weight(node), pod_weight(node)
        node.see(unlimited(request="2", actual_request="1"))
        lowered.run(node, 5, waited=0.8, cores=0.2)
        assert (weight(node), pod_weight(node)) == before
        assert node.tally().hands_off[HandsOff.RESIZING] == 1

    @pytest.mark.parametrize("whose", ["container", "pod"])
    def test_somebody_elses_write_is_drift_and_control_goes_on(self, node: Node, lowered: Crowd, whose: str) -> None:
        set_weights(node, **{whose: 700})
        lowered.run(node, 3, waited=0.0, cores=0.2)
        assert node.tally().drift == 1
        assert weight(node) < 300
        assert pod_weight(node) < 300

    @pytest.mark.parametrize("whose", ["container", "pod"])
    def test_who_keeps_writing_is_not_fought_but_left_alone(self, node: Node, lowered: Crowd, whose: str) -> None:
        for _ in range(3):
            set_weights(node, **{whose: 700})
            lowered.run(node, 3, waited=0.0, cores=0.2)
        set_weights(node, **{whose: 700})
        lowered.run(node, 3, waited=0.0, cores=0.2)
        assert (weight(node), pod_weight(node)) == ((700, SPEC) if whose == "container" else (SPEC, 700))
        assert node.tally().hands_off[HandsOff.CONTESTED] == 1
        assert not node.governor.journal.entries()

    def test_a_release_leaves_alone_what_somebody_else_wrote_meanwhile(self, node: Node, lowered: Crowd) -> None:
        set_weights(node, 150, 160)
        assert node.governor.release_all("Shutdown") == 0
        assert (weight(node), pod_weight(node)) == (150, 160)
        assert not node.governor.journal.entries()

    def test_a_limit_that_is_added_makes_it_a_matter_of_quotas(self, node: Node, lowered: Crowd) -> None:
        node.see(pod(request="1"))
        node.write(100_000)
        node.run(1)
        assert (weight(node), pod_weight(node)) == (SPEC, SPEC)
        node.run(60)
        assert node.quota() < 100_000
        node.governor.release_all("Shutdown")
        assert given_back(node)


def test_a_restarted_container_gives_the_pods_weight_back(node: Node, lowered: Crowd) -> None:
    shutil.rmtree(node.group())
    node.run(1)
    assert pod_weight(node) == SPEC
    assert not node.governor.journal.entries()


def test_a_deleted_pod_leaves_nothing_behind(node: Node, lowered: Crowd) -> None:
    shutil.rmtree(node.group().parent)
    node.governor.pod_gone("uid-1")
    node.now += 5.0
    node.run(1)
    assert not node.governor.journal.entries()


class TestRestart:
    """An agent that was killed, and the next one."""

    def next_agent(self, node: Node, *missing: str) -> None:
        node.restart()
        node.governor.inherit(node.governor.journal.entries())
        if "plan" not in missing:
            node.planned(weighed(action="Measure" if "control" in missing else "Control"))
        if "pod" not in missing:
            node.see(unlimited())
        if "lease" not in missing:
            node.renew()
        node.governor.settle_inheritance(node.now)

    def test_what_a_fresh_plan_covers_stays_lowered(self, node: Node, lowered: Crowd) -> None:
        before = weight(node), pod_weight(node)
        self.next_agent(node)
        assert (weight(node), pod_weight(node)) == before
        lowered.run(node, 5, waited=0.0, cores=0.2)
        assert weight(node) == pytest.approx(before[0], rel=0.03)
        assert pod_weight(node) == pytest.approx(before[1], rel=0.03)
        assert node.tally().drift == 0
        node.governor.release_all("Shutdown")
        assert given_back(node)

    @pytest.mark.parametrize("missing", ["plan", "pod", "lease", "control", "plan pod lease"])
    def test_what_no_fresh_plan_covers_is_given_back(self, node: Node, lowered: Crowd, missing: str) -> None:
        self.next_agent(node, *missing.split())
        assert given_back(node)

    def test_more_than_the_journal_says_is_not_lowered(self, node: Node, lowered: Crowd) -> None:
        set_weights(node, 2048, 2048)
        self.next_agent(node, "plan")
        assert given_back(node, 2048)

    def test_a_new_request_that_came_meanwhile_holds(self, node: Node, lowered: Crowd) -> None:
        set_weights(node, 512, 512)
        node.restart()
        node.governor.inherit(node.governor.journal.entries())
        node.planned(weighed())
        node.see(unlimited(request="500m"))
        node.renew()
        node.governor.settle_inheritance(node.now)
        assert (weight(node), pod_weight(node)) == (512, 512)
        node.governor.release_all("Shutdown")
        assert given_back(node, 512)

    def test_a_container_that_ended_meanwhile_is_forgotten(self, node: Node, lowered: Crowd) -> None:
        shutil.rmtree(node.group().parent)
        self.next_agent(node)
        assert not node.governor.journal.entries()
