"""Applications and runs for the tests of the simulator."""

from __future__ import annotations

from typing import Any

import numpy as np

from flyball.sim.plant import Plant
from flyball.sim.policy import Facts, Floats, Policy, Quotas, Samples, SlowObservation, Unlimited
from flyball.sim.requests import Requests
from flyball.sim.result import Result
from flyball.sim.run import Settings, simulate
from flyball.sim.spec import Application, Node, RequestType, Service, Visit


def single(work: float = 0.01, *, tail: float = 0.0, cores: int = 1, grant: float | None = None, **service: Any) -> Application:
    """One service on a node of its own; the grant is out of the way unless stated."""
    return Application(
        "single",
        1.0,
        (Service("only", grant or 4.0 * cores, **service),),
        (RequestType("get", 1.0, Visit("only", work, tail=tail)),),
        (Node("n", cores),),
    )


def application(root: Visit, *, grant: float = 64.0, cores: int = 64, **services: dict[str, Any]) -> Application:
    """One request type; a service for each that its tree names, with what `services` says of it."""
    names = sorted({visit.service for visit in root.walk()})
    return Application(
        "made",
        1.0,
        tuple(Service(name, **{"grant_cores": grant, **services.get(name, {})}) for name in names),
        (RequestType("get", 1.0, root),),
        (Node("n", cores),),
    )


def play(its: Application, arrivals: list[float], *, seconds: int | None = None, seed: int = 1, **settings: Any) -> Result:
    """A run with these arrivals, everything kept."""
    length = seconds or int(max(arrivals)) + 10
    made = Settings(keep_latency=True, keep_seconds=True, **settings)
    return simulate(its, np.zeros(length), Unlimited(), seed, made, arrivals=np.array(arrivals))


def load(its: Application, rate: float, seconds: int, policy: Policy | None = None, *, seed: int = 1, **settings: Any) -> Result:
    """A run with Poisson arrivals."""
    made = Settings(**{"keep_latency": True, "keep_seconds": True, **settings})
    return simulate(its, np.full(seconds, rate), policy or Unlimited(), seed, made)


class Held(Unlimited):
    """Quotas and bursts that stay."""

    name = "held"

    def __init__(self, quota: float, burst: float = 0.0) -> None:
        self._quota, self._burst = quota, burst

    def start(self, facts: Facts) -> Quotas | None:
        return Quotas(np.full_like(facts.grant, self._quota), np.full_like(facts.grant, self._burst))


class Recorder(Unlimited):
    """Keeps all it is shown; does nothing."""

    name = "recorder"

    def __init__(self, slow_seconds: float = 15.0, tick_seconds: float = 1.0) -> None:
        self.slow_seconds, self.tick_seconds = slow_seconds, tick_seconds
        self.samples: list[Samples] = []
        self.seen: list[SlowObservation] = []

    def fast(self, samples: Samples) -> Quotas | None:
        self.samples.append(samples)
        return None

    def slow(self, observation: SlowObservation) -> None:
        self.seen.append(observation)


class Kernel:
    """One container fed by hand at the level given: work arrives, time passes, counters are read."""

    def __init__(self, quota: float, *, work: float, level: str = "sliced", cores: int = 1, seed: int = 1, threads: int = 0, **plant: Any) -> None:
        self.plant = Plant(single(work, cores=cores, grant=quota, threads=threads), seed, level=level, **plant)
        self.requests = Requests(100_000)

    def run(self, arrivals: list[float], until: float) -> Kernel:
        self.plant.feed(np.array(arrivals))
        self.plant.advance(until, self.requests)
        return self

    @property
    def used(self) -> float:
        return float(self.plant.usage[0])

    @property
    def periods(self) -> tuple[int, int]:
        """Throttled and all that the kernel would count."""
        return int(self.plant.throttled[0]), int(self.plant.periods[0])


def every(interval: float, until: float, count: int = 1, start: float = 0.0) -> list[float]:
    """`count` arrivals at each multiple of the interval."""
    return [start + number * interval for number in range(int(np.ceil((until - start) / interval))) for _ in range(count)]


def total(values: Floats) -> float:
    return float(np.sum(values))
