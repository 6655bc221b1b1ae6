"""What holds for the captain whatever happens."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flyball.cpu.captain import Bounds, CaptainState, Reason, Sample, beside_burst, decide

anything = st.floats(allow_nan=True, allow_infinity=True)
wild_samples = st.builds(
    Sample,
    anything,
    st.integers(-5, 1000),
    st.integers(-5, 1000),
    anything,
    anything,
    st.one_of(st.just(math.nan), st.floats(-1.0, 2.0)),
    st.booleans(),
    anything,
    anything,
)
samples = st.builds(
    Sample,
    elapsed=st.floats(0.2, 30.0),
    throttled=st.integers(0, 300),
    throttled_by_pod=st.integers(0, 300),
    usage=st.floats(0.0, 100.0),
    quota=st.floats(0.01, 64.0),
    period=st.sampled_from([0.05, 0.1, 0.2]),
    written=st.booleans(),
    waited=st.one_of(st.just(math.nan), st.floats(0.0, 100.0)),
    idle=st.one_of(st.just(math.nan), st.floats(0.0, 1.0)),
)
targets = st.floats(0.0, 1.0)
bounds = st.builds(lambda floor, extra, burst: Bounds(floor, floor + extra, burst), st.floats(0.01, 8.0), st.floats(0.0, 64.0), st.booleans())
cores = st.floats(0.0, 64.0)


def after(history: list[Sample], target: float, limits: Bounds) -> CaptainState:
    state = CaptainState()
    for sample in history:
        state, _ = decide(state, sample, target, limits)
    return state


@given(st.lists(wild_samples, max_size=20), wild_samples, anything, bounds)
def test_survives_anything_and_stays_within_its_bounds(history: list[Sample], sample: Sample, target: float, limits: Bounds) -> None:
    state, move = decide(after(history, target, limits), sample, target, limits)
    assert limits.floor <= move.quota <= limits.grant
    assert math.isfinite(state.margin)


@given(st.lists(samples, max_size=20), samples, targets, bounds, st.integers(0, 300))
def test_more_throttled_periods_never_give_a_lower_quota(history: list[Sample], sample: Sample, target: float, limits: Bounds, more: int) -> None:
    state = after(history, target, limits)
    worse = replace(sample, throttled=sample.throttled + more)
    assert decide(state, worse, target, limits)[1].quota >= decide(state, sample, target, limits)[1].quota


@given(st.lists(samples, max_size=20), samples, bounds, targets, targets)
def test_a_lower_target_never_gives_a_lower_quota(history: list[Sample], sample: Sample, limits: Bounds, one: float, other: float) -> None:
    low, high = sorted((one, other))
    state = after(history, low, limits)
    assert decide(state, sample, low, limits)[1].quota >= decide(state, sample, high, limits)[1].quota


@given(st.lists(samples, max_size=20), targets, bounds)
def test_without_samples_it_stays_where_it_is(history: list[Sample], target: float, limits: Bounds) -> None:
    state = after(history, target, limits)
    nothing = Sample(0.0, 0, 0, 0.0, limits.grant)
    first, move = decide(state, nothing, target, limits)
    second, again = decide(first, nothing, target, limits)
    assert (first, second) == (state, state)
    assert move == again or (move.reason, move.quota) == (again.reason, again.quota)


@given(st.lists(samples, min_size=1, max_size=40), targets, bounds)
def test_its_memory_is_bounded(history: list[Sample], target: float, limits: Bounds) -> None:
    assert len(after(history, target, limits).usages) <= 30


@given(st.lists(samples, max_size=20), samples, targets, bounds)
def test_a_hold_means_the_quota_in_force(history: list[Sample], sample: Sample, target: float, limits: Bounds) -> None:
    _, move = decide(after(history, target, limits), sample, target, limits)
    if move.reason is Reason.HOLD:
        assert move.quota == sample.quota


@given(cores, cores, cores, cores)
def test_with_a_burst_allowance_headroom_costs_at_most_half_and_more_of_it_never_less(mean: float, spare: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    low, high = beside_burst(mean, less, mean + spare), beside_burst(mean, more, mean + spare)
    assert mean - 1e-9 <= low <= mean + less / 2 + 1e-9
    assert low <= high + 1e-9


@given(st.lists(samples, max_size=20), samples, targets, bounds)
def test_to_know_that_tasks_waited_never_lowers_the_quota(history: list[Sample], sample: Sample, target: float, limits: Bounds) -> None:
    blind, knowing = (decide(after(seen, target, limits), sample, target, limits)[1] for seen in ([replace(s, waited=0.0) for s in history], history))
    assert knowing.quota >= blind.quota
