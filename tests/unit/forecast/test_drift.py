"""Drifts: a load that rises or falls for many minutes is followed along its line; jumps, noise and what comes each day are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from flyball.forecast import Engine, Reason, Settings
from flyball.forecast.drift import DAMPING, STEPS, DriftDetector

Array = NDArray[np.float64]
DAY = 1440
MINUTES = Settings(horizons=(5, 15), experts=("level-short",))
"""Detector and profiles at steps of a minute, and little else."""
BEFORE, AFTER, RAMP = 360, 80, 30
SHAPES = ("up", "down", "jump", "spike", "flat")
NOBODY = np.zeros((1, 1), np.float32)


def loads(seed: int = 3, noise: float = 0.03) -> Array:
    """(minutes, SHAPES): 100 for six hours, and then each its own way."""
    minutes = np.arange(-BEFORE, AFTER)
    rising = np.clip(minutes / RAMP, 0.0, 1.0)
    jump, spike = np.where(minutes >= 0, 3.0, 1.0), np.where((minutes >= 0) & (minutes < 5), 3.0, 1.0)
    shapes = np.stack([1.0 + 2.0 * rising, 1.0 / (1.0 + 2.0 * rising), jump, spike, np.ones(len(minutes))], axis=1)
    return np.asarray(100.0 * shapes * np.exp(noise * np.random.default_rng(seed).standard_normal(shapes.shape)))


def followed(values: Array, settings: Settings = MINUTES) -> tuple[Array, NDArray[np.bool_]]:
    """Forecasts for 15 minutes later, and who was drifting, at each minute."""
    engine = Engine(values.shape[1], settings)
    point, drifting = np.empty(values.shape), np.zeros(values.shape, np.bool_)
    for minute, row in enumerate(values):
        engine.update(60.0 * (minute + 1), row)
        point[minute], drifting[minute] = engine.point[1], engine.drifts.slope != 0
    return point, drifting


def of_last(values: Array, point: Array, begin: int, end: int) -> Array:
    """Summed error from so many minutes after the change on, over that of the last value."""
    at = np.arange(BEFORE + begin, BEFORE + end)
    return np.asarray(np.abs(point[at] - values[at + 15]).sum(axis=0) / np.abs(values[at] - values[at + 15]).sum(axis=0))


@pytest.fixture(scope="module")
def found() -> tuple[Array, Array, NDArray[np.bool_]]:
    values = loads()
    return (values, *followed(values))


def test_a_ramp_is_forecast_better_than_by_its_last_value_and_without_the_detector_worse(found: tuple[Array, Array, NDArray[np.bool_]]) -> None:
    values, point, _ = found
    assert (of_last(values, point, 8, 15)[:2] < 0.75).all()
    without, _ = followed(values, replace(MINUTES, shift=False))
    assert (of_last(values, without, 8, 15)[:2] > 1.0).all()


def test_after_its_end_a_ramp_is_a_level(found: tuple[Array, Array, NDArray[np.bool_]]) -> None:
    values, point, drifting = found
    assert not drifting[BEFORE + RAMP + STEPS :].any()
    np.testing.assert_allclose(point[BEFORE + RAMP + 2 * STEPS, :2], values[-20:, :2].mean(axis=0), rtol=0.1)


def test_jumps_spikes_and_noise_are_no_drifts(found: tuple[Array, Array, NDArray[np.bool_]]) -> None:
    _, _, drifting = found
    assert drifting[:, :2].any(axis=0).all()
    assert not drifting[:, 2:].any()
    assert not drifting[:BEFORE].any()


def test_whoever_drifts_is_called_shifted() -> None:
    engine = Engine(1, MINUTES)
    for minute, row in enumerate(loads()[: BEFORE + 15, :1]):
        engine.update(60.0 * (minute + 1), row)
    assert engine.drifts.slope[0] > 0
    assert engine.forecast().reasons == (Reason.SHIFTED,)


def test_a_rise_that_comes_each_day_is_no_drift() -> None:
    """Half an hour's rise at the same minute of each day, and one that never came before."""
    minutes = np.arange(2 * DAY + 600)
    daily = 1.0 + 2.0 * np.clip((minutes % DAY - 480) / RAMP, 0.0, 1.0)
    new = 1.0 + 2.0 * np.clip((minutes - 2 * DAY - 480) / RAMP, 0.0, 1.0)
    noise = np.exp(0.03 * np.random.default_rng(5).standard_normal((len(minutes), 2)))
    _, drifting = followed(100.0 * np.stack([daily, new], axis=1) * noise)
    assert not drifting[2 * DAY :, 0].any()
    assert drifting[2 * DAY + 480 + STEPS :, 1].any()


def looked(lines: list[Array], explained: float = 0.0, known: bool = True, wrong: float = 1.0) -> DriftDetector:
    """A detector that has known a quiet series for an hour, and then these lines one after the other, by whose slope forecasts were `wrong`."""
    detector, quiet, yes = DriftDetector(1, DAY), np.full((STEPS, 1), 2.0, np.float32), np.ones(1, np.bool_)
    for _ in range(60):
        detector.look(quiet, yes, NOBODY, NOBODY[0], yes)
    for line in lines:
        missed = np.full(1, wrong * (line[-1] - line[0]) / (STEPS - 1), np.float32)
        detector.look(line[:, None].astype(np.float32), yes & known, NOBODY + np.float32(explained), missed, yes)
    return detector


RISES = st.floats(0.3, 3.0).flatmap(lambda size: st.sampled_from([size, -size]))


@given(RISES, st.integers(1, STEPS - 1))
def test_no_single_jump_is_a_line(size: float, place: int) -> None:
    jump = 5.0 + np.where(np.arange(STEPS) >= place, size, 0.0)
    assert looked([jump, jump]).slope[0] == 0


@given(RISES)
def test_a_line_is_followed_from_its_second_look_on_and_never_further_than_its_damping_allows(size: float) -> None:
    line = 5.0 + np.linspace(0.0, size, STEPS)
    assert looked([line]).slope[0] == 0
    detector = looked([line, line])
    assert detector.slope[0] == pytest.approx(size / (STEPS - 1), rel=1e-3)
    assert detector.end[0] == pytest.approx(5.0 + size, rel=1e-3)
    ahead = np.abs(detector.ahead(np.arange(1, 61, dtype=np.float32)[:, None])[:, 0])
    assert (np.diff(ahead) >= 0).all()
    assert ahead[0] == pytest.approx(DAMPING * abs(size) / (STEPS - 1), rel=1e-3)
    assert ahead[-1] <= abs(size) / (STEPS - 1) * DAMPING / (1 - DAMPING) * 1.001
    share = detector.share(np.array([[1.0], [2 * STEPS], [3 * STEPS], [4 * STEPS], [60.0]]))[:, 0]
    assert share.tolist() == [1.0, 1.0, 0.5, 0.0, 0.0]


@given(RISES)
def test_what_patterns_or_forecasts_knew_and_what_nobody_saw_is_no_drift(size: float) -> None:
    line = 5.0 + np.linspace(0.0, size, STEPS)
    assert looked([line, line], explained=size).slope[0] == 0
    assert looked([line, line], known=False).slope[0] == 0
    assert looked([line, line], wrong=0.3).slope[0] == 0


@given(RISES)
def test_a_rise_no_larger_than_one_of_late_is_nothing_new(size: float) -> None:
    line, quiet = 5.0 + np.linspace(0.0, size, STEPS), np.full(STEPS, 5.0)
    before = [line, line, quiet]
    assert looked(before).slope[0] == 0
    smaller = 5.0 + 0.95 * (line - 5.0)
    assert looked([*before, smaller, smaller]).slope[0] == 0
    assert looked([*before, 1.5 * line, 1.5 * line]).slope[0] != 0
