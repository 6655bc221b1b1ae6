"""What all kinds share: reading objects, modes, label selectors, conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.agent.plans import parse_plan, selects
from flyball.api.conditions import MESSAGE_LENGTH, Condition, Status, merge
from flyball.api.latencyslo import LatencySLO
from flyball.api.meta import InvalidObject, LabelSelector, Mode
from flyball.api.throttleplan import ThrottlePlan
from tests.api_objects import ABSENT, changed, full_plan, full_slo, minimal_slo

EARLY, LATE = "2026-11-21T06:00:00Z", "2026-11-21T07:00:00Z"


def condition(kind: str = "Ready", status: Status = Status.TRUE, at: str = LATE, message: str = "All is well.") -> Condition:
    return Condition(type=kind, status=status, reason="Reconciled", message=message, last_transition_time=at, observed_generation=1)


def test_an_object_of_a_newer_version_is_read_without_what_is_new() -> None:
    newer = changed(minimal_slo(), "spec.policy.temperature", "warm")
    assert LatencySLO.parse(newer) == LatencySLO.parse(minimal_slo())


def test_an_object_of_another_version_is_refused_with_every_reason_and_its_place() -> None:
    bad = changed(changed(minimal_slo(), "spec.mode", "Force"), "spec.objectives.0.threshold", ABSENT)
    with pytest.raises(InvalidObject) as caught:
        LatencySLO.parse(bad)
    assert caught.value.problems == (
        "spec.mode: input should be 'Observe', 'Recommend', 'Canary' or 'Enforce'",
        "spec.objectives[0].threshold: field required",
    )
    assert str(caught.value) == "; ".join(caught.value.problems)


def test_what_is_no_object_is_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidObject, match="the object: input should be"):
        LatencySLO.parse("nothing")  # type: ignore[arg-type]


def test_an_objective_in_numbers() -> None:
    objective, other, _ = LatencySLO.parse(full_slo()).spec.objectives
    assert (objective.share, objective.threshold_seconds, objective.window_seconds) == (0.9995, 0.2, 5400)
    assert (objective.minutes_above_share, other.minutes_above_share) == (0.05, 1.0)


def test_a_workload_in_numbers() -> None:
    by_label, by_name = LatencySLO.parse(full_slo()).spec.workloads
    assert [container.min_milli for container in by_label.containers] == [50, 10]
    assert by_name.target_ref is not None
    assert str(by_name.target_ref.owner) == "StatefulSet/redis.cart"


@pytest.mark.parametrize("wanted", Mode)
@pytest.mark.parametrize("maximum", Mode)
def test_a_mode_is_capped_by_the_more_careful_one(wanted: Mode, maximum: Mode) -> None:
    order = ["Observe", "Recommend", "Canary", "Enforce"]
    assert wanted.capped(maximum) == order[min(order.index(wanted), order.index(maximum))]


def test_two_modes_touch_pods() -> None:
    assert [mode for mode in Mode if mode.acts] == [Mode.CANARY, Mode.ENFORCE]


def test_the_agent_reads_the_plan_that_the_operator_writes() -> None:
    plan = ThrottlePlan.parse(full_plan())
    read = parse_plan({"metadata": {"name": "shop", "namespace": "default"}, "spec": plan.spec.to_api()})
    assert (read.control, read.burst, read.canary_percent) == (True, False, 10)
    workload = read.workloads[0]
    assert (workload.owner, workload.group, workload.target) == (("Deployment", "cart"), "high", 0.3)
    assert [(rule.name, rule.control, rule.min_milli) for rule in workload.rules] == [("*", True, 10), ("istio-proxy", False, 50)]


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y", ""]))
EXPRESSIONS = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from("abc"), "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"])},
        optional={"values": st.lists(st.sampled_from(["x", "y", ""]), max_size=2)},
    ),
    max_size=3,
)


@given(match=LABELS, expressions=EXPRESSIONS, labels=LABELS)
def test_operator_and_agent_select_the_same_pods(match: dict[str, str], expressions: list[dict[str, Any]], labels: dict[str, str]) -> None:
    selector = {"matchLabels": match, "matchExpressions": expressions}
    assert LabelSelector.parse(selector).matches(labels) == selects(selector, labels)


@pytest.mark.parametrize(
    ("operator", "values", "labels", "selected"),
    [
        ("In", ["web"], {"tier": "web"}, True),
        ("In", ["web"], {"tier": "db"}, False),
        ("In", ["web"], {}, False),
        ("NotIn", ["web"], {"tier": "web"}, False),
        ("NotIn", ["web"], {}, True),
        ("Exists", None, {"tier": ""}, True),
        ("Exists", None, {}, False),
        ("DoesNotExist", None, {"tier": ""}, False),
        ("DoesNotExist", None, {}, True),
    ],
)
def test_a_requirement_on_a_label(operator: str, values: list[str] | None, labels: dict[str, str], selected: bool) -> None:
    selector = {"matchExpressions": [{"key": "tier", "operator": operator, "values": values}]}
    assert LabelSelector.parse(selector).matches(labels) is selected


def test_a_pod_must_meet_all_requirements() -> None:
    selector = LabelSelector.parse({"matchLabels": {"app": "shop"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]})
    assert selector.matches({"app": "shop", "tier": "web"})
    assert not selector.matches({"app": "shop"})
    assert not selector.matches({"tier": "web"})


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    merged = merge([condition(at=EARLY, message="Before.")], [condition(message="After.")])
    assert [(kept.last_transition_time, kept.message) for kept in merged] == [(EARLY, "After.")]


def test_a_condition_takes_the_new_time_when_its_status_changes() -> None:
    assert merge([condition(status=Status.FALSE, at=EARLY)], [condition()])[0].last_transition_time == LATE


def test_a_condition_that_is_no_longer_said_goes() -> None:
    assert [kept.type for kept in merge([condition("Ready"), condition("Conflicted")], [condition("Ready")])] == ["Ready"]


def test_a_message_too_long_for_a_status_is_cut() -> None:
    long = condition().model_copy(update={"message": "x" * 5000})
    assert len(merge([], [long])[0].message) == MESSAGE_LENGTH
