"""What a replica carries, learned from utilisation against demand."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flyball.replicas.capacity import Capacity, estimate, learn


def taught(
    samples: int, *, slope: float = 0.01, idle: float = 0.0, noise: float = 0.0, demand: tuple[float, float] = (20.0, 60.0), start: float = 0.0
) -> Capacity:
    """A capacity after that many minutes of a program whose utilisation is idle + slope x demand."""
    chance, capacity = random.Random(7), Capacity()
    for minute in range(samples):
        x = chance.uniform(*demand)
        capacity = learn(capacity, start + 60.0 * minute, x, idle + slope * x + chance.gauss(0, noise))
    return capacity


def test_nothing_is_claimed_from_a_few_minutes() -> None:
    assert estimate(taught(19), 0.7) is None
    assert estimate(taught(25), 0.7) is not None


def test_what_a_program_uses_without_demand_is_told_apart() -> None:
    found = estimate(taught(120, idle=0.1), 0.7)
    assert found is not None and math.isclose(found.value, 60.0, rel_tol=0.01)


def test_under_noise_the_careful_end_lies_below_and_closes_in() -> None:
    short, long = estimate(taught(30, noise=0.05), 0.7), estimate(taught(300, noise=0.05), 0.7)
    assert short is not None and long is not None
    assert short.low < long.low < 70 * 1.05
    assert long.value - long.low < short.value - short.low
    assert abs(long.value - 70) < 7


def test_the_careful_end_holds_in_nineteen_of_twenty_cases() -> None:
    held = 0
    for seed in range(200):
        chance, capacity = random.Random(seed), Capacity()
        for minute in range(60):
            x = chance.uniform(20, 60)
            capacity = learn(capacity, 60.0 * minute, x, 0.05 + 0.01 * x + chance.gauss(0, 0.05))
        found = estimate(capacity, 0.7)
        held += found is not None and found.low <= 65.0
    assert held >= 180


def test_a_demand_that_never_moves_gives_a_line_through_zero() -> None:
    found = estimate(taught(60, demand=(50.0, 50.0)), 0.7)
    assert found is not None and math.isclose(found.value, 70.0, rel_tol=1e-6)


def test_a_guess_does_not_reach_far_beyond_what_was_seen() -> None:
    found = estimate(taught(60, demand=(1.0, 3.0)), 0.7)
    assert found is not None and found.value < 6.0


def test_a_slower_release_is_learned_within_a_working_day() -> None:
    capacity, chance = taught(24 * 60), random.Random(3)
    for minute in range(12 * 60):
        x = chance.uniform(20, 60)
        capacity = learn(capacity, 86_400.0 + 60.0 * minute, x, 0.02 * x)
    found = estimate(capacity, 0.7)
    assert found is not None and found.low < 40.0


def test_looks_within_a_minute_count_as_parts_of_one() -> None:
    capacity = Capacity()
    for look in range(60):
        capacity = learn(capacity, 1000.0 + 15.0 * look, 50.0, 0.5)
    assert estimate(capacity, 0.7) is None


def test_what_is_no_sample_changes_nothing() -> None:
    before = taught(30)
    for demand, utilisation in [(math.nan, 0.5), (0.0, 0.1), (-3.0, 0.5), (10.0, math.nan), (10.0, -0.1), (math.inf, 0.5)]:
        assert learn(before, 1e6, demand, utilisation) == before


def test_a_clock_that_goes_back_a_day_costs_a_sample_and_no_more() -> None:
    before = taught(30, start=1e6)
    back = learn(before, before.time - 86_400, 10.0, 0.9)
    assert replace(back, time=before.time) == before
    assert learn(back, back.time + 60, 40.0, 0.4).weight > back.weight * 0.9 + 0.9


def test_a_program_that_needs_less_with_more_demand_is_taken_through_zero() -> None:
    capacity, chance = Capacity(), random.Random(5)
    for minute in range(60):
        x = chance.uniform(20, 60)
        capacity = learn(capacity, 60.0 * minute, x, 0.9 - 0.005 * x)
    found = estimate(capacity, 0.95)
    assert found is not None and 0 < found.low <= found.value


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 3)), min_size=20, max_size=60), st.floats(0.1, 1.0))
def test_an_estimate_is_positive_and_careful(samples: list[tuple[float, float]], utilisation: float) -> None:
    capacity = Capacity()
    for minute, (demand, used) in enumerate(samples):
        capacity = learn(capacity, 60.0 * minute, demand, used)
    found = estimate(capacity, utilisation)
    assert found is None or (0 < found.low <= found.value and math.isfinite(found.value))
