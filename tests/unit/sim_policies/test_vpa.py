"""VPA's recommender: quantiles of a histogram whose weights halve in a day, margin and floor, and when the updater acts."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.sim.policies import vpa
from flyball.sim.policies.vpa import Recommendation, Vpa, Watch, add, quantile, recommend, update
from tests.unit.sim_policies.builders import application, facts, samples

DAY = 86_400.0


def histogram(*usages: float, at: float = 0.0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    weights = np.zeros((1, len(vpa.STARTS)))
    for usage in usages:
        weights = add(weights, np.array([usage]), np.array([1.0]), at)
    return weights


def test_the_target_is_the_ninetieth_percentile_plus_fifteen_percent_to_a_bucket() -> None:
    advice = recommend(histogram(*np.linspace(0.01, 1.0, 100)), DAY)
    assert advice.target[0] == pytest.approx(0.9 * 1.15, rel=0.06)
    assert advice.lower[0] == pytest.approx(0.5 * 1.15, rel=0.06)


def test_no_container_gets_less_than_25_millicores() -> None:
    assert recommend(histogram(0.0, 0.0), DAY).target[0] == 0.025


def test_yesterdays_minutes_count_half() -> None:
    weights = add(histogram(0.1, 0.1), np.array([2.0]), np.array([1.0]), DAY)
    # One new minute weighs as much as both old ones: the median lies at the border, anything above it with the new one.
    assert quantile(weights, 0.49)[0] < 0.2
    assert quantile(weights, 0.51)[0] > 1.9


def test_bounds_are_wide_while_history_is_short() -> None:
    weights = histogram(*np.linspace(0.01, 1.0, 100))
    hour, week = recommend(weights, 3600.0), recommend(weights, 7 * DAY)
    assert hour.upper[0] > 20 * week.upper[0] / 2
    assert hour.lower[0] < week.lower[0]


def test_the_updater_acts_outside_the_bounds_and_on_a_tenth_after_half_a_day() -> None:
    advice = Recommendation(np.full(4, 1.0), np.full(4, 0.5), np.full(4, 2.0))
    request = np.array([3.0, 0.4, 1.5, 1.05])
    assert update(request, np.zeros(4), advice).tolist() == [1.0, 1.0, 1.5, 1.05]
    assert update(request, np.full(4, 12 * 3600.0), advice).tolist() == [1.0, 1.0, 1.0, 1.05]


def test_the_policy_looks_once_a_minute() -> None:
    policy = Vpa(2.0)
    policy.start(facts(application(0.01), grant=100.0))
    made = [policy.fast(samples([0.2], now=float(second))) for second in range(1, 121)]
    assert [second for second, quotas in enumerate(made, 1) if quotas is not None] == [60, 120]
    assert made[59] is not None
    assert made[59].quota[0] == 100.0  # a minute of history: its bounds hold anything


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, 0.23), (2.0, 0.46)])
def test_after_a_day_it_acts_at_its_first_look_and_keeps_the_ratio_of_limit_to_request(ratio: float, expected: float) -> None:
    policy = Vpa(ratio, [[0.2]] * 60)
    policy.start(facts(application(0.01), grant=1.0))
    first = next(quotas for second in range(1, 61) if (quotas := policy.fast(samples([0.2], now=float(second)))))
    assert first.quota[0] == pytest.approx(expected, rel=0.1)  # 1.15 times the end of the bucket that what it uses lies in


def test_the_past_is_gathered_at_the_grants_by_the_minute() -> None:
    watch = Watch()
    begun = watch.start(facts(application(0.01), grant=1.0))
    assert begun is not None
    assert begun.quota[0] == 1.0
    for second in range(1, 121):
        assert watch.fast(samples([0.2 if second <= 60 else 0.4], now=float(second))) is None
    assert [minute.tolist() for minute in watch.minutes] == [pytest.approx([0.2]), pytest.approx([0.4])]
