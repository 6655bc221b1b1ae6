"""A rollout told from pods: of two versions, and something moves."""

from __future__ import annotations

import pytest

from flyball.api.meta import Owner
from flyball.controllers.predictiveautoscaler.rollout import STILL_SECONDS, Rollout
from flyball.kube.pods import Pod


def pods(**versions: int) -> list[Pod]:
    """So many pods of each version."""
    owner = Owner(kind="StatefulSet", name="web")
    return [
        Pod("shop", f"{version}-{number}", f"{version}-{number}", {}, owner, (), version)
        for version in versions
        for number in range(versions[version])
    ]


def test_pods_of_one_version_or_of_none_are_no_rollout() -> None:
    its = Rollout()
    assert not its.runs([], 0.0)
    assert not its.runs(pods(a=3), 15.0)
    assert not its.runs([*pods(a=3), *pods(**{"": 2})], 30.0), "pods that nobody made from a template have no version"


def test_two_versions_are_a_rollout_until_nothing_has_moved_for_half_an_hour() -> None:
    its = Rollout()
    assert its.runs(pods(a=3, b=1), 0.0)
    assert its.runs(pods(a=3, b=1), STILL_SECONDS - 1)
    assert not its.runs(pods(a=3, b=1), STILL_SECONDS)


def test_each_pod_that_comes_or_goes_begins_the_half_hour_anew() -> None:
    its = Rollout()
    its.runs(pods(a=3, b=1), 0.0)
    its.runs(pods(a=2, b=2), STILL_SECONDS - 1)
    assert its.runs(pods(a=2, b=2), 2 * STILL_SECONDS - 2)


def test_scaling_a_set_that_holds_two_versions_is_no_rollout_again() -> None:
    its = Rollout()
    for second, seen in ((0.0, pods(a=3, b=1)), (STILL_SECONDS, pods(a=3, b=1))):
        its.runs(seen, second)
    assert not its.runs(pods(a=3, b=2), STILL_SECONDS + 15)
    assert not its.runs(pods(a=1, b=1), STILL_SECONDS + 30)


@pytest.mark.parametrize("after", [{"a": 3, "b": 1, "c": 1}, {"b": 3, "c": 1}])
def test_another_version_is_another_rollout(after: dict[str, int]) -> None:
    its = Rollout()
    for second in (0.0, STILL_SECONDS):
        its.runs(pods(a=3, b=1), second)
    assert its.runs(pods(**after), STILL_SECONDS + 15)


def test_a_set_that_was_settled_and_of_one_version_since_rolls_like_any_other() -> None:
    its = Rollout()
    for second, seen in ((0.0, pods(a=3, b=1)), (STILL_SECONDS, pods(a=3, b=1)), (STILL_SECONDS + 15, pods(b=4))):
        its.runs(seen, second)
    assert its.runs(pods(a=1, b=3), STILL_SECONDS + 30)


def test_a_clock_that_went_back_begins_the_half_hour_anew() -> None:
    its = Rollout()
    its.runs(pods(a=3, b=1), 10_000.0)
    assert its.runs(pods(a=3, b=1), 0.0)
    assert its.runs(pods(a=3, b=1), STILL_SECONDS - 1)
    assert not its.runs(pods(a=3, b=1), STILL_SECONDS)
