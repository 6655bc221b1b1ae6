"""The decision record: what is news, what is one decision, what was seen after it."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from flyball.api.latencyslo_status import LatencySLOStatus, WorkloadStatus
from flyball.api.meta import Owner
from flyball.controllers.latencyslo.decisions import OBSERVED_AFTER_SECONDS, Effect, Record
from flyball.cpu.tower import Reason
from tests.unit.controllers.builders import budget, decision

SEEN = Effect(0.2, 2.0)


def add(record: Record, reason: Reason = Reason.SPEND, at: float = 0.0, **targets: float) -> Record:
    """The record after a decision at a time, on the clock of a watcher who looks at every decision."""
    record = record.observe(at, SEEN)
    return record.add(decision(reason, **targets), at, f"2026-11-21T06:{int(at) // 60:02}:{int(at) % 60:02}Z", budget(), SEEN)[0]


def reasons(record: Record) -> list[str]:
    return [its.reason for its in record.decisions]


def test_that_all_stays_as_it_is_is_not_news() -> None:
    record = add(Record(), Reason.HOLD, low=0.0)
    assert reasons(record) == []
    record = add(record, Reason.SPEND, 15, low=0.02)
    assert reasons(add(record, Reason.HOLD, 30, low=0.02)) == ["Spend"]


def test_a_new_reason_is_news_even_if_no_target_moves() -> None:
    record = add(Record(), Reason.START, low=0.0)
    record = add(record, Reason.OVERDRAWN, 15, low=0.0)
    assert reasons(add(record, Reason.OVERDRAWN, 30, low=0.0)) == ["Start", "Overdrawn"]


def test_a_reason_that_comes_back_after_a_pause_is_no_news() -> None:
    record = add(Record(), Reason.SPEND, low=0.0)
    record = add(record, Reason.HOLD, 15, low=0.0)
    assert reasons(add(record, Reason.SPEND, 30, low=0.0)) == ["Spend"]


def test_a_decision_tells_inputs_and_choice() -> None:
    its = add(add(Record(), Reason.HOLD, low=0.01), low=0.02, high=0.04).decisions[-1]
    assert [(change.group, change.previous_permille, change.throttle_permille) for change in its.targets] == [("high", 0, 40), ("low", 10, 20)]
    assert (its.governing, its.burn_rate, its.budget_left_percent) == ("gateway", "0.20", "90.0")
    assert its.alternatives == ["stay: keeps 2.00 cores allocated"]
    assert its.expected == "Fewer cores."


def test_steps_within_a_minute_are_one_decision_with_the_first_steps_time_and_start() -> None:
    record = Record()
    for number in range(1, 5):
        record = add(record, Reason.SPEND, 15 * number, low=0.01 * number)
    (its,) = record.decisions
    assert its.time == "2026-11-21T06:00:15Z"
    assert [(change.previous_permille, change.throttle_permille) for change in its.targets] == [(0, 40)]


def test_a_turn_is_a_decision_of_its_own() -> None:
    record = add(Record(), Reason.SPEND, low=0.02)
    record = add(record, Reason.GUARD, 15, low=0.0)
    record = add(record, Reason.SPEND, 30, low=0.01)
    assert reasons(record) == ["Spend", "Guard", "Spend"]


def test_what_was_seen_is_filled_in_a_minute_later_and_only_once() -> None:
    record = add(Record(), low=0.02)
    record = record.observe(OBSERVED_AFTER_SECONDS - 1, Effect(0.3, 1.5))
    assert record.decisions[0].observed is None
    record = record.observe(OBSERVED_AFTER_SECONDS + 5, Effect(0.4, 1.2))
    assert record.decisions[0].observed == "after 65 s: burn 0.20 -> 0.40, allocated 2.00 -> 1.20 cores"
    assert record.observe(300, Effect(9.0, 9.0)) == record


def test_what_could_not_be_seen_is_said() -> None:
    record = add(Record(), low=0.02).observe(60, Effect(math.nan, math.nan))
    assert record.decisions[0].observed == "after 60 s: burn 0.20 -> unknown, allocated 2.00 -> unknown cores"


def test_after_a_restart_the_record_goes_on_and_known_targets_are_no_news() -> None:
    record = add(Record(), Reason.SPEND, low=0.02)
    workload = WorkloadStatus(owner=Owner(kind="Deployment", name="cart"), group="low", pods=1, throttle_permille=20)
    restored = Record.restored(LatencySLOStatus(decisions=record.decisions, workloads=[workload]))
    assert restored.decisions == record.decisions
    assert reasons(add(restored, Reason.SPEND, 100, low=0.02)) == ["Spend"]
    (_, its) = add(restored, Reason.SPEND, 100, low=0.03).decisions
    assert its.targets[0].previous_permille == 20
    assert restored.observe(10_000, SEEN).decisions[0].observed is None, "nobody watched"


def test_a_change_of_mode_is_in_the_record_and_ends_a_rise() -> None:
    record = add(Record(), Reason.SPEND, low=0.02).note("ModeChanged", "Enforce -> Observe.", "2026-11-21T06:00:05Z")
    record = add(record, Reason.SPEND, 15, low=0.03)
    assert reasons(record) == ["Spend", "ModeChanged", "Spend"]


@given(st.lists(st.tuples(st.sampled_from([*Reason]), st.floats(0, 0.3), st.floats(0, 90)), max_size=60))
def test_the_record_is_bounded_and_in_order_whatever_is_decided(steps: list[tuple[Reason, float, float]]) -> None:
    record, now = Record(), 0.0
    for reason, target, passed in steps:
        now = min(now + passed, 3000)
        record = add(record, reason, now, low=target, high=target)
    assert len(record.decisions) <= 10
    times = [its.time for its in record.decisions]
    assert times == sorted(times)
    LatencySLOStatus(decisions=record.decisions)
