"""The governor with containers that have no limit: their weight and their pod's, when it acts, when it keeps its hands off, when it gives back."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flyball.agent.journal import POD, WeightEntry
from flyball.agent.plans import HandsOff
from flyball.cgroup.weight import v2_linear, v2_quadratic
from tests.unit.agent.builders import CONTAINER_ID, Node, plan, pod
from tests.unit.agent.test_governor_waiting import Crowd
from tests.unit.cgroup.trees import v2_tree

SPEC = 1024  # of a request of one core
OTHER_ID = "d" * 64


def unlimited(**change: Any) -> dict[str, Any]:
    return pod(**({"limit": None, "request": "1"} | change))


def weighed(**change: Any) -> dict[str, Any]:
    return plan(**({"weight": True, "permille": 100} | change))


def with_sidecar(request: str = "500m") -> dict[str, Any]:
    """A pod with a second container, `proxy`, that no plan names."""
    raw = unlimited()
    raw["spec"]["containers"].append({"name": "proxy", "resources": {"requests": {"cpu": request}}})
    return raw


ONLY_APP = [{"name": "app", "minMilli": 50}]


def weight(node: Node, container_id: str = CONTAINER_ID) -> int:
    return int((node.group(container_id) / "cpu.shares").read_text())


def pod_weight(node: Node) -> int:
    return int((node.group().parent / "cpu.shares").read_text())


def set_weights(node: Node, container: int | None = None, pod: int | None = None) -> None:
    """As the kubelet or somebody else would."""
    for group, value in ((node.group(), container), (node.group().parent, pod)):
        if value is not None:
            (group / "cpu.shares").write_text(f"{value}\n")


def given_back(node: Node, spec: int = SPEC) -> bool:
    return (weight(node), pod_weight(node)) == (spec, spec) and not node.governor.journal.entries()


@pytest.fixture
def crowd(node: Node, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """A container without a limit under weight control; what it waits."""
    made = Crowd()
    monkeypatch.setattr("flyball.agent.locator.open_waiting", lambda *_: made)
    node.make(quota=-1)
    node.planned(weighed())
    node.renew()
    node.see(unlimited())
    return made


@pytest.fixture
def lowered(node: Node, crowd: Crowd) -> Crowd:
    crowd.run(node, 60, waited=0.0, cores=0.2)
    assert weight(node) < 300
    return crowd


def test_with_nothing_waiting_the_weights_of_container_and_pod_come_down_to_what_is_used(node: Node, lowered: Crowd) -> None:
    assert 205 <= weight(node) <= 215, "0.2 cores are 205 shares"
    assert pod_weight(node) == pytest.approx(weight(node), rel=0.03)
    assert (node.quota(), node.burst()) == (-1, 0)


def test_an_idle_container_comes_down_to_its_floor(node: Node, crowd: Crowd) -> None:
    crowd.run(node, 90, waited=0.0, cores=0.0)
    assert weight(node) == 52, "50 m"


def test_a_container_that_waits_for_neighbours_has_its_request_back_within_seconds(node: Node, lowered: Crowd) -> None:
    lowered.run(node, 4, waited=0.8, cores=0.2)
    assert min(weight(node), pod_weight(node)) > 0.98 * SPEC


def test_what_is_held_and_what_is_requested_is_counted(node: Node, lowered: Crowd) -> None:
    tally = node.tally()
    assert (tally.weight, tally.request) == (pytest.approx(0.2, rel=0.05), 1.0)
    assert tally.request_core_seconds == pytest.approx(59.0)
    assert 59 * 0.2 < tally.weight_core_seconds < 59.0
    assert tally.usage_core_seconds == pytest.approx(59 * 0.2)
    assert (tally.quota, tally.grant, tally.wall_periods) == (0.0, 0.0, 0.0)
    assert tally.states["controlled"] == 1
    assert tally.writes > 0


def test_a_plan_that_measures_counts_and_writes_nothing(node: Node, crowd: Crowd) -> None:
    node.planned(weighed(action="Measure"))
    crowd.run(node, 30, waited=0.0, cores=0.2)
    assert given_back(node)
    assert node.tally().states["measured"] == 1
    assert node.tally().weight == 1.0


@pytest.mark.parametrize(
    ("change", "raw", "reason"),
    [
        ({"weight": False}, unlimited(), HandsOff.NO_LIMIT),
        ({}, unlimited(request=None), HandsOff.NO_REQUEST),
        ({"containers": [{"name": "*", "control": "Off"}]}, unlimited(), HandsOff.CONTROL_OFF),
        ({}, unlimited(annotations={"flyball.dev/control": "off"}), HandsOff.OPTED_OUT),
        ({}, unlimited(ready_for=20.0), HandsOff.SETTLING),
        ({"canary": 0}, unlimited(), HandsOff.NOT_IN_CANARY),
    ],
)
def test_it_keeps_its_hands_off(node: Node, crowd: Crowd, change: dict[str, Any], raw: dict[str, Any], reason: HandsOff) -> None:
    node.planned(weighed(**change))
    node.see(raw)
    crowd.run(node, 30, waited=0.0, cores=0.2)
    assert given_back(node)
    assert node.tally().hands_off[reason] == 1


def test_a_node_that_does_not_show_who_waits_is_told_by_its_reason(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyball.agent.locator.open_waiting", lambda *_: None)
    node.make(quota=-1)
    node.planned(weighed())
    node.renew()
    node.see(unlimited())
    node.run(30)
    assert given_back(node)
    assert node.tally().hands_off[HandsOff.NO_SIGNAL] == 1


def test_what_the_plan_keeps_holds_for_requests_too(node: Node, lowered: Crowd) -> None:
    before = weight(node)
    node.planned(weighed(keep=900))
    lowered.run(node, 3, waited=0.0, cores=0.2)
    assert before < 0.9 * SPEC <= weight(node) < SPEC


def test_a_signal_that_is_lost_gives_back(node: Node, lowered: Crowd) -> None:
    lowered.total = math.nan
    node.run(1)
    assert given_back(node)
    assert node.tally().releases["NoWaitingSignal"] == 1


@pytest.mark.parametrize("whose", ["container", "pod"])
def test_a_weight_that_is_not_the_requests_was_chosen_by_somebody_and_stays(node: Node, crowd: Crowd, whose: str) -> None:
    set_weights(node, **{whose: 4000})
    crowd.run(node, 30, waited=0.0, cores=0.2)
    assert (weight(node), pod_weight(node)) == ((4000, SPEC) if whose == "container" else (SPEC, 4000))
    assert node.tally().hands_off[HandsOff.FOREIGN_WEIGHT] == 1


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (lambda node: node.governor.plan_gone("shop", "shop"), "PlanGone"),
        (lambda node: node.planned(weighed(action="Measure")), "Measure"),
        (lambda node: node.planned(weighed(weight=False)), "NoLimit"),
        (lambda node: node.planned(weighed(canary=0)), "NotInCanary"),
        (lambda node: node.see(unlimited(annotations={"flyball.dev/control": "off"})), "OptedOut"),
        (lambda node: node.see(unlimited(ready=False)), "LostReadiness"),
        (lambda node: node.see(unlimited(deleted=True)), "Terminating"),
        (lambda node: node.planned(weighed(name="shop-too")), "SeveralPlans"),
        (lambda node: node.governor.freshness.gone(), "PlansStale"),
    ],
)
def test_it_gives_back_within_a_tick(node: Node, lowered: Crowd, what: Callable[[Node], None], reason: str) -> None:
    tally = node.tally()
    what(node)
    node.run(1, renew=False)
    assert given_back(node)
    assert tally.releases[reason] == 1


def test_a_target_of_zero_is_the_requests_weight(node: Node, lowered: Crowd) -> None:
    node.planned(weighed(permille=0))
    node.run(1)
    assert (weight(node), pod_weight(node)) == (SPEC, SPEC)


def test_at_the_end_everything_is_given_back(node: Node, lowered: Crowd) -> None:
    assert node.governor.release_all("Shutdown") == 0
    assert given_back(node)


def test_both_levels_are_journalled_before_they_are_lowered(node: Node, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int]] = []
    record = node.governor.journal.record

    def noted(entry: WeightEntry) -> None:
        seen.append((entry.container, weight(node), pod_weight(node)))
        record(entry)

    monkeypatch.setattr(node.governor.journal, "record", noted)
    crowd.run(node, 60, waited=0.0, cores=0.2)
    assert seen[0] == ("app", SPEC, SPEC)
    assert (seen[1][0], seen[1][2]) == (POD, SPEC)
    entries = [entry for entry in node.governor.journal.entries() if isinstance(entry, WeightEntry)]
    assert {(entry.container, entry.path, entry.weight) for entry in entries} == {
        ("app", str(node.group()), SPEC),
        (POD, str(node.group().parent), SPEC),
    }


def test_without_a_journal_nothing_is_lowered(node: Node, crowd: Crowd) -> None:
    node.settings.journal_dir.write_text("not a folder")
    crowd.run(node, 30, waited=0.0, cores=0.2)
    assert (weight(node), pod_weight(node)) == (SPEC, SPEC)
    assert node.governor.tallies.errors["container"] > 0


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


def test_with_quotas_off_a_limit_is_only_measured(node: Node, crowd: Crowd) -> None:
    node.write(100_000)
    node.planned(weighed(quota=False))
    node.see(pod(request="1"))
    crowd.run(node, 30, waited=0.0, cores=0.2)
    assert (node.quota(), weight(node)) == (100_000, SPEC)
    assert node.tally().states["measured"] == 1


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


@pytest.mark.parametrize("convert", [v2_linear, v2_quadratic])
def test_on_cgroup_v2_weights_are_written_as_the_runtime_and_the_kubelet_convert_them(
    tmp_path: Path, play_kernel: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, convert: Callable[[int], int]
) -> None:
    node, crowd = Node(tmp_path), Crowd()
    monkeypatch.setattr("flyball.agent.locator.open_waiting", lambda *_: crowd)
    root = node.settings.cgroup_root
    shutil.rmtree(root)
    v2_tree(root, "kubepods/poduid-1", f"kubepods/poduid-1/{CONTAINER_ID}", limit="max 100000", weight=convert(SPEC))
    node.restart()
    node.planned(weighed())
    node.see(unlimited())
    container = root / "kubepods" / "poduid-1" / CONTAINER_ID
    stat = container / "cpu.stat"
    for _ in range(60):
        used = int(stat.read_text().split()[1])
        stat.write_text(f"usage_usec {used + 200_000}\nnr_periods 0\nnr_throttled 0\n")
        node.now += 1.0
        node.renew()
        node.governor.tick(node.now)
    for group in (container, container.parent):
        assert convert(205) <= int((group / "cpu.weight").read_text()) <= convert(215)
    assert node.governor.release_all("Shutdown") == 0
    for group in (container, container.parent):
        assert int((group / "cpu.weight").read_text()) == convert(SPEC)
