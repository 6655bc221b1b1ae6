"""A run: the same for a seed, the same work for every policy, ticks and signals at their times, disturbances where they were asked for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from flyball.sim.arrivals import Arrivals, Given, repeat
from flyball.sim.example import shop
from flyball.sim.plant import Overloaded, Plant
from flyball.sim.policy import Quotas, Samples, Unlimited
from flyball.sim.run import Settings, simulate
from flyball.sim.spec import Application, Visit
from tests.unit.sim.builders import Held, Recorder, application, load, play, single

RATES = np.full(90, 150.0)


@pytest.mark.parametrize("level", ["fluid", "sliced"])
def test_a_seed_repeats_a_run_to_the_last_bit(level: str) -> None:
    settings = Settings(level=level, contention=True, keep_latency=True, keep_seconds=True)
    first, second, other = (simulate(shop(), RATES, Held(0.7), seed, settings) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.latency, second.latency)
    np.testing.assert_array_equal(first.seconds.usage, second.seconds.usage)
    assert len(first.latency) != len(other.latency) or not np.array_equal(first.latency, other.latency)


def test_every_policy_meets_the_same_requests_and_work() -> None:
    """Work is a matter of the seed: with nothing left over, CPU used is equal under any quota, to the rounding of sums."""
    roomy, tight = (load(shop(), 150.0, 90, Held(quota)) for quota in (2.0, 0.65))
    np.testing.assert_array_equal(roomy.arrival, tight.arrival)
    ended = ~np.isnan(tight.latency[:10_000])
    assert ended.all()
    assert np.mean(tight.latency[:10_000]) > 1.05 * np.mean(roomy.latency[:10_000])
    assert float(tight.seconds.usage[:60].sum()) == pytest.approx(float(roomy.seconds.usage[:60].sum()), rel=0.01)


def test_finer_ticks_change_nothing_but_rounding() -> None:
    coarse = load(shop(), 150.0, 60)
    fine = load(shop(), 150.0, 60, Recorder(tick_seconds=0.1))
    np.testing.assert_allclose(coarse.latency[:8000], fine.latency[:8000], rtol=1e-4)


def test_arrivals_are_poisson_with_the_rate_of_their_second() -> None:
    rates = np.concatenate([np.full(600, 20.0), np.full(600, 100.0)])
    drawn = Arrivals(rates, 3)
    times = np.concatenate([drawn.chunk(number) for number in range(20)])
    assert drawn.total == len(times)
    assert np.all(np.diff(times) >= 0)
    assert np.bincount(times.astype(int), minlength=1200)[:600].mean() == pytest.approx(20.0, rel=0.03)
    gaps = np.diff(times[times > 600])
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.03)


def test_arrivals_given_by_hand_must_be_in_order_and_within_the_run() -> None:
    with pytest.raises(ValueError, match="sorted and lie between 0 and 10 s"):
        Given(np.array([2.0, 1.0]), 10)
    with pytest.raises(ValueError, match="sorted and lie between 0 and 10 s"):
        Given(np.array([10.0]), 10)


@pytest.mark.parametrize("rates", [np.array([1.0, -1.0]), np.array([math.nan]), np.ones((2, 2))])
def test_rates_that_cannot_be_are_refused(rates: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    with pytest.raises(ValueError, match="finite requests per second"):
        Arrivals(rates, 1)


def test_a_trace_is_repeated_to_the_length_of_the_run() -> None:
    assert repeat([1.0, 2.0, 3.0], 5, 10.0).tolist() == [10.0, 20.0, 30.0, 10.0, 20.0]


def test_samples_are_what_the_kernel_counted_since_the_last_tick() -> None:
    recorder = Recorder()
    result = load(single(0.02, grant=0.2), 8.0, 60, recorder, level="sliced")
    assert len(recorder.samples) == 60
    assert sum(its.usage[0] for its in recorder.samples) == pytest.approx(float(result.seconds.usage.sum()), rel=1e-4)
    assert sum(its.throttled[0] for its in recorder.samples) == result.seconds.throttled.sum() > 0
    assert {its.elapsed for its in recorder.samples} == {1.0}
    assert max(its.periods[0] for its in recorder.samples) <= 11


def test_a_tenth_of_a_second_is_a_tick_for_those_who_want_it() -> None:
    recorder = Recorder(tick_seconds=0.1)
    load(single(), 20.0, 3, recorder)
    assert [round(its.now, 6) for its in recorder.samples[:12]] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]


def test_quotas_are_cut_to_the_grant_and_to_what_the_kernel_takes() -> None:
    plant = Plant(single(grant=0.5), 1)
    assert plant.write(np.array([9.0])).tolist() == [False]
    plant.write(np.array([0.0]), np.array([5.0]))
    assert (plant.quota[0], plant.burst[0]) == pytest.approx((0.01, 0.01))
    with pytest.raises(ValueError, match="no number"):
        plant.write(np.array([math.nan]))


def test_burst_is_for_those_classes_that_allow_it() -> None:
    recorder, allowed = Bursting(), Bursting()
    load(single(grant=0.5), 5.0, 3, recorder)
    load(single(grant=0.5), 5.0, 3, allowed, burst=True)
    assert recorder.seen[-1] == 0.0
    assert allowed.seen[-1] == pytest.approx(0.1)


class Bursting(Unlimited):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def fast(self, samples: Samples) -> Quotas | None:
        self.seen.append(float(samples.burst[0]))
        return Quotas(np.array([0.2]), np.array([0.1]))


def test_a_release_that_doubles_the_work_doubles_the_use() -> None:
    its = application(Visit("only", 0.002, tail=0.0))
    result = simulate(its, np.full(120, 100.0), Unlimited(), 1, disturb=lambda second, plant: plant.set_work("only", 2.0 if second >= 60 else 1.0))
    assert result.minutes.used[1] / result.minutes.used[0] == pytest.approx(2.0, rel=0.05)


def test_a_slow_node_and_a_cold_pod_take_longer() -> None:
    its = single(0.01)
    arrivals = [0.5, 2.5]
    settings = Settings(keep_latency=True)
    slow = simulate(its, np.zeros(5), Unlimited(), 1, settings, arrivals=np.array(arrivals), disturb=lambda second, plant: plant.set_speed("n", 0.5))
    cold = simulate(
        its, np.zeros(5), Unlimited(), 1, settings, arrivals=np.array(arrivals),
        disturb=lambda second, plant: plant.set_container_speed(0, 0.25 if second < 2 else 1.0),
    )  # fmt: skip
    assert slow.latency.tolist() == pytest.approx([0.02, 0.02], abs=1e-6)
    assert cold.latency.tolist() == pytest.approx([0.04, 0.01], abs=1e-6)


def test_latency_from_elsewhere_costs_no_cpu() -> None:
    its = application(Visit("only", 0.001, tail=0.0))
    result = play(its, [0.5])
    late = simulate(
        its, np.zeros(5), Unlimited(), 1, Settings(keep_latency=True, keep_seconds=True), arrivals=np.array([0.5]),
        disturb=lambda second, plant: plant.set_delay("only", 0.4),
    )  # fmt: skip
    assert late.latency[0] == pytest.approx(result.latency[0] + 0.4, abs=1e-6)
    assert late.seconds.usage.sum() == pytest.approx(result.seconds.usage.sum(), rel=1e-5)


def test_replicas_come_and_go_while_it_runs() -> None:
    its = application(Visit("only", 0.002), only={"replicas": 1, "max_replicas": 3})
    recorder = Recorder()

    def scale(second: int, plant: Plant) -> None:
        if second in (20, 40):
            plant.set_replicas("only", 3 if second == 20 else 2)

    result = simulate(its, np.full(60, 200.0), recorder, 1, Settings(keep_seconds=True), disturb=scale)
    assert [int(recorder.samples[second].active.sum()) for second in (10, 30, 50)] == [1, 3, 2]
    used = result.seconds.usage
    assert used[5:20, 1:].sum() == 0.0
    assert used[22:38, 2].mean() == pytest.approx(used[22:38, 0].mean(), rel=0.25)
    assert used[42:, 2].sum() < 0.01
    assert result.seconds.quota[30].sum() == 3 * result.seconds.quota[10].sum()
    with pytest.raises(ValueError, match="1 to 3 replicas"):
        Plant(its, 1).set_replicas("only", 4)


def test_the_mix_of_requests_can_drift() -> None:
    result = simulate(
        shop(), np.full(120, 50.0), Unlimited(), 1, Settings(),
        disturb=lambda second, plant: plant.set_mix(np.array([0.0, 1.0]) if second >= 60 else np.array([1.0, 0.0])),
    )  # fmt: skip
    orders = shop().services[4].name
    assert orders == "orders"
    assert result.minutes.used[1] > 1.2 * result.minutes.used[0]


def test_waiting_without_end_is_said_and_not_run_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyball.sim.plant.VISITS_MOST", 8192)
    with pytest.raises(Overloaded, match="grants are too small for this load"):
        load(single(0.1, grant=0.1), 200.0, 120)


def test_a_run_scores_what_follows_the_warm_up() -> None:
    result = load(single(0.01), 50.0, 240, warmup_seconds=120.0)
    assert result.score_from == 2
    assert len(result.minutes.total) == 4
    with pytest.raises(ValueError, match="whole number of minutes"):
        load(single(), 1.0, 60, warmup_seconds=30.0)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="no level 'fine'"):
        Plant(single(), 1, level="fine")
    with pytest.raises(ValueError, match="level sliced only"):
        Plant(single(), 1, pod_quota=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda its: replace(its, services=its.services * 2), "same name"),
        (lambda its: replace(its, services=(replace(its.services[0], replicas=0),)), "needs a replica"),
        (lambda its: replace(its, services=(replace(its.services[0], node="moon"),)), "no node of it"),
        (lambda its: replace(its, services=(replace(its.services[0], background_cores=99.0),)), "less than its grant"),
        (lambda its: replace(its, request_types=()), "at least one request type"),
        (lambda its: replace(its, request_types=(replace(its.request_types[0], root=Visit("ghost", 1.0)),)), "no service of it"),
        (lambda its: replace(its, request_types=(replace(its.request_types[0], root=Visit("only", math.nan)),)), "cannot be"),
        (lambda its: replace(its, request_types=(replace(its.request_types[0], root=Visit("only", 1.0, ((),))),)), "stage without calls"),
    ],
)
def test_an_application_that_cannot_be_says_why(change: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change(single())  # type: ignore[operator]


def test_work_and_visits_of_a_request_are_sums_over_its_tree() -> None:
    tree = Visit("a", 0.01, ((Visit("b", 0.02), Visit("b", 0.03)),), hit=0.5)
    its: Application = application(tree)
    assert its.work_per_request() == pytest.approx({"a": 0.01, "b": 0.025})
    assert its.visits_per_request() == pytest.approx(2.0)
