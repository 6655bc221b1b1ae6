"""Request types with objectives of their own on shared services: who is slow, and what a controller sees of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flyball.sim.arrivals import Arrivals
from flyball.sim.policies import flyball
from flyball.sim.run import Run, Settings, simulate
from flyball.sim.spec import Application, Node, RequestType, Service, Visit
from tests.unit.sim.builders import Recorder

SECONDS = 300


def shop(look: float = 0.015, buy: float = 0.4) -> Application:
    """Looking takes 10 ms of the shared service, buying 60; `look` and `buy` are their objectives."""
    types = (
        RequestType("look", 0.9, Visit("front", 0.01, tail=0.3), objective_seconds=look),
        RequestType("buy", 0.1, Visit("front", 0.06, tail=0.3), objective_seconds=buy),
    )
    return Application("shop", 1.0, (Service("front", 8.0),), types, (Node("n", 16),))


def test_each_type_is_held_to_its_own_objective() -> None:
    result = simulate(shop(), np.full(SECONDS, 20.0), Recorder(), 1, Settings(keep_latency=True))
    limit = np.array([0.015, 0.4], np.float32)[result.kinds]
    assert 0.08 < float(np.mean(result.kinds == 1)) < 0.12
    assert int(result.minutes.slow.sum()) == int(np.count_nonzero(result.latency > limit))
    assert 0 < result.slow_share < 0.2
    plain = simulate(replace(shop(), request_types=shop(0.0, 0.0).request_types), np.full(SECONDS, 20.0), Recorder(), 1, Settings())
    assert plain.slow_share == 0.0, "within the application's second"


def test_a_controller_sees_each_route_by_itself_and_their_sum() -> None:
    seen = Recorder()
    run = Run(shop(), Arrivals(np.full(SECONDS, 20.0), 1), seen, 1, Settings())
    for second in range(SECONDS):
        run.second(second)
    last = seen.seen[-1]
    look, buy = last.routes
    assert [look.objective.threshold_seconds, buy.objective.threshold_seconds] == [0.015, 0.4]
    assert look.total + buy.total == last.total
    assert look.good + buy.good == last.good
    assert look.good < look.total
    assert buy.good == buy.total
    assert look.p99_seconds < last.p99_seconds < buy.p99_seconds
    assert last.budget == look.budget, "the one that burns fastest"
    assert buy.budget.slow == 0


def test_types_of_one_objective_are_one_route() -> None:
    seen = Recorder()
    simulate(shop(0.0, 0.0), np.full(SECONDS, 20.0), seen, 1, Settings())
    (route,) = seen.seen[-1].routes
    assert route.objective.name == "requests"
    assert (route.good, route.total, route.p99_seconds) == (seen.seen[-1].good, seen.seen[-1].total, seen.seen[-1].p99_seconds)


def test_the_product_keeps_the_tighter_of_two_objectives_that_share_a_service() -> None:
    seconds = 2400
    tight = simulate(shop(look=0.1, buy=2.0), np.full(seconds, 40.0), flyball(), 1, Settings(keep_latency=True))
    loose = simulate(shop(look=2.0, buy=2.0), np.full(seconds, 40.0), flyball(), 1, Settings(keep_latency=True))
    looks = tight.latency[tight.kinds == 0]
    assert float(np.mean(looks > 0.1)) <= 0.01
    assert tight.cores > 1.05 * loose.cores
    assert float(np.mean(tight.latency[tight.kinds == 1] > 2.0)) <= 0.01


def test_an_objective_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="objective of look"):
        shop(look=-0.1)
