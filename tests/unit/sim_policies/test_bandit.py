"""The paper's slow level: costs, neighbours, and what it learns from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.sim.policies.autothrottle import Autothrottle, Phase
from flyball.sim.policies.bandit import ARMS, LADDER, Seen, choose, costs, estimates, neighbours, pair
from tests.unit.sim_policies.builders import application, facts, minute

OBJECTIVE = 0.2


def seen(arm: int, *, rate: float = 100.0, p99: float = 0.1, cores: float = 10.0) -> Seen:
    return Seen(rate, arm, p99, cores)


def test_a_minute_within_the_objective_costs_its_share_of_the_allocations_seen() -> None:
    got = costs([seen(0, cores=10.0), seen(1, cores=20.0), seen(2, cores=15.0)], OBJECTIVE)
    assert got.tolist() == [0.0, 1.0, 0.5]


def test_a_minute_over_costs_two_to_three_by_its_latency_whatever_it_allocated() -> None:
    got = costs([seen(0, p99=0.3), seen(1, p99=0.5, cores=1.0), seen(2)], OBJECTIVE)
    assert got.tolist() == [2.0, 3.0, 0.5]


def test_the_arms_are_all_pairs_of_the_papers_ladder() -> None:
    assert {pair(arm) for arm in range(ARMS)} == {(heavy, light) for heavy in LADDER for light in LADDER}
    assert LADDER == (0.0, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3)


@pytest.mark.parametrize(("arm", "near"), [(0, {1, 9}), (40, {31, 49, 39, 41}), (80, {79, 71}), (8, {7, 17})])
def test_neighbours_are_one_step_away_on_one_target(arm: int, near: set[int]) -> None:
    assert set(neighbours(arm)) == near


def test_the_median_of_a_group_stands_for_it_so_that_one_odd_minute_changes_little() -> None:
    steady = [seen(5, cores=12.0)] * 4 + [seen(60, cores=20.0), seen(61, cores=10.0)]
    odd = [*steady, seen(5, p99=1.0)]
    assert estimates(odd, OBJECTIVE, 100.0, 20.0)[5] == pytest.approx(estimates(steady, OBJECTIVE, 100.0, 20.0)[5], abs=0.01)


def test_what_was_seen_at_another_rate_counts_little() -> None:
    past = [seen(40, rate=100.0, cores=10.0), seen(40, rate=400.0, p99=1.0), seen(0, rate=400.0, cores=20.0)]
    assert estimates(past, OBJECTIVE, 100.0, 20.0)[40] < 0.1
    assert estimates(past, OBJECTIVE, 400.0, 20.0)[40] > 1.9


def test_the_cheapest_arm_is_chosen_and_a_neighbour_when_exploring() -> None:
    rng = np.random.default_rng(1)
    past = [seen(40, cores=10.0), seen(0, cores=20.0), seen(80, p99=1.0)]
    assert choose(past, OBJECTIVE, 100.0, 20.0, 0.0, rng) == 40
    assert {choose(past, OBJECTIVE, 100.0, 20.0, 1.0, rng) for _ in range(50)} == set(neighbours(40))


@given(
    st.lists(st.builds(Seen, st.floats(0, 4000), st.integers(0, ARMS - 1), st.floats(0.001, 99.0), st.floats(0.1, 500.0)), max_size=40),
    st.floats(0, 4000),
)
def test_estimates_are_costs_whatever_was_seen(past: list[Seen], rate: float) -> None:
    got = estimates(past, OBJECTIVE, rate, 20.0)
    assert got.shape == (ARMS,)
    assert np.all((got >= 0.0) & (got <= 3.0))


def drive(policy: Autothrottle, minutes: int, *, rates: list[float] | None = None) -> list[tuple[float, float]]:
    """Targets of a heavy and a light service after each minute."""
    policy.start(facts(application(0.02, 0.001, 0.001)))
    made = []
    for number in range(minutes):
        policy.slow(minute(3, now=60.0 * (number + 1), rate=rates[number] if rates else 100.0, cores=float(10 + number)))
        made.append((float(policy.targets[0]), float(policy.targets[1])))
    return made


def test_exploring_keeps_an_arm_for_two_minutes_and_notes_the_second() -> None:
    past: list[Seen] = []
    targets = drive(Autothrottle(past, 20.0, Phase.EXPLORE), 23)
    assert targets[3:-1:2] == targets[4::2]  # from the fourth minute on: three are the ramp
    assert len(past) == 9
    assert len({its.arm for its in past}) == 9  # the least tried arm: none twice before all once
    assert [its.cores for its in past] == [15.0 + 2.0 * number for number in range(9)]


def test_a_report_takes_the_cheapest_arm_for_the_rate_of_the_minute_before() -> None:
    past = [seen(9 * 4 + 2, rate=100.0, cores=5.0), seen(0, rate=100.0, cores=20.0), seen(9 * 1 + 1, rate=300.0, cores=5.0)]
    past += [seen(9 * 4 + 2, rate=300.0, p99=1.0)]
    targets = drive(Autothrottle(past, 20.0, Phase.REPORT), 5, rates=[100.0] * 4 + [300.0])
    assert targets[:3] == [(0.0, 0.0)] * 3
    assert targets[3] == (LADDER[4], LADDER[2])
    assert targets[4] == (LADDER[1], LADDER[1])


def test_a_minute_is_noted_with_the_arm_and_the_rate_that_were_before_it() -> None:
    past = [seen(40, cores=5.0), seen(0, cores=20.0)]
    drive(Autothrottle(past, 20.0, Phase.REPORT), 5, rates=[100.0, 100.0, 100.0, 110.0, 130.0])
    assert (past[-1].arm, past[-1].rate, past[-1].cores) == (40, 110.0, 14.0)
