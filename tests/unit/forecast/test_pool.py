"""The pool of patterns: what merges, what enters, what moves, and what is echoed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from flyball.forecast.pool import GAIN, Pool, Waves

Array = NDArray[np.float32]
KEY, TAIL = 48, 24
NOTHING_KNOWN = np.zeros((1, 0), np.float32)


def waves(*shapes: Array, static: Array | None = None) -> Waves:
    table = np.array(shapes, np.float32)
    return Waves(table, np.zeros((len(table), 0), np.float32) if static is None else static)


def day(hour: float, height: float = np.sqrt(2.0)) -> Array:
    """Three days that peak at an hour."""
    return np.asarray(height * np.cos(2 * np.pi * (np.arange(KEY + TAIL) - hour) / 24), np.float32)


def test_waves_that_are_alike_become_one_pattern_that_lies_between_them() -> None:
    pool = Pool(32, KEY, TAIL)
    pool.learn(waves(day(6), day(6.4), day(18), day(18.4)))
    assert pool.used == 2
    merged = pool.patterns[0]
    assert ((merged >= np.minimum(day(6), day(6.4)) - 1e-5) & (merged <= np.maximum(day(6), day(6.4)) + 1e-5)).all()


def test_a_later_wave_like_a_pattern_moves_it_and_takes_no_room() -> None:
    pool = Pool(32, KEY, TAIL)
    pool.learn(waves(day(6), day(18)))
    before = pool.patterns[:2].copy()
    pool.learn(waves(day(7), day(19)))
    assert pool.used == 2
    np.testing.assert_allclose(pool.patterns[0], before[0] + GAIN * (day(7) - before[0]), atol=1e-5)


def test_a_wave_like_none_enters_while_there_is_room_and_not_after() -> None:
    pool = Pool(3, KEY, TAIL)
    pool.learn(waves(day(0), day(12)))
    pool.learn(waves(day(6), day(0)))
    assert pool.used == 3
    kept = pool.patterns.copy()
    pool.learn(waves(day(18), day(0)))
    assert pool.used == 3
    np.testing.assert_allclose(pool.patterns[1:], kept[1:], atol=1e-6)


def test_a_key_is_answered_with_what_came_after_patterns_like_it() -> None:
    pool = Pool(4, KEY, TAIL)
    pool.learn(waves(day(6), day(12), day(18), day(0)))
    answer = pool.echo(day(12)[None, :KEY], NOTHING_KNOWN)[0]
    np.testing.assert_allclose(answer, day(12)[KEY:], atol=0.1)


def test_an_empty_pool_answers_with_the_level() -> None:
    assert not Pool(4, KEY, TAIL).echo(day(3)[None, :KEY], NOTHING_KNOWN).any()


def test_workloads_alike_in_what_they_are_are_listened_to_more() -> None:
    """Two patterns with the same key went on in opposite ways; the static features say which one this workload is like."""
    one, other = day(6), day(6)
    other[KEY:] *= -1
    features = np.array([[1, 0], [0, 1]], np.float32)
    pool = Pool(4, KEY, TAIL, 2)
    pool.patterns[:2], pool.static[:2], pool.used = [one, other], features, 2
    like_one, like_other, like_none = (pool.echo(one[None, :KEY], np.array([row], np.float32))[0] @ one[KEY:] for row in ([1, 0], [0, 1], [0, 0]))
    assert like_one > 0.2 * (one[KEY:] @ one[KEY:])
    assert like_other == pytest.approx(-like_one, rel=1e-4)
    assert like_none == pytest.approx(0.0, abs=1e-3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12))
def test_an_echo_never_leaves_what_waves_have_done_and_a_pool_never_its_size(seed: int, count: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = rng.standard_normal((3, count, KEY + TAIL)).astype(np.float32)
    pool = Pool(size, KEY, TAIL)
    for batch in shapes:
        pool.learn(waves(*batch))
        assert 0 < pool.used <= size
    answers = pool.echo(shapes[0, :, :KEY], np.zeros((count, 0), np.float32))
    assert np.isfinite(answers).all()
    assert (answers <= shapes[:, :, KEY:].max(axis=(0, 1)) + 1e-4).all()
    assert (answers >= shapes[:, :, KEY:].min(axis=(0, 1)) - 1e-4).all()
