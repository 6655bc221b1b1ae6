"""What policies are shown in the tests: facts of a made-up plant, samples, readings."""

from __future__ import annotations

from typing import Any

import numpy as np

from flyball.sim.policy import Facts, Samples, SlowObservation
from flyball.sim.spec import Application, Node, RequestType, Service, Visit
from flyball.slo import Objective
from flyball.slo.budget import Budget


def application(*works: float, objective: float = 0.2) -> Application:
    """A chain of services that do so much work in each request, in seconds."""
    root = None
    for number, work in reversed(list(enumerate(works))):
        root = Visit(f"s{number}", work, ((root,),) if root else ())
    assert root is not None
    services = tuple(Service(f"s{number}", 4.0) for number in range(len(works)))
    return Application("chain", objective, services, (RequestType("get", 1.0, root),), (Node("n", 16),))


def facts(its: Application, *, grant: float = 4.0, burst: bool = False) -> Facts:
    count = len(its.services)
    return Facts(
        its,
        Objective("requests", 0.99, its.objective_seconds, 3600.0),
        np.arange(count),
        np.full(count, grant),
        tuple(f"{s.name}/0" for s in its.services),
        burst,
        1,
    )


def samples(usage: Any, *, now: float = 1.0, throttled: Any = 0, elapsed: float = 1.0, quota: float = 4.0) -> Samples:
    """One tick. `usage` is CPU seconds by container."""
    cpu = np.asarray(usage, np.float64)
    zero = np.zeros(len(cpu), np.int64)
    return Samples(
        now, elapsed, cpu, zero + np.asarray(throttled, np.int64), zero, zero, np.full(len(cpu), quota), zero * 0.0, zero > 0, zero == 0
    )  # fmt: skip


def minute(count: int, *, now: float, rate: float = 100.0, p99: float = 0.1, cores: float = 1.0) -> SlowObservation:
    """What a controller reads after a minute."""
    each = np.full(count, cores / count)
    total = rate * 60.0
    return SlowObservation(now, total, total, rate, p99, 60.0, 15.0, Budget(total, 0.0, 0.01 * total, 0.0, 1.0), each, each, each, each * 0.0)
