"""Who is listened to: regret against the best expert in hindsight, sleepers, change."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.forecast.aggregate import Aggregator
from flyball.forecast.pending import Matured


def play(
    predictions: np.ndarray, actual: np.ndarray, awake: np.ndarray | None = None, memory: float = 1e9, delay: int = 1
) -> tuple[np.ndarray, Aggregator]:
    """Losses (steps, experts + 1), the last of the mixture; outcomes are learned `delay` steps late."""
    steps, experts = predictions.shape
    aggregator = Aggregator(np.ones(experts), 1, 1, memory)
    awake = np.ones((steps, experts), np.bool_) if awake is None else awake
    losses, mixtures = [], []
    for step in range(steps):
        if step >= delay:
            old = step - delay
            matured = Matured(
                horizons=np.array([0]),
                elapsed=np.array([1]),
                experts=predictions[old][None, :, None].astype(np.float32),
                last=np.zeros((1, 1), np.float32),
                level=np.zeros((1, 1), np.float32),
                mixture=np.array([[mixtures[old]]], np.float32),
                given=np.zeros((1, 1), np.float32),
                scale=np.ones((1, 1), np.float32),
                awake=awake[old][None, :, None],
            )
            aggregator.learn(matured, np.array([actual[old]], np.float32), np.array([[True]]), np.ones(1, np.float32))
        weights = aggregator.weights(awake[step][:, None])[:, 0, 0]
        mixtures.append(float(weights @ predictions[step]))
        losses.append([*np.abs(predictions[step] - actual[step]), abs(mixtures[-1] - actual[step])])
    return np.array(losses), aggregator


@pytest.mark.parametrize("delay", [1, 15, 60])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_regret_against_the_best_expert_stays_below_a_root_of_the_steps(delay: int, seed: int) -> None:
    """Losses within [0, 1]: AdaHedge's bound is about sqrt(T ln K); feedback h late costs h times as many rounds."""
    rng = np.random.default_rng(seed)
    steps = 3000
    actual = rng.random(steps)
    noise = np.array([0.1, 0.2, 0.4, 0.8])
    predictions = np.clip(actual[:, None] + noise * rng.standard_normal((steps, 4)), 0, 1)
    losses, _ = play(predictions, actual, delay=delay)
    total = losses.sum(axis=0)
    regret = total[-1] - total[:-1].min()
    assert regret <= 2.0 * np.sqrt(delay * steps * np.log(4)) + delay, regret


def test_against_an_adversary_that_moves_the_best_expert_regret_stays_bounded() -> None:
    steps = 2000
    flip = (np.arange(steps) % 2).astype(float)
    predictions = np.stack([flip, 1 - flip], axis=1)
    losses, _ = play(predictions, np.ones(steps))
    total = losses.sum(axis=0)
    assert total[-1] - total[:-1].min() <= 2.0 * np.sqrt(steps * np.log(2))


def test_a_mixture_beats_its_best_expert_where_their_errors_cancel() -> None:
    rng = np.random.default_rng(1)
    error = rng.standard_normal(3000)
    losses, _ = play(np.stack([5 + error, 5 - error], axis=1), np.full(3000, 5.0))
    assert losses[1000:, -1].mean() < 0.5 * losses[1000:, :-1].mean(axis=0).min()


def test_a_sleeping_expert_has_no_weight_and_loses_nothing_by_sleeping() -> None:
    rng = np.random.default_rng(2)
    actual = rng.random(600)
    predictions = np.stack([actual + 0.3, actual + 0.01], axis=1)
    awake = np.ones((600, 2), np.bool_)
    awake[:300, 1] = False
    losses, aggregator = play(predictions, actual, awake)
    assert losses[299, -1] == pytest.approx(0.3, abs=1e-5)
    assert losses[320:, -1].mean() < 0.03
    assert aggregator.weights(np.array([[True], [False]]))[1, 0, 0] == 0


def test_with_forgetting_a_new_best_expert_is_found() -> None:
    rng = np.random.default_rng(3)
    actual = rng.random(4000)
    good, bad = actual + 0.01 * rng.standard_normal(4000), actual + 0.5 * rng.standard_normal(4000)
    change = np.arange(4000) < 3000
    predictions = np.stack([np.where(change, good, bad), np.where(change, bad, good)], axis=1)
    forgetting, _ = play(predictions, actual, memory=200.0)
    assert forgetting[3400:, -1].mean() < 0.1


def test_an_expert_without_prior_is_never_heard_however_well_it_does() -> None:
    rng = np.random.default_rng(4)
    aggregator = Aggregator(np.array([1.0, 0.0]), 1, 1, 1e9)
    everybody = np.ones((2, 1), np.bool_)
    for actual in rng.random(50):
        weights = aggregator.weights(everybody)[:, 0, 0]
        assert weights.tolist() == [1.0, 0.0]
        experts = np.array([[actual + 0.5], [actual]], np.float32)
        flat = np.full((1, 1), experts[0, 0], np.float32)
        scale = np.ones((1, 1), np.float32)
        matured = Matured(np.array([0]), np.array([1]), experts[None], flat, flat, flat, flat, scale, everybody[None])
        aggregator.learn(matured, np.array([actual], np.float32), np.array([[True]]), np.ones(1, np.float32))
