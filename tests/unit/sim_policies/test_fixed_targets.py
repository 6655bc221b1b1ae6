"""Pairs of targets: who is heavy, and that either Captain gets its own."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.sim.apps import hotel_reservation, social_network, train_ticket
from flyball.sim.policies.fixed_targets import OurPair, PaperPair, by_container, heavy_services
from tests.unit.sim_policies.builders import application, facts, samples


def test_the_heavy_group_is_what_two_means_finds() -> None:
    assert heavy_services(application(0.02, 0.001, 0.018, 0.002)) == {"s0", "s2"}


@pytest.mark.parametrize(
    ("its", "named"), [(train_ticket(), "ts-order-service"), (social_network(), "post-storage-service"), (hotel_reservation(), "frontend")]
)
def test_published_applications_have_a_small_heavy_group(its, named: str) -> None:  # type: ignore[no-untyped-def]
    heavy = heavy_services(its)
    assert named in heavy
    assert 1 <= len(heavy) <= len(its.services) / 3


def test_each_container_has_the_target_of_its_service() -> None:
    assert by_container(facts(application(0.02, 0.001)), 0.3, 0.1).tolist() == [0.3, 0.1]


def test_the_papers_captain_decides_each_second_from_ticks_of_a_tenth() -> None:
    policy = PaperPair(0.0, 0.0)
    policy.start(facts(application(0.02)))
    made = [policy.fast(samples([0.05], now=0.1 * tick, throttled=0, elapsed=0.1)) for tick in range(1, 21)]
    written = [tick for tick, quotas in enumerate(made, 1) if quotas is not None]
    assert written == [10, 20]
    assert made[9] is not None
    assert made[9].quota[0] == pytest.approx(2.0)  # halved at most


def test_a_quota_that_the_grant_cuts_is_the_one_it_goes_on_from() -> None:
    policy = PaperPair(0.0, 0.0)
    policy.start(facts(application(0.02), grant=1.0))
    for tick in range(1, 11):
        policy.fast(samples([0.1], now=0.1 * tick, throttled=1, elapsed=0.1))
    quotas = [policy.fast(samples([0.0], now=1.0 + 0.1 * tick, throttled=0, elapsed=0.1, quota=1.0)) for tick in range(1, 101)]
    first = next(its for its in quotas if its is not None)
    assert first.quota[0] >= 0.5  # half of the grant, not half of what it had wanted


def test_ours_runs_the_products_captain() -> None:
    policy = OurPair(0.3, 0.0)
    policy.start(facts(application(0.02, 0.001)))
    least = np.full(2, 4.0)
    for second in range(1, 11):
        quotas = policy.fast(samples([0.2, 0.2], now=float(second)))
        least = least if quotas is None else np.minimum(least, quotas.quota)
    assert quotas is not None
    assert np.all(least < 4.0)
