"""The paper's Captain does what the reference says, tick by tick, and the pieces of it that a reader would look for."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.sim.policies import paper_captain
from flyball.sim.policies.paper_captain import State, begin, step


class OneContainer:
    """Section 1.1 of the reference put down line by line for a single container, in plain Python: what `step` is held to."""

    def __init__(self, quota: float) -> None:
        self.q = self.q_prev = quota
        self.margin = 3.0
        self.throttles = [0.0] * 10
        self.usages = [0.0] * 50
        self.last_was_scale_down = False
        self.ticks = 0

    def tick(self, throttled: float, usage: float, t: float) -> float:
        self.throttles = [*self.throttles[1:], throttled]
        self.usages = [*self.usages[1:], usage]
        self.ticks += 1
        r = sum(self.throttles) / 10
        if self.last_was_scale_down and r > 3 * t:
            self.q = self.q_prev + (self.q_prev - self.q)
            self.margin += r - t
            self.throttles = [0.0] * 10
            self.last_was_scale_down = False
        if self.ticks % 10 == 0:
            r = sum(self.throttles) / 10
            self.q_prev = self.q
            self.margin = max(0.0, self.margin + r - t)
            self.last_was_scale_down = False
            if r > 3 * t:
                self.q = self.q * (1 + r - 3 * t)
            else:
                candidate = max(self.usages) + self.margin * statistics.stdev(self.usages)
                if candidate <= 0.9 * self.q:
                    self.q = max(0.5 * self.q, candidate)
                    self.last_was_scale_down = True
            self.throttles = [0.0] * 10
        self.q = max(0.01, self.q)
        return self.q


def test_it_follows_the_reference_for_three_thousand_recorded_ticks_of_five_containers() -> None:
    rng = np.random.default_rng(7)
    target = np.array([0.0, 0.02, 0.1, 0.2, 0.3])
    plain = [OneContainer(4.0) for _ in target]
    state = begin(np.full(5, 4.0))
    high = np.zeros(5, np.bool_)
    backs = cuts = grows = 0
    for _ in range(3000):
        high = high ^ (rng.uniform(size=5) < 0.015)  # calm stretches, then jumps that a cut before them makes hurt
        demand = np.where(high, 2.0, 0.5) * rng.lognormal(0.0, 0.05, 5)
        throttled = (demand > state.quota).astype(float)
        usage = np.minimum(demand, state.quota)
        before = state
        state = step(state, throttled, usage, target)
        wanted = [its.tick(float(throttled[c]), float(usage[c]), float(target[c])) for c, its in enumerate(plain)]
        assert state.quota == pytest.approx(wanted, rel=1e-9)
        assert state.margin == pytest.approx([its.margin for its in plain], rel=1e-9, abs=1e-12)
        backs += int((before.cut & ~state.cut & (state.quota > before.quota) & (state.tick % 10 != 0)).sum())
        cuts += int(state.cut.sum()) if state.tick % 10 == 0 else 0
        grows += int((state.quota > before.quota).sum()) if state.tick % 10 == 0 else 0
    assert backs > 5  # each branch was seen
    assert cuts > 100
    assert grows > 100


def second(state: State, throttled: int, usage: float, target: float) -> State:
    """Ten ticks, the first `throttled` of them throttled."""
    for tick in range(10):
        state = step(state, np.array([float(tick < throttled)]), np.array([usage]), np.array([target]))
    return state


def test_at_target_zero_a_fully_throttled_second_doubles_the_quota() -> None:
    assert second(begin(np.array([1.0])), 10, 1.0, 0.0).quota == pytest.approx([2.0])


def test_at_target_thirty_percent_a_fully_throttled_second_brings_a_tenth() -> None:
    assert second(begin(np.array([1.0])), 10, 1.0, 0.3).quota == pytest.approx([1.1])


def test_a_second_halves_the_quota_at_most() -> None:
    assert second(begin(np.array([8.0])), 0, 0.0, 0.1).quota == pytest.approx([4.0])


def test_a_cut_of_less_than_a_tenth_is_not_made() -> None:
    state = begin(np.array([1.0]))
    for _ in range(5):
        state = second(state, 0, 0.95, 0.0)
    assert state.quota == pytest.approx([1.0])


def test_a_cut_that_throttles_is_taken_back_within_the_second_with_interest() -> None:
    state = second(begin(np.array([8.0])), 0, 0.0, 0.0)
    state = step(state, np.ones(1), np.full(1, 4.0), np.zeros(1))
    assert state.quota == pytest.approx([12.0])
    assert state.margin == pytest.approx([3.1])


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0.0, 64.0)), min_size=1, max_size=80),
    st.floats(0.0, 0.3),
    st.floats(0.01, 64.0),
)
def test_quota_and_margin_stay_within_what_the_kernel_and_the_paper_allow(ticks: list[tuple[int, float]], target: float, quota: float) -> None:
    state = begin(np.array([quota]))
    for throttled, usage in ticks:
        previous = state.quota
        state = step(state, np.array([float(throttled)]), np.array([usage]), np.array([target]))
        assert state.quota[0] >= paper_captain.QUOTA_MIN
        assert state.quota[0] <= 4.0 * previous[0] + 1e-9  # a rollback and a growth may fall together
        assert state.margin[0] >= 0.0
