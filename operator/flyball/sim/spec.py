"""What an application is: services and nodes, and for each type of request the tree of calls that it makes.

Values only. `flyball.sim.network` turns them into the tables that the engine runs on; `flyball.sim.apps` holds applications.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Node:
    """A machine. `speed` is work per CPU second relative to the work that visits state."""

    name: str
    cores: int
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """A workload: `replicas` pods of one container each."""

    name: str
    grant_cores: float
    """Limit in the spec, per container: what a policy may never exceed and what stands in force at the start."""
    replicas: int = 1
    threads: int = 0
    """Requests that a container works on at once; the others wait in line, first come first served. A worker is held while its sub-calls run
    (blocking servers). 0: no limit."""
    parallel: int = 0
    """CPUs that a container can use at once (1 for an event loop); 0: as many as the node has."""
    background_cores: float = 0.0
    """CPU that a container uses whatever its load (garbage collection, health checks, agents), in cores on average."""
    background_period_seconds: float = 1.0
    """It comes as one piece of work each period, at a random phase."""
    weight: float = 0.0
    """CPU weight of a container where its node is short of cores; 0: in proportion to `grant_cores`."""
    node: str = ""
    """Node of all its containers; empty: replicas are placed round robin over the nodes."""
    max_replicas: int = 0
    """Most replicas that it can be scaled to while it runs; 0: `replicas`."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A call of one service, with the calls that it makes in turn."""

    service: str
    work_seconds: float
    """Mean CPU time of the service's own work, at speed 1."""
    stages: tuple[tuple[Visit, ...], ...] = ()
    """Sub-calls: stages one after the other, the calls of a stage in parallel."""
    tail: float = 0.5
    """Sigma of the lognormal law of the work; 0: always the mean. At 0.5 the coefficient of variation is 0.53, at 1.0 it is 1.31."""
    before: float = 0.6
    """Share of the work that is done before the first sub-call; the rest after the last. All of it before where there is no sub-call."""
    hit: float = 0.0
    """Probability that all sub-calls are skipped: the cache had the answer."""
    delay_seconds: float = 0.0
    """Mean time without CPU before the work begins (disk, network, a service elsewhere), of the same law as the work."""

    def walk(self) -> Iterator[Visit]:
        """This visit and all below it."""
        yield self
        for stage in self.stages:
            for visit in stage:
                yield from visit.walk()


@dataclass(frozen=True, slots=True)
class RequestType:
    """One kind of request. `share` is relative to the other types' shares."""

    name: str
    share: float
    root: Visit
    objective_seconds: float = field(default=0.0, repr=False)
    """Requests of this type are to be answered within this; 0: within the application's objective. Types of one objective are one route. Not in the
    repr, from which the frozen applications have their fingerprints: these have none."""


@dataclass(frozen=True, slots=True)
class Application:
    """All that does not change with load, policy and seed."""

    name: str
    objective_seconds: float
    """Requests are to be answered within this."""
    services: tuple[Service, ...]
    request_types: tuple[RequestType, ...]
    nodes: tuple[Node, ...] = field(default=(Node("node", 32),))
    target: float = 0.99
    """Share of requests that are to be."""

    def __post_init__(self) -> None:
        _check(self)

    def objectives(self) -> tuple[float, ...]:
        """Objective of each request type, in seconds."""
        return tuple(its.objective_seconds or self.objective_seconds for its in self.request_types)

    def work_per_request(self) -> dict[str, float]:
        """Mean CPU seconds of each service for one request, over all types; hits counted, background not."""
        total = dict.fromkeys((service.name for service in self.services), 0.0)
        shares = sum(its.share for its in self.request_types)
        for request_type in self.request_types:
            for visit, reached in _reached(request_type.root, request_type.share / shares):
                total[visit.service] += reached * visit.work_seconds
        return total

    def visits_per_request(self) -> float:
        """Mean number of service visits of one request."""
        shares = sum(its.share for its in self.request_types)
        return sum(reached for its in self.request_types for _, reached in _reached(its.root, its.share / shares))


def _reached(visit: Visit, probability: float) -> Iterator[tuple[Visit, float]]:
    yield visit, probability
    for stage in visit.stages:
        for child in stage:
            yield from _reached(child, probability * (1.0 - visit.hit))


def _check(application: Application) -> None:
    names = [service.name for service in application.services]
    nodes = {node.name for node in application.nodes}
    if len(set(names)) != len(names):
        raise ValueError(f"{application.name}: two services have the same name")
    if not application.request_types or not nodes:
        raise ValueError(f"{application.name}: at least one request type and one node are needed")
    for service in application.services:
        if service.replicas < 1 or not service.grant_cores > 0 or min(service.threads, service.parallel) < 0:
            raise ValueError(f"{application.name}: service {service.name} needs a replica, a grant above 0, and limits of 0 (none) or more")
        if not 0 <= service.background_cores < service.grant_cores or not service.background_period_seconds > 0:
            raise ValueError(f"{application.name}: the background work of {service.name} must be less than its grant, in a period above 0")
        if service.node and service.node not in nodes:
            raise ValueError(f"{application.name}: service {service.name} is placed on {service.node}, which is no node of it")
    for request_type in application.request_types:
        if not (request_type.objective_seconds >= 0 and math.isfinite(request_type.objective_seconds)):
            raise ValueError(f"{application.name}: the objective of {request_type.name} must be 0 (the application's) or more seconds")
        for visit in request_type.root.walk():
            if visit.service not in names:
                raise ValueError(f"{application.name}: {request_type.name} calls {visit.service}, which is no service of it")
            if not all(visit.stages):
                raise ValueError(f"{application.name}: a visit of {visit.service} in {request_type.name} has a stage without calls")
            shares = 0 <= visit.before <= 1 and 0 <= visit.hit <= 1
            if not (shares and visit.work_seconds >= 0 and visit.tail >= 0 and visit.delay_seconds >= 0 and math.isfinite(visit.work_seconds)):
                raise ValueError(f"{application.name}: a visit of {visit.service} in {request_type.name} has a share or a time that cannot be")
