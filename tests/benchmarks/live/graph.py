"""The shop as the simulator knows it before anything is measured: who calls whom with how many steps of work, and how requests differ in size.

A copy of examples/shop/graph.go and of the sizes in work.go, which a test holds against them. All services behind a request work on the same number
of items; one request type per route and number of items keeps that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flyball.sim.spec import RequestType, Visit


@dataclass(frozen=True, slots=True)
class Route:
    """Steps of a service's own work, done before it asks others: stages one after the other, the calls of a stage side by side."""

    base: int
    item: int
    stages: tuple[tuple[tuple[str, str], ...], ...] = ()


SERVICES = ("gateway", "catalog", "recommend", "cart", "pricing", "checkout", "payment")
"""In the order of shop.yaml; containers of a run are in this order."""
GRAPH: dict[str, dict[str, Route]] = {
    "gateway": {
        "/browse": Route(24, 4, ((("catalog", "/list"), ("recommend", "/suggest")),)),
        "/cart": Route(18, 4, ((("cart", "/show"),),)),
        "/checkout": Route(24, 3, ((("checkout", "/order"),),)),
    },
    "catalog": {"/list": Route(30, 9), "/features": Route(12, 4), "/reserve": Route(15, 4)},
    "recommend": {"/suggest": Route(60, 21, ((("catalog", "/features"),),))},
    "cart": {"/show": Route(30, 8, ((("catalog", "/list"), ("pricing", "/quote")),))},
    "pricing": {"/quote": Route(30, 18)},
    "checkout": {"/order": Route(60, 12, ((("cart", "/show"),), (("payment", "/authorize"), ("catalog", "/reserve"))))},
    "payment": {"/authorize": Route(135, 6)},
}
MIX = {"/browse": 0.5, "/cart": 0.3, "/checkout": 0.2}
"""examples/shop/load.js."""
ITEMS_MEDIAN, ITEMS_SIGMA, ITEMS_MOST = 4.0, 0.6, 24

Work = Callable[[str, Route, int], tuple[float, float]]
"""(service, route, items) -> CPU seconds before the sub-calls, and after them."""


def items() -> dict[int, float]:
    """Probability of each number of items: log-normal, rounded, within 1 to ITEMS_MOST."""

    def below(value: float) -> float:
        return 0.5 * math.erfc(-math.log(value / ITEMS_MEDIAN) / ITEMS_SIGMA / math.sqrt(2))

    edges = [0.0, *(below(count + 0.5) for count in range(1, ITEMS_MOST)), 1.0]
    return {count: edges[count] - edges[count - 1] for count in range(1, ITEMS_MOST + 1)}


def mean_items() -> float:
    return sum(count * share for count, share in items().items())


def visits(service: str, path: str) -> Iterator[tuple[str, Route]]:
    """A visit and all that it causes."""
    route = GRAPH[service][path]
    yield service, route
    for stage in route.stages:
        for called, its in stage:
            yield from visits(called, its)


def demand() -> dict[str, tuple[float, float]]:
    """Per service: visits, and steps of work, of a request in the mean."""
    found = dict.fromkeys(SERVICES, (0.0, 0.0))
    for path, share in MIX.items():
        for service, route in visits("gateway", path):
            count, steps = found[service]
            found[service] = count + share, steps + share * (route.base + route.item * mean_items())
    return found


def request_types(work: Work, tail: float, delay_seconds: float) -> tuple[RequestType, ...]:
    """All types: a route with a number of items, as often as they come."""

    def visit(service: str, path: str, count: int) -> Visit:
        route = GRAPH[service][path]
        before, after = work(service, route, count)
        stages = tuple(tuple(visit(called, its, count) for called, its in stage) for stage in route.stages)
        total = before + after
        return Visit(service, total, stages, tail=tail, before=before / total if stages else 1.0, delay_seconds=delay_seconds)

    return tuple(
        RequestType(f"{path} {count}", share * probability, visit("gateway", path, count))
        for path, share in MIX.items()
        for count, probability in items().items()
    )
