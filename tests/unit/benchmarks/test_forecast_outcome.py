"""The outcome simulation: start-up, step limits, what a policy may know, and how costs are compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.benchmarks.forecast.outcome import bound, cells, hull, ours, priced, product, scored
from tests.benchmarks.forecast.outcome.cells import Curve
from tests.benchmarks.forecast.outcome.load import PER_MINUTE, Load, view
from tests.benchmarks.forecast.outcome.policies import Variant, lead_minutes, peers
from tests.benchmarks.forecast.outcome.simulate import follow, oracle, ready, score, sliding_max

Array = NDArray[np.float64]
ONE = np.ones(1)


def totals(base: list[float], tolerance: float = 0.0, down_steps: int = 1) -> list[float]:
    return [float(value) for value in follow(np.array(base)[:, None], ONE, tolerance, down_steps)[:, 0, 0]]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.integers(1, 20))
def test_a_sliding_maximum_is_the_maximum_of_each_window(values: list[int], window: int) -> None:
    found = sliding_max(np.array(values, np.float64), window)
    assert found.tolist() == [max(values[max(0, end - window + 1) : end + 1]) for end in range(len(values))]


@given(st.lists(st.integers(1, 8), min_size=1, max_size=40), st.integers(0, 6))
def test_ready_replicas_are_those_of_a_simulation_pod_by_pod(total: list[int], startup: int) -> None:
    pods = [-startup] * total[0]  # steps in which each was asked for, oldest first
    for step, count in enumerate(total):
        pods = pods[:count] + [step] * (count - len(pods))
        assert ready(np.array(total, np.float64), startup)[step] == sum(1 for asked in pods if step - asked >= startup)


def test_growth_is_limited_to_double_or_four_more_in_fifteen_seconds() -> None:
    assert totals([1, 100, 100, 100, 100]) == [1, 5, 10, 20, 40]


def test_within_the_tolerance_nothing_moves() -> None:
    assert totals([10, 10.9, 11.1], tolerance=0.1) == [10, 10, 12]
    assert totals([10, 9.1, 8.9], tolerance=0.1) == [10, 10, 9]


def test_shrinking_waits_for_the_largest_wish_of_the_window_to_leave_it() -> None:
    assert totals([10, 4, 6, 3, 3, 3], down_steps=3) == [10, 10, 10, 6, 6, 3]


def test_a_minute_counts_once_however_many_of_its_steps_are_short() -> None:
    demand = np.array([1.0, 3.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    found = score(np.full((8, 1), 2, np.float32), demand, 0, 0)
    assert found.under[0] == 0.5
    assert found.unserved[0] == pytest.approx(2 / 12)
    assert found.replica_hours[0] == pytest.approx(16 * 15 / 3600)


@given(st.lists(st.floats(0.0, 50.0), min_size=12, max_size=60), st.integers(0, 8))
def test_the_oracle_misses_nothing_and_one_replica_less_would(demand: list[float], startup: int) -> None:
    need = np.array(demand)
    total = oracle(need, startup)
    assert (ready(total, startup) >= need - 1e-9).all()
    assert (total[1:] <= np.maximum(total[:-1] * 2, total[:-1] + 4)).all()
    for step in range(len(total)):
        less = total.copy()
        less[step] -= 1
        breaks = less[step] < 1 or (ready(less, startup) < need - 1e-9).any()
        too_steep = step + 1 < len(total) and total[step + 1] > max(less[step] * 2, less[step] + 4)
        assert breaks or too_steep


def build(demand: Array) -> Load:
    ages = np.random.default_rng(1).integers(1, 5, len(demand))
    return view("made", 5, 0, demand, ages)


def test_the_metric_is_the_mean_of_a_minute_that_ended_before_the_age() -> None:
    load = view("made", 5, 0, np.arange(20.0), np.full(20, 3))
    # At step 10 the last three steps (8, 9, 10) have not arrived: with an age of 3 the newest seen is step 7.
    assert load.seen[10] == pytest.approx(np.mean([4, 5, 6, 7]))
    assert load.seen_minutes[10] == 2 and load.seen_minutes[9] == 1


STEPS = 4 * 1440 * PER_MINUTE
DEMAND = 3 + 2 * np.sin(np.arange(STEPS) * 2 * np.pi / (1440 * PER_MINUTE)) + np.random.default_rng(0).uniform(0, 0.3, STEPS)


# In the middle of an hour, and just before forecasts are made anew: at hour 72 Crane's and AWS's are.
@pytest.mark.parametrize("later", [3 * 1440 * PER_MINUTE + 777, 3 * 1440 * PER_MINUTE - 3], ids=["at any time", "before a new forecast"])
@pytest.mark.parametrize("variant", peers(), ids=lambda variant: f"{variant.policy}, {variant.label}")
def test_a_policy_wishes_the_same_whatever_comes_later(variant: Variant, later: int) -> None:
    plain = variant.wish(build(DEMAND), 20)
    changed = variant.wish(build(np.concatenate([DEMAND[:later], DEMAND[later:] * 5])), 20)
    np.testing.assert_array_equal(plain[: later + 1], changed[: later + 1])
    assert not np.array_equal(plain, changed)


@pytest.mark.parametrize("policy", ["seasonal offset", "HPA + Crane", "PHPA", "AWS-like"])
def test_a_policy_with_a_forecast_wishes_more_before_the_daily_rise(policy: str) -> None:
    load = build(np.where(np.arange(STEPS) // PER_MINUTE % 1440 < 720, 1.0, 10.0))
    rise = (3 * 1440 + 720) * PER_MINUTE
    wishes = [variant.wish(load, 20)[rise - 8] for variant in peers() if variant.policy == policy]
    assert max(wishes) > 4.0
    assert load.seen[rise - 8] < 1.01


def test_the_bound_knows_the_means_of_five_minutes_that_come_and_no_single_minute() -> None:
    demand = np.ones(80 * PER_MINUTE)
    demand[40 * PER_MINUTE : 41 * PER_MINUTE] = 6.0
    demand[60 * PER_MINUTE :] = 3.0
    wish = bound.wish(build(demand), 8)[::PER_MINUTE]  # a start-up of 2 min: three minutes ahead
    assert wish[34] == 1.0 and wish[35:43].tolist() == [2.0] * 8 and wish[43] == 1.0
    assert wish[59] == 3.0 and wish[56] == pytest.approx(1.0 + 2 * 2.0 / 5)


def test_our_wish_takes_the_last_forecast_delivered_up_to_the_lead() -> None:
    load = view("made", 5, 0, np.ones(40), np.full(40, 2))
    made = np.arange(10.0)[:, None, None] * 100 + np.arange(len(ours.AHEAD))[None, :, None] + np.zeros((1, 1, len(ours.QUANTILES)))
    wish = ours.by_step(load, made, 8, 0.5)
    # Step 17, age 2: 16 steps arrived, four minutes; the newest forecast is that of minute 3. Start-up of 2 min: up to four minutes after it.
    assert lead_minutes(8) == 3
    assert wish[17] == 303.0 and wish[16] == 203.0 and wish[0] == 0.0
    assert max(ours.AHEAD) == lead_minutes(20) + 1


def test_the_hull_is_read_between_its_corners_and_flat_beyond_the_cheapest() -> None:
    under, cost = np.array([0.0, 0.01, 0.02, 0.05]), np.array([10.0, 9.5, 6.0, 5.0])
    assert hull.cost_at(under, cost, 0.01) == pytest.approx(8.0)  # 9.5 lies above the line from 10 to 6
    assert hull.cost_at(under, cost, 0.10) == pytest.approx(5.0)
    assert np.isnan(hull.cost_at(under + 0.02, cost, 0.01))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(1, 100)), min_size=1, max_size=20))
def test_the_hull_lies_below_every_point(points: list[tuple[float, float]]) -> None:
    x, y = np.array([one for one, _ in points]), np.array([one for _, one in points])
    assert all(hull.cost_at(x, y, float(level)) <= cost + 1e-9 for level, cost in points)


def curve(under: float, cost: float) -> Curve:
    return Curve(np.full((3, 1), cost), np.full((3, 1), under), np.zeros((3, 1)))


def test_each_cell_is_compared_with_the_peer_that_is_cheapest_there() -> None:
    here, there, nobody, only_theirs = ("a", 5, 120), ("b", 5, 120), ("c", 5, 120), ("d", 5, 300)
    mine = {here: curve(0.0, 9.0), there: curve(0.0, 8.0), nobody: curve(0.5, 1.0), only_theirs: curve(0.5, 1.0)}
    peer = {here: curve(0.0, 10.0), there: curve(0.0, 20.0), nobody: curve(0.5, 1.0), only_theirs: curve(0.0, 10.0)}
    other = {here: curve(0.0, 12.0), there: curve(0.0, 10.0), nobody: curve(0.5, 1.0), only_theirs: curve(0.5, 10.0)}
    ratios, lost = cells.ratios_to_best_peer(mine, {"p": peer, "o": other}, 0.01)
    assert ratios == pytest.approx({here: 0.9, there: 0.8, only_theirs: cells.LOST})
    assert lost == [only_theirs]


def test_the_summary_takes_start_ups_of_two_and_five_minutes_and_says_what_an_oracle_would_score() -> None:
    quick, slow = ("a", 5, 30), ("a", 5, 300)
    mine = {quick: curve(0.0, 99.0), slow: curve(0.0, 9.0)}
    peer = {quick: curve(0.0, 1.0), slow: curve(0.0, 10.0)}
    found = cells.summary(mine, {"p": peer}, {quick: np.ones(3), slow: np.full(3, 8.0)})
    assert found["replica_hours_ratio_vs_best_peer"] == pytest.approx(0.9) == found["replica_hours_ratio_worst_cell"]
    assert found["replica_hours_ratio_of_the_oracle"] == pytest.approx(0.8)
    assert "replica_hours_ratio_of_known_means" not in found
    known = cells.summary(mine, {"p": peer}, {quick: np.ones(3), slow: np.full(3, 8.0)}, {quick: curve(0.0, 2.0), slow: curve(0.0, 8.5)})
    assert known["replica_hours_ratio_of_known_means"] == pytest.approx(0.85)
    assert (found["outcome_cells"], found["outcome_cells_lost"]) == (1.0, 0.0)


def test_a_policy_stands_by_the_variant_that_reaches_most_and_costs_least() -> None:
    cell, second = ("a", 5, 120), ("b", 5, 120)
    curves = {
        ("p", "cheap but late"): {cell: curve(0.0, 1.0), second: curve(0.5, 1.0)},
        ("p", "dear"): {cell: curve(0.0, 9.0), second: curve(0.0, 9.0)},
        ("p", "fair"): {cell: curve(0.0, 3.0), second: curve(0.0, 3.0)},
    }
    best = {cell: np.ones(3), second: np.ones(3)}
    assert cells.best_variants(curves, best) == {"p": "fair"}


@given(
    st.lists(st.tuples(st.floats(0.01, 30.0), st.floats(0.0, 60.0)), min_size=2, max_size=60),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([60, 120, 300]),
    st.floats(0.8, 4.0),
    st.floats(0.0, 20.0),
)
def test_the_planners_arithmetic_is_what_the_product_decides(
    given_looks: list[tuple[float, float]], tolerance: float, down: int, knob: float, peak: float
) -> None:
    seen, ahead = np.array(given_looks).T
    looks = product.Looks(seen, ahead[:, None, None], np.array([tolerance]), down, peak)
    assert product.follow(looks, np.array([knob]))[:, 0, 0].tolist() == product.one_by_one(looks, 0, knob, len(seen))


def test_a_planner_that_decides_otherwise_stops_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "one_by_one", lambda *args: [99])
    looks = product.Looks(np.ones(3), np.zeros((3, 1, 1)), np.zeros(1), 60, 1.0)
    with pytest.raises(AssertionError, match="older plan"):
        product.checked(looks, ONE)


def made_in_bursts(seed: int) -> Load:
    """Nine hours, so that a quarter of a day is learned from."""
    rng = np.random.default_rng(seed)
    demand = rng.uniform(2.0, 3.0, 9 * 240)
    for begin in rng.integers(0, len(demand) - 8, 30):
        demand[begin : begin + 8] *= 2.0
    return build(demand)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("down", [15, 60, 300])
def test_the_arithmetic_with_a_price_is_what_the_product_decides(seed: int, down: int) -> None:
    load, first, prices = made_in_bursts(seed), 5 * 240, priced.PRICES * 5
    forecast = np.roll(load.seen, 40) * (np.arange(len(load.seen)) > 3 * 240)
    its = priced.worth(load, forecast, 8, prices)
    assert its.shares[first] is None and its.shares[-1] is not None
    found = priced.follow(load.seen[first:], its.replicas[first:], 0.1, down)
    for place in (0, 9, 17):
        begin = float(max(its.replicas[first, place], np.ceil(load.seen[first])))
        own = priced.one_by_one(load, its, first, float(prices[place]), begin, 0.1, down, len(found))
        assert own == found[:, place].tolist()


def test_a_price_is_weighed_by_nothing_that_comes_later() -> None:
    load, later = made_in_bursts(1), 8 * 240
    ages = np.random.default_rng(1).integers(1, 5, len(load.demand))
    changed = view("made", 5, 0, np.concatenate([load.demand[:later], load.demand[later:] * 5]), ages)
    plain = priced.worth(load, np.zeros(len(load.seen)), 8, priced.PRICES)
    other = priced.worth(changed, np.zeros(len(load.seen)), 8, priced.PRICES)
    np.testing.assert_array_equal(plain.replicas[: later + 1], other.replicas[: later + 1])
    assert not np.array_equal(plain.replicas, other.replicas)


def test_a_planner_with_a_price_that_decides_otherwise_stops_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priced, "one_by_one", lambda *args: [99])
    with pytest.raises(AssertionError, match="older plan"):
        list(priced.totals(made_in_bursts(1), np.zeros(9 * 240), 8, 240))


def test_the_planner_begins_an_hour_before_what_counts_and_knows_the_faded_peak_of_before() -> None:
    demand = np.concatenate([np.full(4000, 8.0), np.ones(4000)])
    load = view("made", 5, 6000, demand, np.full(8000, 2))
    first, looks = product.looks_of(load, [np.zeros(8000)], (0.0, 0.1), 300)
    assert first == 6000 - 240 and len(looks.seen) == (8000 - first) / scored.LOOK_STEPS
    # The last step at which 8 was seen is 4001: a minute's mean two steps late.
    assert looks.peak == pytest.approx(8.0 * np.exp(-(first - 3999) * 15 / (7 * 86_400)), rel=1e-3)
    assert looks.ahead.shape[1] == 2 and looks.tolerance.tolist() == [0.0, 0.1]
    assert scored.by_steps(np.array([[[3.0]], [[4.0]]], np.float32), 2)[:, 0, 0].tolist() == [3, 4]


def test_a_part_is_scored_with_the_replicas_that_started_before_it() -> None:
    demand = np.concatenate([np.full(600, 2.0), np.full(600, 6.0)])
    load = view("made", 5, 400, demand, np.full(1200, 1))
    made = dict(product._simulated(load, 8, [np.zeros(1200)] * 3, [(400, 1200), (400, 600), (600, 1200)], np.ones(1), 60))
    hours, under, _ = made[product.label(0.5, 60, 0.0)]
    # Replicas come four steps of a minute's mean and eight of start-up late: the rise costs three minutes or four, all in the second part.
    assert under[1, 0] == 0.0 and 3 <= round(under[2, 0] * 150) <= 4 and under[0, 0] == pytest.approx(under[2, 0] * 150 / 200)
    assert hours[0, 0] == pytest.approx(hours[1, 0] + hours[2, 0])
