"""What the spec says of an objective reaches those who steer by it, also while Prometheus is away."""

from __future__ import annotations

import asyncio

import aiohttp

from flyball.api.latencyslo import LatencySLO
from flyball.controllers.latencyslo.signals import Seen, SignalReaders
from flyball.signals.answers import NoValue
from flyball.signals.prometheus import Prometheus
from tests.api_objects import full_slo


def test_an_objective_is_steered_as_the_spec_says_it() -> None:
    async def read() -> Seen:
        async with aiohttp.ClientSession() as session:
            readers = SignalReaders(Prometheus("http://127.0.0.1:9", session), 60.0, allow_promql=True)
            return await readers.read(LatencySLO.parse(full_slo()), 1000.0)

    seen = asyncio.run(read())
    told = [
        (its.name, its.target, its.threshold_seconds, its.window_seconds, its.minutes_above_share)
        for its in (reading.objective for reading in seen.readings)
    ]
    assert told == [("gateway", 0.9995, 0.2, 5400, 0.05), ("mesh", 0.99, 1.5, 2592000, 1.0), ("free", 0.00001, 3600, 2592000, 1.0)]
    assert seen.problem is not None and seen.problem.reason is NoValue.UNREACHABLE
