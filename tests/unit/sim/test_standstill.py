"""A state that Train-Ticket once did not leave: quotas at the mean of what is used, workers held by each other, requests that wait for ever."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from flyball.cpu import captain
from flyball.cpu.tower import Settings as TowerSettings
from flyball.cpu.tower import tower
from flyball.sim.bridge import Product
from flyball.sim.result import Result
from flyball.sim.run import Settings, simulate
from flyball.sim.spec import Application, Node, RequestType, Service, Visit

MINUTES = 6


def blocking() -> Application:
    """Servers with few workers that wait for each other: a page asks for two orders, each of which asks for the user again."""
    user = Visit("user", 0.003, ((Visit("user-db", 0.001, tail=0.8),),), tail=1.0)
    order = Visit("order", 0.004, ((user,), (Visit("order-db", 0.001, tail=0.8),)), tail=1.0)
    page = Visit("page", 0.003, ((user,), (order,), (order,)), tail=1.0)
    return Application(
        "blocking",
        1.0,
        (
            Service("page", 2.0, threads=24),
            Service("order", 2.0, threads=12),
            Service("user", 2.0, threads=12),
            Service("user-db", 0.6),
            Service("order-db", 0.6),
        ),
        (RequestType("get", 1.0, page),),
        (Node("n", 16),),
    )


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What a test changes of the captain's limits is forgotten after it, also where it is remembered."""
    captain.spreads.cache_clear()
    yield monkeypatch
    captain.spreads.cache_clear()


def at_the_highest_target(target: float) -> Result:
    return simulate(blocking(), np.full(60 * MINUTES, 60.0), Product(TowerSettings(policy="fixed", fixed_target=target)), 1, Settings())


def slow_by_minute(result: Result) -> list[float]:
    return [float(share) for share in result.minutes.slow / result.minutes.total]


def test_at_the_highest_target_there_is_requests_with_blocking_workers_keep_ending(limits: pytest.MonkeyPatch) -> None:
    assert max(slow_by_minute(at_the_highest_target(1.0))[1:]) < 0.05


def test_it_is_the_floor_above_the_mean_and_the_limit_of_targets_that_keep_them_from_a_standstill(limits: pytest.MonkeyPatch) -> None:
    limits.setattr(captain, "ABOVE_MEAN", 0.0)
    limits.setattr(captain, "TARGET_MOST", 0.6)
    limits.setattr(tower, "TARGET_MAX", 0.6)
    assert min(slow_by_minute(at_the_highest_target(0.6))[1:]) > 0.3
