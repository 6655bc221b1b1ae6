"""The shop by itself: its call graph, its metrics, and what a failing service does to the others. Real processes, no cluster."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hack.cluster import ClusterError, tools
from hack.cluster.process import poll
from hack.demo.processes import Processes
from hack.demo.sizing import SERVICES, start

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def binary() -> str:
    try:
        return str(tools.path("shop"))
    except ClusterError as error:
        pytest.skip(str(error))


@dataclass(frozen=True, slots=True)
class Shop:
    """Seven running services."""

    processes: Processes
    ports: dict[str, int]

    def get(self, service: str, path: str) -> tuple[int, str]:
        """Status and text of an answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[service]}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def count(self, service: str, route: str, code: str = "200") -> int:
        """Requests that a service counted."""
        labels = f'code="{code}",route="{route}",service="{service}"'
        found = re.search(rf"^http_request_duration_seconds_count{{{labels}}} (\d+)$", self.get(service, "/metrics")[1], re.MULTILINE)
        return int(found[1]) if found else 0


@pytest.fixture
def shop(binary: str, tmp_path: Path) -> Iterator[Shop]:
    ports: dict[str, int] = {}
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in SERVICES]  # all at once, so that no two get the same
    for service, held in zip(SERVICES, sockets, strict=True):
        ports[service] = held.getsockname()[1]
        held.close()
    with Processes(tmp_path) as processes:
        start(processes, binary, ports)
        shop = Shop(processes, ports)
        assert poll(lambda: all(_serves(shop, service) for service in SERVICES), 15), [processes.tail(service) for service in SERVICES]
        yield shop


def _serves(shop: Shop, service: str) -> bool:
    try:
        return shop.get(service, "/healthz") == (200, "ok\n")
    except OSError:
        return False


@pytest.mark.parametrize(
    ("route", "asked"),
    [
        ("/browse", {"catalog/list": 1, "catalog/features": 1, "recommend/suggest": 1, "cart/show": 0, "payment/authorize": 0}),
        ("/cart", {"cart/show": 1, "catalog/list": 1, "pricing/quote": 1, "recommend/suggest": 0, "checkout/order": 0}),
        ("/checkout", {"checkout/order": 1, "cart/show": 1, "catalog/list": 1, "pricing/quote": 1, "payment/authorize": 1, "catalog/reserve": 1}),
    ],
)
def test_a_request_goes_through_the_services_that_the_graph_names(shop: Shop, route: str, asked: dict[str, int]) -> None:
    status, text = shop.get("gateway", route)
    assert status == 200
    assert json.loads(text)["route"] == route
    assert shop.count("gateway", route) == 1
    counted = {call: shop.count(call.split("/")[0], "/" + call.split("/")[1]) for call in asked}
    assert counted == asked


def test_a_request_of_many_items_carries_them_to_every_service(shop: Shop) -> None:
    assert json.loads(shop.get("gateway", "/cart?items=20")[1])["items"] == 20
    assert shop.get("pricing", "/quote?items=99") == (400, "items must be a number from 1 to 24\n")


def test_a_service_that_is_gone_makes_the_gateway_answer_502_and_count_it(shop: Shop) -> None:
    shop.processes.stop("payment")
    status, text = shop.get("gateway", "/checkout")
    assert status == 502
    assert "checkout/order answered 502" in text
    assert shop.count("gateway", "/checkout", "502") == 1
    assert shop.get("gateway", "/browse")[0] == 200


def test_the_histogram_has_the_objective_as_a_bucket_and_every_route_from_the_start(shop: Shop) -> None:
    text = shop.get("gateway", "/metrics")[1]
    for route in ("/browse", "/cart", "/checkout"):
        assert f'http_request_duration_seconds_bucket{{code="200",route="{route}",service="gateway",le="0.2"}} 0' in text


def test_an_unknown_service_is_refused_with_the_names_that_there_are(binary: str) -> None:
    done = subprocess.run([binary, "-service", "chart"], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 1
    assert 'no service is called "chart"' in done.stderr
    assert ", ".join(sorted(SERVICES)) in done.stderr
