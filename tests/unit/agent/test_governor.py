"""The governor on a node of folders: when it acts, when it keeps its hands off, when it gives back."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from flyball.agent.plans import HandsOff
from tests.unit.agent.builders import CONTAINER_ID, Node, plan, pod


def test_a_container_that_needs_little_is_lowered_with_a_burst_up_to_its_grant(node: Node) -> None:
    node.controlled()
    assert node.burst() == min(node.quota(), 100_000 - node.quota())
    assert node.tally().states["controlled"] == 1
    assert node.tally().writes > 0


def test_a_quota_used_up_is_answered_on_the_next_tick_and_doubled_on_the_one_after(node: Node) -> None:
    before = node.controlled().quota()
    node.run(1, cores=before / 100_000, throttled=10)
    once = node.quota()
    assert once > before
    node.run(1, cores=once / 100_000, throttled=10)
    assert node.quota() >= min(100_000, 1.8 * once)


def test_where_a_burst_allowance_stands_behind_it_a_quota_needs_less_headroom(node: Node) -> None:
    with_burst = node.controlled().quota()
    node.planned(plan(burst=False))
    node.run(5)
    assert node.quota() > 1.1 * with_burst


def test_what_the_plan_keeps_of_the_grant_is_not_taken_and_is_given_back_within_a_tick(node: Node) -> None:
    assert node.controlled().quota() < 40_000
    node.planned(plan(keep=600))
    node.run(2)
    assert node.quota() == 60_000
    node.planned(plan(keep=1000))
    node.run(2)
    assert (node.quota(), node.burst()) == (100_000, 0)
    node.planned(plan())
    node.run(30)
    assert node.quota() < 40_000


def test_without_burst_in_the_plan_none_is_written(node: Node) -> None:
    node.controlled()
    node.planned(plan(burst=False))
    node.run(2)
    assert node.burst() == 0
    assert node.quota() < 100_000


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (pod(ready_for=20.0), HandsOff.SETTLING),
        (pod(restarts=1, ended_ago=300.0), HandsOff.RESTARTED),
        (pod(annotations={"flyball.dev/control": "off"}), HandsOff.OPTED_OUT),
    ],
)
def test_it_keeps_its_hands_off(node: Node, raw: dict[str, Any], reason: HandsOff) -> None:
    node.make()
    node.planned(plan())
    node.renew()
    node.see(raw)
    node.run(15)
    assert (node.quota(), node.burst()) == (100_000, 0)
    assert node.tally().hands_off[reason] == 1


def test_after_settling_control_begins(node: Node) -> None:
    node.make()
    node.planned(plan())
    node.see(pod(ready_for=20.0))
    node.run(39)
    assert node.quota() == 100_000
    node.run(20)
    assert node.quota() < 100_000


def test_a_restart_long_ago_does_not_matter(node: Node) -> None:
    node.make()
    node.planned(plan())
    node.see(pod(restarts=1, ended_ago=601.0))
    node.run(20)
    assert node.quota() < 100_000


def test_exclusive_cpus_show_as_a_container_without_a_quota(node: Node) -> None:
    node.make(quota=-1)
    node.planned(plan())
    node.see(pod())
    node.run(15)
    assert node.quota() == -1
    assert node.tally().hands_off[HandsOff.NO_QUOTA] == 1


def test_a_plan_that_measures_writes_nothing_and_counts(node: Node) -> None:
    node.make()
    node.planned(plan(action="Measure"))
    node.see(pod())
    node.run(11, cores=0.3, throttled=2)
    tally = node.tally()
    assert node.quota() == 100_000
    assert tally.usage_core_seconds == pytest.approx(3.0)
    assert tally.quota_core_seconds == tally.grant_core_seconds == pytest.approx(10.0)
    assert (tally.throttled_periods, tally.wall_periods) == (20, pytest.approx(100.0))
    assert (tally.quota, tally.grant, tally.states["measured"]) == (1.0, 1.0, 1)


def given_back(node: Node, quota: int = 100_000) -> bool:
    return (node.quota(), node.burst()) == (quota, 0) and not node.governor.journal.entries()


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (lambda node: node.governor.plan_gone("shop", "shop"), "PlanGone"),
        (lambda node: node.planned(plan(action="Measure")), "Measure"),
        (lambda node: node.planned(plan(canary=0)), "NotInCanary"),
        (lambda node: node.planned(plan(owner=("Deployment", "web"))), "PlanGone"),
        (lambda node: node.see(pod(annotations={"flyball.dev/control": "off"})), "OptedOut"),
        (lambda node: node.governor.namespace_seen("shop", True), "OptedOut"),
        (lambda node: node.see(pod(ready=False)), "LostReadiness"),
        (lambda node: node.see(pod(deleted=True)), "Terminating"),
        (lambda node: node.planned(plan("shop-too")), "SeveralPlans"),
        (lambda node: node.governor.freshness.gone(), "PlansStale"),
    ],
)
def test_it_gives_back_within_a_tick(node: Node, what: Any, reason: str) -> None:
    node.controlled()
    tally = node.tally()
    what(node)
    node.run(1, renew=False)
    assert given_back(node)
    assert tally.releases[reason] == 1


def test_plans_that_nobody_refreshes_are_stale_after_the_timeout(node: Node) -> None:
    node.controlled()
    node.run(299, renew=False)
    assert node.quota() < 100_000
    node.run(2, renew=False)
    assert given_back(node)
    assert node.tally().releases["PlansStale"] == 1
    node.run(10)
    assert node.quota() < 100_000


def test_a_dead_watch_of_pods_or_plans_counts_as_stale(node: Node) -> None:
    node.controlled()
    node.governor.heard("plans", node.now)
    node.run(299)
    assert node.quota() < 100_000
    node.run(2)
    assert given_back(node)


def test_lost_readiness_is_held_for_ten_minutes(node: Node) -> None:
    node.controlled()
    node.see(pod(ready=False))
    node.run(5)
    node.see(pod(ready_for=0.0))
    node.run(590)
    assert given_back(node)
    node.run(30)
    assert node.quota() < 100_000


def test_a_pod_on_its_way_out_did_not_lose_its_readiness(node: Node) -> None:
    node.controlled()
    node.see(pod(ready=False, deleted=True))
    node.run(1)
    assert given_back(node)
    assert node.tally().releases == {"Terminating": 1}


def test_a_restarted_container_is_found_again_and_held(node: Node) -> None:
    node.controlled()
    shutil.rmtree(node.group())
    node.run(1)
    node.make("d" * 64)
    node.see(pod(container_id="d" * 64, restarts=1))
    node.run(590, container_id="d" * 64)
    assert node.quota("d" * 64) == 100_000
    assert not node.governor.journal.entries()
    assert node.tally().releases["Restarted"] == 1
    node.run(30, container_id="d" * 64)
    assert node.quota("d" * 64) < 100_000


def test_a_deleted_pod_leaves_nothing_behind(node: Node) -> None:
    node.controlled()
    shutil.rmtree(node.group().parent)
    node.governor.pod_gone("uid-1")
    node.run(1)
    assert not node.governor.journal.entries()
    assert not node.governor.records


def test_a_cgroup_that_comes_late_is_found(node: Node) -> None:
    node.planned(plan())
    node.see(pod())
    node.run(3)
    assert node.tally().hands_off[HandsOff.NO_CGROUP] == 1
    node.make()
    node.run(30)
    assert node.quota() < 100_000


def test_a_changed_spec_takes_the_burst_back_at_once(node: Node) -> None:
    node.controlled()
    node.see(pod(limit="250m", actual="1"))
    assert node.burst() == 0


def test_after_a_resize_the_new_grant_holds_and_it_is_no_drift(node: Node) -> None:
    node.controlled()
    before = node.quota()
    node.see(pod(limit="2", actual="1"))
    node.run(2)
    assert node.burst() == 0, "no burst while the kubelet is about to write"
    node.write(200_000)
    node.see(pod(limit="2", actual="2"))
    node.run(1)
    assert node.quota() == 200_000, "adopted"
    node.run(1)
    assert node.quota() == before, "back to the last quota on the next tick"
    assert node.tally().drift == 0
    assert node.tally().grant == pytest.approx(2.0)
    assert node.governor.journal.entries()[0].quota_us == 200_000
    node.governor.release_all("Shutdown")
    assert given_back(node, 200_000)


def test_a_shrunk_limit_is_never_exceeded(node: Node) -> None:
    node.controlled()
    node.see(pod(limit="100m", actual="1"))
    node.write(10_000)
    node.see(pod(limit="100m", actual="100m"))
    node.run(10, throttled=10)
    assert node.quota() <= 10_000


def test_a_resize_in_progress_is_left_to_the_kubelet(node: Node) -> None:
    before = node.controlled().quota()
    node.see(pod(limit="250m", conditions=["PodResizeInProgress"]))
    node.run(5, throttled=10)
    assert (node.quota(), node.burst()) == (before, 0)
    assert node.tally().hands_off[HandsOff.RESIZING] == 1


def test_a_deferred_resize_is_controlled_without_burst(node: Node) -> None:
    node.controlled()
    node.see(pod(limit="2", actual="1", conditions=["PodResizePending"]))
    node.run(1, throttled=10)
    assert node.quota() > 20_000
    assert node.burst() == 0
    assert node.tally().states["controlled"] == 1


def test_a_changed_memory_limit_makes_the_kubelet_rewrite_the_quota_too(node: Node) -> None:
    before = node.controlled().quota()
    node.see(pod(memory="128Mi"))
    node.write(100_000)
    node.run(2)
    assert node.quota() == before
    assert node.tally().drift == 0


def test_somebody_elses_write_is_drift_and_control_goes_on(node: Node) -> None:
    before = node.controlled().quota()
    node.write(90_000)
    node.run(2)
    assert node.tally().drift == 1
    assert node.quota() == before


def test_who_keeps_writing_is_not_fought_but_left_alone(node: Node) -> None:
    node.controlled()
    for _ in range(3):
        node.write(90_000)
        node.run(2)
    node.run(2)
    assert node.tally().hands_off[HandsOff.CONTESTED] == 1
    assert (node.quota(), node.burst()) == (90_000, 0)


def test_a_period_that_the_kernel_doubled_is_no_drift(node: Node) -> None:
    before = node.controlled().quota()
    for name in ("cpu.cfs_quota_us", "cpu.cfs_burst_us", "cpu.cfs_period_us"):
        file = node.group() / name
        file.write_text(str(2 * int(file.read_text())))
    node.run(1)
    assert node.tally().drift == 0
    node.governor.release_all("Shutdown")
    assert node.quota() == 200_000
    assert before < 100_000


def test_a_release_leaves_alone_what_somebody_else_wrote_meanwhile(node: Node) -> None:
    node.controlled()
    node.write(25_000)
    node.governor.release_all("Shutdown")
    assert (node.quota(), node.burst()) == (25_000, 0)


def test_without_a_journal_nothing_is_lowered(node: Node) -> None:
    node.settings.journal_dir.write_text("not a folder")
    node.make()
    node.planned(plan())
    node.see(pod())
    node.run(20)
    assert node.quota() == 100_000
    assert node.governor.tallies.errors["container"] > 0


def test_an_error_with_one_container_does_not_stop_the_others(node: Node) -> None:
    node.make(uid="uid-2", container_id="e" * 64)
    (node.group("e" * 64, "uid-2") / "cpu.stat").write_text("nr_throttled many\n")
    node.see(pod("cart-7d4-y", uid="uid-2", container_id="e" * 64))
    node.controlled()
    assert node.governor.tallies.errors["container"] > 0


def test_the_first_lowering_is_journalled_before_it_happens(node: Node, play_kernel: list[tuple[str, str]]) -> None:
    node.controlled()
    (entry,) = node.governor.journal.entries()
    assert (entry.uid, entry.container, entry.quota_us, entry.period_us) == ("uid-1", "app", 100_000, 100_000)
    assert entry.path.endswith(CONTAINER_ID)


class TestRestart:
    """An agent that was killed, and the next one."""

    def test_what_a_fresh_plan_covers_stays_lowered(self, node: Node) -> None:
        before = node.controlled().quota()
        node.restart()
        node.governor.inherit(node.governor.journal.entries())
        node.planned(plan())
        node.see(pod())
        node.renew()
        node.governor.settle_inheritance(node.now)
        assert node.quota() == before
        node.run(3)
        assert node.quota() == before
        assert node.tally().drift == 0
        node.governor.release_all("Shutdown")
        assert given_back(node)

    @pytest.mark.parametrize("missing", ["plan", "pod", "lease", "control", "all"])
    def test_what_no_fresh_plan_covers_is_given_back(self, node: Node, missing: str) -> None:
        node.controlled()
        node.restart()
        node.governor.inherit(node.governor.journal.entries())
        if missing not in ("plan", "all"):
            node.planned(plan(action="Measure" if missing == "control" else "Control"))
        if missing not in ("pod", "all"):
            node.see(pod())
        if missing not in ("lease", "all"):
            node.renew()
        node.governor.settle_inheritance(node.now)
        assert given_back(node)

    def test_a_container_that_ended_meanwhile_is_forgotten(self, node: Node) -> None:
        node.controlled()
        shutil.rmtree(node.group())
        node.restart()
        node.governor.inherit(node.governor.journal.entries())
        node.governor.settle_inheritance(node.now)
        assert not node.governor.journal.entries()

    def test_more_than_the_journal_says_is_not_lowered(self, node: Node) -> None:
        node.controlled()
        node.restart()
        node.write(200_000)
        node.governor.inherit(node.governor.journal.entries())
        node.governor.settle_inheritance(node.now)
        assert given_back(node, 200_000)
