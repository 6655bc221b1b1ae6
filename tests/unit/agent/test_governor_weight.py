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
from tests.unit.agent.builders import CONTAINER_ID, Crowd, Node, pod
from tests.unit.agent.weights import SPEC, given_back, pod_weight, set_weights, unlimited, weighed, weight
from tests.unit.cgroup.trees import v2_tree


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


def test_with_quotas_off_a_limit_is_only_measured(node: Node, crowd: Crowd) -> None:
    node.write(100_000)
    node.planned(weighed(quota=False))
    node.see(pod(request="1"))
    crowd.run(node, 30, waited=0.0, cores=0.2)
    assert (node.quota(), weight(node)) == (100_000, SPEC)
    assert node.tally().states["measured"] == 1


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
