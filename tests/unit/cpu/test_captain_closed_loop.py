"""The captain and a model of CFS bandwidth together: where they settle, and how they come back."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from statistics import fmean

import pytest

from flyball.cpu.captain import Bounds
from tests.unit.cpu.cfs_model import PERIOD, closed_loop

GRANT = 2.0


def steady(cores: float) -> Callable[[int], float]:
    return lambda period: cores * PERIOD


def requests(cores: float, seed: int = 1, work: float = 0.01) -> Callable[[int], float]:
    """Poisson arrivals of `work` CPU seconds each."""
    chance = random.Random(seed)

    def arrivals(mean: float) -> int:
        count, product, limit = 0, chance.random(), math.exp(-mean)
        while product > limit:
            count, product = count + 1, product * chance.random()
        return count

    return lambda period: arrivals(cores * PERIOD / work) * work


def test_a_steady_load_at_target_zero_settles_somewhat_above_its_use_and_is_not_throttled() -> None:
    run = closed_loop(steady(0.5), 120, 0.0, bounds=Bounds(0.05, 1.0))
    assert 0.5 < run.quotas[-1] < 0.7
    assert sum(run.ratios) == 0.0


def test_even_target_zero_saves_against_a_limit_of_twice_the_peak() -> None:
    run = closed_loop(requests(0.5), 600, 0.0, bounds=Bounds(0.05, GRANT), burst=True)
    assert fmean(run.quotas[60:]) < 0.6 * GRANT
    assert fmean(run.ratios[60:]) < 0.01


@pytest.mark.parametrize("target", [0.02, 0.04, 0.1, 0.2])
def test_the_throttled_share_is_held_near_its_target(target: float) -> None:
    run = closed_loop(requests(0.5, work=0.02), 1800, target, bounds=Bounds(0.05, GRANT))
    assert 0.3 * target < fmean(run.ratios[300:]) < 1.5 * target


@pytest.mark.parametrize("target", [0.02, 0.04, 0.1, 0.2])
def test_with_a_burst_allowance_the_target_means_the_same_and_costs_less(target: float) -> None:
    plain, burst = (closed_loop(requests(0.5, work=0.02), 1800, target, bounds=Bounds(0.05, GRANT), burst=allowed) for allowed in (False, True))
    assert 0.2 * target < fmean(burst.ratios[300:]) < 1.5 * target
    assert fmean(burst.quotas[300:]) < 0.95 * fmean(plain.quotas[300:])


def test_a_higher_target_means_less_quota() -> None:
    quotas = [fmean(closed_loop(requests(0.5, work=0.02), 900, target, bounds=Bounds(0.05, GRANT)).quotas[300:]) for target in (0.0, 0.04, 0.1, 0.3)]
    assert quotas == sorted(quotas, reverse=True)
    assert quotas[-1] < 0.75 * quotas[0]


@pytest.mark.parametrize(("target", "burst"), [(0.0, False), (0.1, False), (0.3, False), (0.0, True), (0.3, True)])
def test_a_load_that_doubles_is_answered_in_two_seconds_and_worked_off_in_five(target: float, burst: bool) -> None:
    rise = 90
    run = closed_loop(lambda period: (0.4 if period < rise * 10 else 0.8) * PERIOD, 120, target, bounds=Bounds(0.05, GRANT), burst=burst)
    assert run.quotas[rise - 1] < 0.6
    assert run.quotas[rise + 1] > 1.5 * run.quotas[rise - 1]
    assert run.waiting[rise + 4] == pytest.approx(0.0, abs=1e-9)


def test_a_container_that_wants_more_than_its_grant_gets_all_of_it() -> None:
    run = closed_loop(steady(3.0), 30, 0.1, bounds=Bounds(0.05, GRANT))
    assert run.quotas[-1] == GRANT


def test_an_idle_container_goes_down_to_its_floor_and_comes_back() -> None:
    run = closed_loop(lambda period: (0.0 if period < 1500 else 0.5) * PERIOD, 170, 0.0, bounds=Bounds(0.05, GRANT))
    assert run.quotas[149] == 0.05
    assert run.quotas[149 + 6] > 0.5


def test_halving_takes_less_than_half_a_minute_and_no_step_more_than_a_fifth() -> None:
    run = closed_loop(steady(0.2), 60, 0.0, bounds=Bounds(0.05, GRANT))
    steps = [after / before for before, after in zip([GRANT, *run.quotas], run.quotas, strict=False)]
    assert min(steps) >= 0.8 - 1e-9
    first = next(second for second, quota in enumerate(run.quotas) if quota < GRANT)
    assert run.quotas[first + 25] <= GRANT / 2


def test_the_pods_throttling_does_not_drive_the_container_to_its_grant() -> None:
    run = closed_loop(steady(0.3), 120, 0.0, bounds=Bounds(0.05, GRANT), pod_throttles=lambda second: 10 if second > 60 else 0)
    assert run.quotas[-1] == run.quotas[60]


def test_few_writes_once_settled() -> None:
    run = closed_loop(steady(0.5), 300, 0.0, bounds=Bounds(0.05, GRANT))
    late = run.quotas[60:]
    assert all(one == other for one, other in pairwise(late))
