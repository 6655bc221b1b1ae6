"""How long a replica takes to be ready."""

from __future__ import annotations

from flyball.replicas.readiness import DEFAULT_SECONDS, Start, ready_after


def took(*seconds: float) -> list[Start]:
    return [Start(1000.0 * index, 1000.0 * index + each) for index, each in enumerate(seconds)]


def test_before_any_start_the_default_counts_and_says_so() -> None:
    found = ready_after([], 0.0)
    assert (found.seconds, found.starts) == (DEFAULT_SECONDS, 0)


def test_of_a_few_starts_the_slowest_counts() -> None:
    assert ready_after(took(20, 95, 30), 1e6).seconds == 95


def test_of_many_one_in_ten_may_be_slower() -> None:
    assert ready_after(took(*[20] * 18, 300, 400), 1e6).seconds == 20
    assert ready_after(took(*[20] * 17, 200, 300, 400), 1e6).seconds == 200


def test_only_the_newest_count() -> None:
    assert ready_after(took(*[300] * 60, *[20] * 50), 1e6).seconds == 20


def test_pods_that_still_start_lengthen_the_lead_while_they_do() -> None:
    starts = [*took(20, 20), Start(5000.0, None)]
    assert ready_after(starts, 5010.0).seconds == 20
    assert ready_after(starts, 5200.0).seconds == 200


def test_a_pod_that_never_gets_ready_is_a_fault_and_no_start() -> None:
    assert ready_after([*took(20, 20), Start(5000.0, None)], 5000.0 + 1801).seconds == 20
    assert ready_after(took(20, 4000), 1e6).seconds == 20


def test_a_pod_that_was_ready_before_it_was_made_is_left_out() -> None:
    assert ready_after([Start(100.0, 90.0)], 1e6).starts == 0
