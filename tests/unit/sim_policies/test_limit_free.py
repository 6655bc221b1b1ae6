"""Containers without limits in the simulator: waiting is counted, weights decide who gets the cores, and the three policies request what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flyball.sim.example import shop
from flyball.sim.plant import Plant
from flyball.sim.policies.limit_free import LimitFree, SpecRequests, VpaRequests
from flyball.sim.requests import Requests
from flyball.sim.result import Result
from flyball.sim.run import Settings, simulate
from flyball.sim.spec import Application, Node, RequestType, Service, Visit
from tests.benchmarks.cpu.limit_free import beside_neighbours
from tests.unit.sim.builders import single

SECONDS = 600


def two(weights: tuple[float, float], work: float = 1000.0) -> Application:
    """Two services on one core, each with a request that never ends."""
    services = tuple(Service(f"s{n}", 4.0, weight=weight, node="n") for n, weight in enumerate(weights))
    types = tuple(RequestType(f"t{n}", 1.0, Visit(f"s{n}", work, tail=0.0)) for n in range(2))
    return Application("two", 1.0, services, types, (Node("n", 1),))


def busy(weights: tuple[float, float]) -> tuple[Plant, Requests]:
    """Both have work, and one second has passed since."""
    plant, requests = Plant(two(weights), 1, contention=True), Requests(100)
    plant.feed(np.linspace(0.0, 0.9, 64))
    plant.advance(1.0, requests)
    return plant, requests


@pytest.mark.parametrize("level", ["fluid", "sliced"])
def test_a_task_alone_on_its_cpu_never_waits_and_two_wait_for_each_other(level: str) -> None:
    plant, requests = Plant(single(1000.0, grant=4.0), 1, level=level), Requests(10)
    plant.feed(np.array([0.0, 10.0]))
    plant.advance(10.0, requests)
    assert plant.waited[0] == pytest.approx(0.0, abs=1e-6)
    plant.advance(14.0, requests)
    assert plant.waited[0] == pytest.approx(4.0, abs=0.02)


def test_waiting_and_running_are_all_the_time_that_a_task_is_ready_also_under_a_quota() -> None:
    plant, requests = Plant(single(1000.0, grant=0.3), 1), Requests(10)
    plant.feed(np.array([0.0]))
    plant.advance(10.0, requests)
    assert plant.usage[0] == pytest.approx(3.0, abs=0.04)
    assert plant.usage[0] + plant.waited[0] == pytest.approx(10.0)


def test_weights_that_are_written_decide_from_then_on_who_gets_the_core() -> None:
    plant, requests = busy((1.0, 1.0))
    before = plant.usage
    plant.write_weight(np.array([4.0, 1.0]))
    plant.feed(np.zeros(0))
    plant.advance(11.0, requests)
    assert plant.usage - before == pytest.approx([8.0, 2.0], abs=1e-6)


def test_a_weight_of_nothing_is_refused() -> None:
    plant, _ = busy((1.0, 1.0))
    with pytest.raises(ValueError, match="weight"):
        plant.write_weight(np.array([0.0, 1.0]))


REQUESTS = {"gateway": 1.0, "front": 1.2, "catalogue": 1.2, "pricing": 0.8, "orders": 0.8, "cache": 0.2, "store": 0.4}


def run(policy: SpecRequests, rate: float = 150.0, full: float = 0.8) -> Result:
    application = beside_neighbours(shop(), REQUESTS, {"node-1": 2.0, "node-2": 1.5}, full)
    return simulate(application, np.full(SECONDS, rate), policy, 1, Settings(contention=True, warmup_seconds=300.0))


def test_the_specs_requests_stay_as_they_are() -> None:
    policy = SpecRequests()
    run(policy)
    pods = sum(REQUESTS[service.name] * service.replicas for service in shop().services)
    assert set(np.round(policy.requested, 9)) == {round(pods, 9)}


def test_the_product_requests_less_and_keeps_the_objective() -> None:
    policy = LimitFree()
    result = run(policy)
    assert policy.requested[-1] < 0.8 * policy.requested[0]
    assert result.slow_share < 0.01


def test_what_it_requests_is_never_above_the_spec_nor_below_what_is_used() -> None:
    policy = LimitFree()
    result = run(policy)
    used = result.service_used[: len(REQUESTS)].sum()
    assert policy.requested[0] >= max(policy.requested) - 1e-9
    assert np.mean(policy.requested[300:]) > used


def test_the_recommender_requests_what_minutes_used_plus_its_margin() -> None:
    policy = VpaRequests()
    result = run(policy)
    used = result.service_used[: len(REQUESTS)].sum()
    assert 1.1 * used < policy.requested[-1] < 2.0 * used


def test_what_is_requested_less_the_neighbours_get_as_their_weight() -> None:
    class Half(SpecRequests):
        def decide(self, samples):  # type: ignore[no-untyped-def]
            return 0.5 * self.spec

    class Spy(Half):
        def fast(self, samples):  # type: ignore[no-untyped-def]
            quotas = super().fast(samples)
            if quotas is not None:
                self.last = quotas.weight
            return quotas

    policy = Spy()
    run(policy)
    nodes = beside_neighbours(shop(), REQUESTS, {"node-1": 2.0, "node-2": 1.5}, 0.8).nodes
    assert policy.last.sum() == pytest.approx(sum(node.cores for node in nodes))


def test_neighbours_fill_half_of_what_the_label_says() -> None:
    made = beside_neighbours(shop(), REQUESTS, {"node-1": 2.0, "node-2": 1.5}, 0.8)
    assert [node.cores for node in made.nodes] == [5, 4]
    on_first = [service for service in made.services if service.node == "node-1"]
    assert sum(service.background_cores for service in on_first) == pytest.approx(2.0)
    assert replace(made, services=made.services[: len(shop().services)]).work_per_request() == shop().work_per_request()
