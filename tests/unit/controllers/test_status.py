"""The status: conditions with reasons, budgets, cores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flyball.api.conditions import Reason
from flyball.api.latencyslo_status import LatencySLOStatus
from flyball.api.meta import Mode
from flyball.controllers.latencyslo import status
from flyball.controllers.latencyslo.conflicts import Verdict
from flyball.controllers.latencyslo.decisions import Record
from flyball.controllers.latencyslo.resolve import resolve
from flyball.controllers.latencyslo.signals import Seen
from flyball.controllers.latencyslo.status import Facts
from flyball.signals import NoValue, Query, SignalError, WorkloadUsage
from tests.unit.controllers.builders import NAN, budget, decision, pod, reading, slo

NOW = 1_800_000_000.0
QUERY = Query("good", "total", "newest", None, 0.1, "0.2 is no bucket; 0.1 counts instead.")
USED = WorkloadUsage(0.3, 0.5, 1.0, 0.01)


def facts(mode: Mode = Mode.ENFORCE, **spec: Any) -> Facts:
    its = slo(mode=mode.value, **spec)
    workloads = resolve(its.spec.workloads, [pod("cart"), pod("cart", 2), pod("pay")])
    seen = Seen(NOW, (reading(),), {"Deployment/cart": USED}, None)
    targets = decision(cart=0.04, pay=0.01)
    verdicts = {workload.name: Verdict() for workload in workloads}
    return Facts(its, mode, workloads, verdicts, seen, {"gateway": QUERY}, targets, Record(), "{}", None)


def conditions(of: LatencySLOStatus) -> dict[str, tuple[str, str]]:
    return {its.type: (its.status.value, its.reason) for its in of.conditions}


def seen_with(its: Facts, **changes: Any) -> Facts:
    return replace(its, seen=replace(its.seen, **changes))


def test_all_is_well() -> None:
    assert conditions(status.build(facts())) == {
        "Ready": ("True", "Reconciled"),
        "SignalsAvailable": ("True", "SignalsFresh"),
        "BudgetAvailable": ("True", "BudgetLeft"),
        "Enforcing": ("True", "ModeEnforce"),
        "Conflicted": ("False", "NoConflict"),
    }


@pytest.mark.parametrize(
    ("what", "changed", "kind", "expected"),
    [
        ("no pods", replace(facts(), workloads=[], verdicts={}), "Ready", ("False", "NoPods")),
        ("somebody else's plan", replace(facts(), write_conflict="kubectl owns .spec.burst"), "Ready", ("False", "FieldOwned")),
        ("no bucket", seen_with(facts(), problem=SignalError(NoValue.NO_BUCKET, "add 0.2")), "SignalsAvailable", ("False", "NoBucket")),
        ("an overdrawn budget", seen_with(facts(), readings=(reading(its=budget(20)),)), "BudgetAvailable", ("False", "BudgetSpent")),
        ("no requests yet", seen_with(facts(), readings=(reading(its=budget(0, 0)),)), "BudgetAvailable", ("Unknown", "NoRequests")),
        ("looking on", facts(Mode.RECOMMEND), "Enforcing", ("False", "ModeRecommend")),
        ("a part of the pods", facts(Mode.CANARY), "Enforcing", ("True", "ModeCanary")),
        ("no actuator", facts(actuators={"quota": "Off"}), "Enforcing", ("False", "QuotaOff")),
        ("nobody to act on", replace(facts(), workloads=[], verdicts={}), "Enforcing", ("False", "NoPods")),
    ],
)
def test_what_is_not_well_has_a_reason(what: str, changed: Facts, kind: str, expected: tuple[str, str]) -> None:
    assert conditions(status.build(changed))[kind] == expected, what


def test_a_conflict_is_shown_and_ends_enforcing_only_when_nothing_is_left() -> None:
    its = facts()
    conflict = Verdict((Reason.VERTICAL_POD_AUTOSCALER, "Deployment/cart is changed by the VerticalPodAutoscaler v."))
    some = status.build(replace(its, verdicts={**its.verdicts, "Deployment/cart": conflict}))
    assert conditions(some)["Conflicted"] == ("True", "VerticalPodAutoscaler")
    assert conditions(some)["Enforcing"] == ("True", "ModeEnforce")
    every = status.build(replace(its, verdicts=dict.fromkeys(its.verdicts, conflict)))
    assert conditions(every)["Enforcing"] == ("False", "VerticalPodAutoscaler")


def test_a_capped_mode_says_what_was_asked_for() -> None:
    its = replace(facts(), mode=Mode.OBSERVE)
    (enforcing,) = (condition for condition in status.build(its).conditions if condition.type == "Enforcing")
    assert enforcing.message == "Agents only measure (spec asks for Enforce; the operator's --max-mode caps it)."


def enforcing(its: Facts) -> str:
    return next(condition.message for condition in status.build(its).conditions if condition.type == "Enforcing")


def test_what_goes_by_weight_is_said_beside_what_goes_by_quota() -> None:
    assert enforcing(facts()) == "Agents act on all pods."
    weighed = enforcing(facts(actuators={"weight": "Auto"}))
    assert weighed == "Agents act on all pods. Containers without a CPU limit go by weight, containers with one by quota."
    assert 'only measured (actuators.quota is "Off")' in enforcing(facts(actuators={"quota": "Off", "weight": "Auto"}))
    assert "would go by weight" in enforcing(facts(Mode.RECOMMEND, actuators={"weight": "Auto"}))


def test_weights_that_stay_for_want_of_the_signal_are_told_with_what_to_switch_on() -> None:
    its = facts(actuators={"weight": "Auto"})
    blind = WorkloadUsage(0.3, 0.5, 1.0, unseen=2)
    message = enforcing(seen_with(its, usage={f"Deployment/{name}": blind for name in ("cart", "pay")}))
    assert "Of Deployment/cart, Deployment/pay weights stay" in message
    assert "agent.hostPID" in message


def test_what_is_by_weight_is_shown_where_weights_are_asked_for() -> None:
    its = seen_with(facts(actuators={"weight": "Auto"}), usage={"Deployment/cart": WorkloadUsage(0.3, 0.5, 1.0, 0.01, 0.2)})
    assert [workload.weight_milli for workload in status.build(its).workloads] == [200, None]
    assert [workload.weight_milli for workload in status.build(facts()).workloads] == [None, None]


def test_an_objective_is_told_in_numbers_people_read() -> None:
    (its,) = status.build(facts()).objectives
    assert (its.requests, its.slow_requests, its.slow_share_percent, its.budget_left_percent) == (1000, 1, "0.100", "90.0")
    assert (its.burn_rate, its.minutes_above, its.threshold_used) == ("0.10", 2, "100ms")
    assert its.hint == QUERY.hint
    assert its.sample_time == "2027-01-15T07:59:55Z"


def test_an_objective_that_was_never_read_is_not_shown_as_if_it_were() -> None:
    its = seen_with(facts(), readings=(reading(its=budget(0, 0), good=NAN, total=NAN),))
    built = status.build(replace(its, queries={"gateway": None}))
    assert built.objectives == []
    assert built.governing is None


def test_cores_are_those_that_agents_counted() -> None:
    built = status.build(facts())
    assert built.cores
    assert (built.cores.used_milli, built.cores.allocated_milli, built.cores.granted_milli, built.saved_percent) == (300, 500, 1000, 50)
    cart, pay = built.workloads
    assert (cart.pods, cart.throttle_permille, cart.used_milli) == (2, 40, 300)
    assert (pay.pods, pay.throttle_permille, pay.used_milli) == (1, 10, None), "unknown is not zero"


def test_nothing_counted_is_nothing_known() -> None:
    built = status.build(seen_with(facts(), usage={}))
    assert (built.cores, built.saved_percent) == (None, None)


def test_transition_times_stay_until_a_status_changes() -> None:
    first = status.build(facts())
    later = seen_with(facts(), time=NOW + 600, problem=SignalError(NoValue.STALE, "old"))
    second = status.build(replace(later, slo=later.slo.model_copy(update={"status": first})))
    times = {its.type: its.last_transition_time for its in second.conditions}
    assert times["Ready"] == "2027-01-15T08:00:00Z"
    assert times["SignalsAvailable"] == "2027-01-15T08:10:00Z"


def test_resting_keeps_the_record_and_nothing_that_is_no_longer_so() -> None:
    its, before = facts(), status.build(facts())
    rests = status.resting(its.slo.metadata, before, Reason.SUSPENDED, "spec.suspend is true.", Record(), NOW)
    assert conditions(rests) == {"Ready": ("True", "Suspended"), "Enforcing": ("False", "Suspended")}
    assert (rests.objectives, rests.workloads, rests.cores, rests.checkpoint) == ([], [], None, None)
    invalid = status.resting(its.slo.metadata, before, Reason.INVALID, "spec.mode: is wrong", Record(), NOW)
    assert conditions(invalid)["Ready"] == ("False", "Invalid")


def test_trouble_with_the_api_server_changes_readiness_alone() -> None:
    before = status.build(facts())
    after = status.troubled(facts().slo.metadata, before, "throttleplans is forbidden", NOW)
    assert conditions(after) == {**conditions(before), "Ready": ("False", "APIError")}
    assert after.checkpoint == before.checkpoint


def test_conditions_speak_of_the_generation_that_was_looked_at() -> None:
    built = status.build(facts())
    assert built.observed_generation == 3
    assert {its.observed_generation for its in built.conditions} == {3}
