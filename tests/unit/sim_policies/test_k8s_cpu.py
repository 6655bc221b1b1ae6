"""K8s-CPU and K8s-CPU-Fast: largest of usage over target in the window, at their periods."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.sim.policies.k8s_cpu import FAST, SLOW, Rule, Threshold, decide
from tests.unit.sim_policies.builders import application, facts, samples


def drive(policy: Threshold, usages: list[float]) -> list[float | None]:
    """Quotas after each second of one container; None where nothing was decided."""
    policy.start(facts(application(0.01)))
    made = [policy.fast(samples([usage], now=float(second + 1))) for second, usage in enumerate(usages)]
    return [None if quotas is None else float(quotas.quota[0]) for quotas in made]


def test_fast_sets_usage_over_target_each_second() -> None:
    assert drive(Threshold(0.5), [0.2, 0.4]) == pytest.approx([0.4, 0.8])


def test_fast_holds_a_peak_for_twenty_seconds_and_no_longer() -> None:
    got = drive(Threshold(0.5), [1.0, *[0.1] * 25])
    assert got[19] == pytest.approx(2.0)
    assert got[20] == pytest.approx(0.2)


def test_the_slow_one_decides_each_fifteen_seconds_on_the_mean_between() -> None:
    got = drive(Threshold(0.5, SLOW), [*[0.0] * 10, *[0.3] * 5, *[0.3] * 15])
    assert [place for place, quota in enumerate(got) if quota is not None] == [14, 29]
    assert got[14] == pytest.approx(0.2)
    assert got[29] == pytest.approx(0.6)


def test_the_slow_one_holds_a_peak_for_three_hundred_seconds() -> None:
    got = [quota for quota in drive(Threshold(0.5, SLOW), [*[1.0] * 15, *[0.1] * 300]) if quota is not None]
    assert got[19] == pytest.approx(2.0)
    assert got[20] == pytest.approx(0.2)


def test_quotas_stay_within_grant_and_kernel() -> None:
    assert drive(Threshold(0.1), [3.0]) == [4.0]
    assert drive(Threshold(0.9), [0.0]) == [0.01]


def test_burst_is_the_quota_up_to_the_grant_where_the_class_allows_it() -> None:
    policy = Threshold(0.5)
    policy.start(facts(application(0.01, 0.01), burst=True))
    quotas = policy.fast(samples([0.5, 1.5]))
    assert quotas is not None
    assert quotas.burst == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("target", [0.0, -0.1, 1.6])
def test_a_target_that_is_no_share_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="share of the quota"):
        Threshold(target)


def test_a_window_holds_as_many_notes_as_it_has_periods() -> None:
    notes = np.zeros((0, 1))
    for usage in (5.0, 1.0, 2.0, 1.0):
        notes, quota = decide(notes, np.array([usage]), 1.0, Rule("three", 1, 3))
    assert (notes.ravel().tolist(), quota.tolist()) == ([1.0, 2.0, 1.0], [2.0])
    assert (SLOW.notes, FAST.notes) == (20, 20)
