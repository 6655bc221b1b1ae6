"""Theta on logs and what it is given: the benchmark's peer to the last digit, gaps, means minute by minute."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flyball.crosscheck import theta
from flyball.crosscheck.means import Means
from tests.benchmarks.forecast.methods import theta as peer

MINUTES = (1, 5, 15, 60)
START = 1_700_000_100.0  # a whole five minutes
Array = NDArray[np.float64]


def daily(minutes: int, seed: int = 5) -> Array:
    time = np.arange(minutes)
    rng = np.random.default_rng(seed)
    return np.asarray(100 * (2 + np.sin(2 * np.pi * time / 1440)) * np.exp(rng.normal(0, 0.05, minutes)))


def fives(values: Array) -> Array:
    return np.asarray(values.reshape(-1, 5).mean(axis=1))


def test_it_forecasts_as_the_benchmarks_peer_does() -> None:
    past = daily(3 * 1440)
    np.testing.assert_allclose(theta.ahead(fives(past), MINUTES), peer.of(True)(past, 60, MINUTES), rtol=1e-12)


def test_more_than_a_week_is_not_looked_at() -> None:
    week = fives(daily(7 * 1440))
    np.testing.assert_array_equal(theta.ahead(np.concatenate([[1e9] * 40, week]), (15,)), theta.ahead(week, (15,)))


def test_a_gap_takes_the_mean_before_it_and_nothing_later() -> None:
    means = fives(daily(3 * 1440))
    held, gap = means.copy(), means.copy()
    gap[-10:-4], held[-10:-4] = np.nan, means[-11]
    np.testing.assert_array_equal(theta.ahead(gap, (15,)), theta.ahead(held, (15,)))


def test_less_than_two_days_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"two days of five-minute means \(576\), there are 575"):
        theta.ahead(np.concatenate([[math.nan] * 100, np.ones(575)]), (15,))


@settings(max_examples=40, deadline=None)
@given(
    offset=st.integers(0, 4),
    values=st.lists(st.one_of(st.just(math.nan), st.integers(0, 10**6).map(lambda number: number / 8)), min_size=1, max_size=60),
    split=st.integers(0, 60),
)
def test_means_of_a_history_are_those_of_its_minutes_one_by_one(offset: int, values: list[float], split: int) -> None:
    ends = [START + 60 * (offset + 1 + index) for index in range(len(values))]
    whole, parts = Means(), Means()
    whole.take(ends[0], np.array(values))
    parts.take(ends[0], np.array(values[:split]))
    for end, value in list(zip(ends, values, strict=True))[split:]:
        parts.add(end, value)
    now = math.ceil(ends[-1] / 300) * 300.0
    np.testing.assert_allclose(parts.until(now), whole.until(now), rtol=1e-6)
    for place in range(15):
        span = [value for end, value in zip(ends, values, strict=True) if now - 300 * (place + 1) < end <= now - 300 * place and math.isfinite(value)]
        np.testing.assert_allclose(whole.until(now)[-1 - place], np.mean(span) if span else np.nan, rtol=1e-6)


def test_the_ring_forgets_what_is_older_than_a_week_and_what_a_gap_has_passed() -> None:
    means = Means()
    means.take(START, np.arange(9.0 * 1440))
    assert means.until(START + 300 * (9 * 288 - 1)).shape == (2016,)
    newest = math.ceil((START + 60 * (9 * 1440 - 1)) / 300) * 300.0
    means.add(newest + 86_400, 7.0)
    found = means.until(newest + 86_400)
    assert found[-1] == 7.0
    assert np.isnan(found[-288:-1]).all()
    assert np.isfinite(found[:-288]).all()
    assert np.isnan(means.until(newest + 20 * 86_400)).all()


def test_a_minute_that_comes_after_its_span_is_left_out() -> None:
    means = Means()
    means.add(START + 300, 1.0)
    means.add(START, 50.0)
    assert np.nansum(means.until(START + 300)) == 1.0
