"""The loop of one LatencySLO in faked time: what it decides over minutes, what it writes and how often, what it survives."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from prometheus_client import generate_latest

from flyball.api.meta import Mode
from flyball.kube import paths
from flyball.kube.client import Conflict, KubeError, NotFound, Unreachable
from tests.operator.objects import fixed
from tests.operator.scene import KEY, PLAN, STATUS, Scene


@pytest.fixture
def scene() -> Scene:
    """An application with two workloads that is enforced."""
    its = Scene()
    its.pod("cart")
    its.pod("cart", 2)
    its.pod("pay")
    its.answers.cpu = {"Deployment/cart": (0.6, 0.9, 2.0), "Deployment/pay": (0.05, 0.1, 1.0)}
    its.slo(mode="Enforce")
    return its


def enforced(scene: Scene, minutes: float = 5) -> Scene:
    """The scene after some minutes with budget to spare."""
    scene.look()
    scene.pass_time(60 * minutes)
    assert scene.target > 10
    return scene


def test_it_begins_at_target_zero_and_rises_while_there_is_budget(scene: Scene) -> None:
    scene.look()
    assert scene.target == 0
    assert scene.plan
    assert scene.plan["action"] == "Control"
    seen = []
    for _ in range(5):
        scene.pass_time(60)
        seen.append(scene.target)
    assert seen == sorted(seen)
    assert seen[-1] > 10
    assert {its["group"] for its in scene.plan["workloads"]} == {"512m", "32m"}


def test_a_surge_of_slow_requests_sets_targets_to_zero_at_the_next_look(scene: Scene) -> None:
    enforced(scene)
    scene.answers.slow_share = 0.2
    scene.pass_time(15)
    assert scene.target == 0
    assert scene.reasons()[-1] == "Guard"
    assert 'reason="Guard"' in _exposed(scene)


def test_a_decision_names_inputs_choice_and_expectation_and_later_what_was_seen(scene: Scene) -> None:
    enforced(scene)
    first = next(its for its in scene.status["decisions"] if its["reason"] == "Spend")
    assert first["governing"] == "gateway"
    assert float(first["burnRate"]) < 0.5
    assert float(first["budgetLeftPercent"]) > 80
    assert first["alternatives"]
    assert first["expected"]
    assert first["observed"].startswith("after 60 s: burn")
    assert {its["group"] for its in first["targets"]} == {"512m", "32m"}


def test_steps_of_one_rise_are_one_decision_until_its_effect_is_read(scene: Scene) -> None:
    enforced(scene)
    spends = [its for its in scene.status["decisions"] if its["reason"] == "Spend"]
    assert 3 <= len(spends) <= 6
    for before, after in itertools.pairwise(spends):
        ended = {its["group"]: its["throttlePermille"] for its in before["targets"]}
        assert {its["group"]: its["previousPermille"] for its in after["targets"]} == ended


def test_the_record_is_bounded(scene: Scene) -> None:
    for number in range(30):
        scene.slo(mode=["Enforce", "Observe"][number % 2])
        scene.look()
    assert len(scene.status["decisions"]) == 10


def test_nothing_is_written_while_nothing_changes_but_numbers_every_thirty_seconds(scene: Scene) -> None:
    scene.slo(mode="Enforce", policy=fixed("5"))
    scene.look()
    scene.pass_time(120)
    plans, statuses = scene.writes(PLAN), scene.writes(STATUS)
    scene.pass_time(600)
    assert scene.writes(PLAN) == plans
    assert scene.writes(STATUS) - statuses <= 20


@pytest.mark.parametrize("mode", ["Observe", "Recommend"])
def test_who_only_looks_on_learns_nothing_that_acting_would_begin_with(scene: Scene, mode: str) -> None:
    scene.slo(mode=mode)
    scene.look()
    scene.pass_time(1800)
    assert scene.plan
    assert scene.plan["action"] == "Measure"
    assert "checkpoint" not in scene.status
    scene.slo(mode="Enforce")
    scene.look()
    assert scene.plan["action"] == "Control"
    assert scene.target == 0
    assert json.loads(scene.status["checkpoint"])["pressure"] == 0
    assert "ModeChanged" in scene.reasons()


def test_recommending_says_what_would_be_done(scene: Scene) -> None:
    scene.slo(mode="Recommend")
    scene.look()
    scene.pass_time(120)
    last = scene.status["decisions"][-1]
    assert last["reason"] == "Spend"
    assert "targets rise" in last["message"]
    scene.answers.slow_share = 0.5
    scene.pass_time(60)
    assert scene.reasons()[-1] in ("Guard", "Overdrawn")


def test_the_clusters_cap_wins(scene: Scene) -> None:
    its = Scene(Mode.OBSERVE)
    its.pod("cart")
    its.slo(mode="Enforce")
    its.look()
    assert its.plan
    assert its.plan["action"] == "Measure"
    assert its.condition("Enforcing") == ("False", "ModeObserve")
    assert its.status["mode"] == "Observe"


def test_quota_off_measures_whatever_the_mode(scene: Scene) -> None:
    scene.slo(mode="Enforce", actuators={"quota": "Off"})
    scene.look()
    assert scene.plan
    assert scene.plan["action"] == "Measure"
    assert scene.condition("Enforcing") == ("False", "QuotaOff")


def test_weights_are_asked_for_beside_quotas_or_without_them(scene: Scene) -> None:
    scene.slo(mode="Enforce", actuators={"quota": "Off", "weight": "Auto"})
    scene.look()
    assert scene.plan
    assert (scene.plan["action"], scene.plan["quota"], scene.plan["weight"]) == ("Control", False, True)
    assert scene.condition("Enforcing") == ("True", "ModeEnforce")


def test_suspending_forgets_what_was_learned(scene: Scene) -> None:
    enforced(scene)
    scene.slo(mode="Enforce", suspend=True)
    scene.look()
    assert scene.plan is None
    assert "checkpoint" not in scene.status
    assert scene.condition("Ready") == ("True", "Suspended")
    scene.slo(mode="Enforce")
    scene.look()
    assert scene.target == 0


def test_an_object_that_cannot_be_read_is_given_back_and_told_in_a_sentence_once(scene: Scene) -> None:
    enforced(scene)
    scene.slo(mode="Enforce", objectives=[{"name": "gateway", "target": 99}])
    scene.look()
    assert scene.plan is None
    assert scene.condition("Ready") == ("False", "Invalid")
    (message,) = (its["message"] for its in scene.status["conditions"] if its["type"] == "Ready")
    assert "spec.objectives[0].target" in message
    writes = scene.writes(STATUS)
    scene.pass_time(600)
    assert scene.writes(STATUS) == writes


def test_a_restart_goes_on_where_the_last_operator_was(scene: Scene) -> None:
    enforced(scene)
    scene.pass_time(30)
    target, decisions, plans = scene.target, scene.reasons(), scene.writes(PLAN)
    scene.restart()
    scene.look()
    assert scene.target >= target
    assert scene.reasons()[: len(decisions)] == decisions
    assert scene.writes(PLAN) - plans <= 1
    assert scene.status["objectives"][0]["requests"] > 10_000, "the ledger was read back"


@pytest.mark.parametrize("stored", ["", "no json", '{"version": 99}', '{"version": 1, "pressure": "high"}', "[1]"])
def test_a_checkpoint_that_makes_no_sense_begins_at_zero(scene: Scene, stored: str) -> None:
    enforced(scene)
    body = scene.controller.objects[KEY]
    scene.controller.objects[KEY] = {**body, "status": {**body["status"], "checkpoint": stored}}
    scene.restart()
    scene.look()
    assert scene.target == 0


def test_a_clean_stop_leaves_the_state_of_that_moment(scene: Scene) -> None:
    enforced(scene)
    scene.now += 15
    scene.look()
    asyncio.run(scene.controller.checkpoint_all())
    assert json.loads(scene.status["checkpoint"])["lastTime"] == scene.now


def test_prometheus_away_holds_targets_and_then_gives_them_up(scene: Scene) -> None:
    enforced(scene)
    target = scene.target
    scene.prometheus.away = True
    scene.pass_time(60)
    assert scene.target == target
    assert scene.condition("SignalsAvailable") == ("False", "PrometheusUnreachable")
    assert scene.condition("Ready")[0] == "True"
    scene.pass_time(300)
    assert scene.target == 0
    assert scene.reasons()[-1] == "SignalsLost"
    scene.prometheus.away = False
    scene.pass_time(60)
    assert scene.condition("SignalsAvailable") == ("True", "SignalsFresh")
    assert scene.reasons()[-1] == "Spend"


def test_a_prometheus_that_is_away_is_asked_once_in_ten_seconds_by_all_objects_together(scene: Scene) -> None:
    asked = []
    scene.prometheus.on_query = lambda seconds, outcome: asked.append(outcome)
    scene.prometheus.away = True
    for number in range(20):
        scene.slo(f"shop-{number}")
        scene.look(f"shop-{number}")
    assert asked == ["PrometheusUnreachable"]


def test_a_prometheus_that_is_away_is_asked_again_every_ten_seconds_however_many_wait_for_it(scene: Scene) -> None:
    asked = []
    scene.prometheus.on_query = lambda seconds, outcome: asked.append(outcome)
    scene.prometheus.away = True
    for _ in range(30):
        scene.now += 2
        scene.look()
    assert 5 <= len(asked) <= 7


def test_when_the_last_pod_goes_the_plan_goes(scene: Scene) -> None:
    scene.look()
    for workload, number in (("cart", 1), ("cart", 2), ("pay", 1)):
        scene.pod(workload, number, gone=True)
    scene.look()
    assert scene.plan is None
    assert scene.condition("Ready") == ("False", "NoPods")


def test_no_requests_are_no_reason_to_move(scene: Scene) -> None:
    enforced(scene)
    target = scene.target
    scene.answers.rate = 0
    scene.pass_time(120)
    assert scene.target == target


def test_overdrawn_tolerates_no_throttling_and_says_so(scene: Scene) -> None:
    enforced(scene)
    scene.answers.slow_share = 0.02
    scene.pass_time(1800)
    assert scene.target == 0
    assert scene.condition("BudgetAvailable") == ("False", "BudgetSpent")
    assert float(scene.status["objectives"][0]["budgetLeftPercent"]) < 0


def test_the_objective_that_governs_comes_first(scene: Scene) -> None:
    objectives = [
        {"name": name, "target": target, "threshold": "200ms", "indicator": {"histogram": {"metric": "http_request_duration_seconds"}}}
        for name, target in (("easy", "90"), ("hard", "99.9"))
    ]
    scene.slo(mode="Enforce", objectives=objectives)
    scene.look()
    assert scene.status["governing"] == "hard"
    assert [its["name"] for its in scene.status["objectives"]] == ["hard", "easy"]


@pytest.mark.parametrize("error", [KubeError(403, "throttleplans is forbidden"), KubeError(422, "spec.workloads: too many")])
def test_a_refused_plan_is_raised_and_shown(scene: Scene, error: KubeError) -> None:
    scene.kube.refused[PLAN] = error
    with pytest.raises(KubeError):
        scene.look()
    assert scene.condition("Ready") == ("False", "APIError")
    del scene.kube.refused[PLAN]
    scene.look()
    assert scene.condition("Ready") == ("True", "Reconciled")


def test_an_api_server_that_is_away_is_raised_and_nothing_is_forgotten(scene: Scene) -> None:
    enforced(scene)
    target = scene.target
    scene.kube.fault = Unreachable(0, "away")
    for _ in range(8):
        scene.now += 15
        with pytest.raises(Unreachable):
            scene.look()
    scene.kube.fault = None
    scene.pass_time(15)
    assert scene.target >= target


def test_a_plan_that_somebody_else_owns_is_shown_with_the_owner(scene: Scene) -> None:
    scene.kube.refused[PLAN] = Conflict(409, 'conflict with "kubectl-edit": .spec.burst')
    scene.look()
    assert scene.condition("Ready") == ("False", "FieldOwned")
    del scene.kube.refused[PLAN]
    scene.look()
    assert scene.condition("Ready") == ("True", "Reconciled")


def test_a_decision_about_a_spec_that_has_changed_meanwhile_is_not_written(scene: Scene) -> None:
    scene.look()
    writes = scene.writes(PLAN)
    scene.pod("search")
    changed = scene.controller.objects[KEY]

    original = scene.answers.answer

    def edited_while_reading(endpoint: str, form: dict[str, str]) -> dict[str, Any]:
        metadata = {**changed["metadata"], "generation": 99}
        scene.controller.objects[KEY] = {**changed, "metadata": metadata}
        return original(endpoint, form)

    scene.answers.answer = edited_while_reading  # type: ignore[method-assign]
    scene.look()
    assert scene.writes(PLAN) == writes


def test_an_object_made_anew_under_the_same_name_begins_anew(scene: Scene) -> None:
    enforced(scene)
    body = scene.controller.objects[KEY]
    scene.controller.objects[KEY] = {**{k: v for k, v in body.items() if k != "status"}, "metadata": {**body["metadata"], "uid": "another"}}
    scene.look()
    assert scene.target == 0
    assert scene.kube.objects[STATUS]["metadata"]["uid"] == "another"


def test_a_deleted_object_leaves_no_plan_and_no_series(scene: Scene) -> None:
    enforced(scene)
    assert 'slo="shop"' in _exposed(scene)
    del scene.controller.objects[KEY]
    scene.look()
    assert scene.plan is None
    assert 'slo="shop"' not in _exposed(scene)


def test_series_of_an_objective_that_left_the_spec_go(scene: Scene) -> None:
    scene.look()
    assert 'objective="gateway"' in _exposed(scene)
    renamed = {"name": "front", "target": "99", "threshold": "200ms", "indicator": {"histogram": {"metric": "http_request_duration_seconds"}}}
    scene.slo(mode="Enforce", objectives=[renamed])
    scene.look()
    assert 'objective="gateway"' not in _exposed(scene)
    assert 'objective="front"' in _exposed(scene)


def test_without_the_kind_of_vpas_all_is_well(scene: Scene) -> None:
    scene.kube.refused[paths.vertical_autoscalers()] = NotFound(404, "the server could not find the requested resource")
    scene.look()
    assert scene.condition("Ready")[0] == "True"


def _exposed(scene: Scene) -> str:
    return generate_latest(scene.metrics.registry).decode()


def test_the_log_tells_each_turn_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "flyball.controllers"):
        enforced(scene)
        scene.answers.slow_share = 0.2
        scene.pass_time(15)
    told = [message.split(": ")[1] for message in caplog.messages if message.startswith("default/shop: ")]
    assert told == ["Spend", "Guard"]
