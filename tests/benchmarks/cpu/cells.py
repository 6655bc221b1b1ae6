"""What is compared on: applications, loads, grants. A cell is an application under a trace; its seeds are runs of it.

Grants are twice the peak: the largest CPU use of a container in one second of one hour without limits (seed 0, which no score uses), the same for all
policies. Choosing constants is allowed on the cells with `holdout=False` alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from flyball import sim
from flyball.sim.apps import hotel_reservation, random_application, social_network, train_ticket
from flyball.sim.apps.random import random_load
from flyball.sim.arrivals import Arrivals, repeat
from flyball.sim.policy import Floats, Unlimited
from flyball.sim.run import Run, Settings
from flyball.sim.spec import Application
from tests.benchmarks.cpu.kept import keep, place, read, sources

HOUR = 3600
ENGINE = ("account.py", "arrivals.py", "plant.py", "run.py", "jit.py", "tables.py", "heaps.py", "draws.py", "bandwidth.py", "visits.py", "engine.py")
"""Sources that decide what a run without limits uses."""
DATA = Path(os.environ.get("FLYBALL_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
NO_LIMIT_CORES = 64.0
GRANT_FACTOR = 2.0
GRANT_MIN = 0.2
"""Cores. Below it twice the peak of a service that is hardly called would be less than one request needs in one period."""
RANDOM_APPLICATIONS = 20
WORLD_CUP_SEGMENTS = (12_000, 33_000, 56_000, 81_000, 104_000)
"""First minutes of five segments, spread over the 87 days before anything was run on them."""
PEAK_SEED = 0
LAG = 15.0
CONTENTION = (0.60, 0.80, 0.95)
LAGS = (60.0, 180.0)
SLACKS = (1.5, 2.5, 4.0)
VARIED = "social-network"
"""The application on which one thing at a time is varied; its tuning traces alone."""


@dataclass(frozen=True, slots=True)
class Cell:
    """An application under a load."""

    name: str
    application: str
    trace: str
    holdout: bool
    bucket: float
    """Width of Autothrottle's rate groups, requests/s."""
    contention: float = 0.0
    """Share of its cores that the 99 % quantile of each node's one-second use comes to when nothing is limited; 0: nodes have room."""
    lag: float = 15.0
    """Age that a scrape must have to be seen, seconds."""
    slack: float = 0.0
    """Objective over the 99 % quantile when nothing is limited; 0: the application's own objective."""

    @property
    def variant(self) -> str:
        """What sets it apart from the cell as it is; empty for that one."""
        if self.contention:
            return f"nodes {100 * self.contention:.0f} % full"
        if self.slack:
            return f"slack {self.slack:g}"
        return "" if self.lag == LAG else f"signals {self.lag:g} s late"


@dataclass(frozen=True, slots=True)
class Load:
    """A cell made ready: the application with its grants, and requests per second."""

    application: Application
    rates: Floats

    @property
    def key(self) -> str:
        """Changes when anything that a result depends on does, code aside."""
        own = [its.objective_seconds for its in self.application.request_types if its.objective_seconds]
        return hashlib.sha256((repr(self.application) + (repr(own) if own else "")).encode() + self.rates.tobytes()).hexdigest()


PUBLISHED = {
    "train-ticket": (train_ticket, 1.0, 200.0, 20.0),
    "social-network": (social_network, 1.5, 500.0, 20.0),
    "hotel-reservation": (hotel_reservation, 10.0, 2000.0, 200.0),
}
"""Application, factor of the traces, constant rate, bucket: reference/cpu-control.md 1.2 and 1.3."""
TRACES = ("diurnal", "constant", "noisy", "bursty")


def cells(*, holdout: bool) -> list[Cell]:
    """All cells that constants may be chosen on, or all that they may not."""
    return [cell for cell in _all() if cell.holdout == holdout]


def variants() -> list[Cell]:
    """Cells with one thing changed: nodes with less room (diurnal), older signals (diurnal and noisy), another objective (constant)."""
    by_trace = {cell.trace: cell for cell in cells(holdout=False) if cell.application == VARIED}
    made = [replace(by_trace["diurnal"], contention=share) for share in CONTENTION]
    made += [replace(by_trace[trace], lag=lag) for trace in ("diurnal", "noisy") for lag in LAGS]
    return made + [replace(by_trace["constant"], slack=slack) for slack in SLACKS]


def _all() -> Iterator[Cell]:
    for name, (_, _, _, bucket) in PUBLISHED.items():
        for trace in TRACES:
            yield Cell(f"{name}/{trace}", name, trace, name == "hotel-reservation" or trace == "bursty", bucket)
    for number in range(len(WORLD_CUP_SEGMENTS)):
        yield Cell(f"social-network/worldcup-{number}", "social-network", f"worldcup-{number}", True, 20.0)
    for seed in range(RANDOM_APPLICATIONS):
        for trace in TRACES:
            yield Cell(f"random-{seed:02d}/{trace}", f"random-{seed:02d}", trace, True, max(1.0, round(random_load(seed) / 10.0)))


def bare(name: str) -> Application:
    """An application without limits."""
    application = PUBLISHED[name][0]() if name in PUBLISHED else random_application(int(name.removeprefix("random-")))
    return replace(application, services=tuple(replace(service, grant_cores=NO_LIMIT_CORES) for service in application.services))


def rates(cell: Cell, seconds: int) -> Floats:
    """Requests per second of a cell, the trace's hour repeated."""
    if cell.trace.startswith("worldcup"):
        return _world_cup(int(cell.trace.removeprefix("worldcup-")), seconds)
    if cell.application in PUBLISHED:
        _, factor, constant, _ = PUBLISHED[cell.application]
        return np.full(seconds, constant) if cell.trace == "constant" else repeat(trace(cell.trace), seconds, factor)
    mean = random_load(int(cell.application.removeprefix("random-")))
    shape = np.ones(HOUR) if cell.trace == "constant" else trace(cell.trace)
    return repeat(shape / shape.mean(), seconds, mean)


@cache
def trace(name: str) -> Floats:
    """A published trace: requests in each second of an hour."""
    path = DATA / "rps" / f"autothrottle-{name}.txt"
    if not path.is_file():
        raise SystemExit(f"{path} is missing: set FLYBALL_DATA to the folder that holds rps/ and load/")
    return np.loadtxt(path)


def _world_cup(number: int, seconds: int) -> Floats:
    """Requests of each minute, interpolated, scaled to the mean of Social-Network's diurnal trace."""
    path = DATA / "load" / "worldcup98-requests-per-minute.csv"
    if not path.is_file():
        raise SystemExit(f"{path} is missing: set FLYBALL_DATA to the folder that holds rps/ and load/")
    first = WORLD_CUP_SEGMENTS[number]
    minutes = np.genfromtxt(path, delimiter=",", skip_header=1)[first : first + seconds // 60 + 1, 1]
    known = np.flatnonzero(np.isfinite(minutes))
    minutes = np.interp(np.arange(len(minutes)), known, minutes[known])
    values = np.interp(np.arange(seconds) / 60.0, np.arange(len(minutes)), minutes)
    return values / values.mean() * 1.5 * float(trace("diurnal").mean())


@cache
def load(cell: Cell, seconds: int) -> Load:
    """The cell with its grants, its nodes' cores and its objective."""
    application = bare(cell.application)
    found = peak(cell.application, rates(cell, min(seconds, HOUR)))
    grants = {name: round(max(GRANT_MIN, GRANT_FACTOR * value), 2) for name, value in found.containers.items()}
    services = tuple(replace(service, grant_cores=grants[service.name]) for service in application.services)
    nodes = application.nodes
    if cell.contention:
        nodes = tuple(replace(node, cores=max(1, round(found.nodes[node.name] / cell.contention))) for node in nodes)
    objective = round(cell.slack * found.p99, 4) if cell.slack else application.objective_seconds
    made = replace(application, services=services, nodes=nodes, objective_seconds=objective)
    return Load(made, rates(cell, seconds))


@dataclass(frozen=True, slots=True)
class Peak:
    """What an hour without limits used: the largest second of a service's busiest container, the 99 % quantile of a node's seconds, both in cores;
    and the requests' 99 % quantile in seconds."""

    containers: dict[str, float]
    nodes: dict[str, float]
    p99: float


def peak(name: str, hour: Floats) -> Peak:
    """Run that hour, or find it kept."""
    application = bare(name)
    engine = (path for path in sorted(Path(sim.__file__).parent.glob("*.py")) if path.name in ENGINE)
    path = place("peak", [repr(application), hashlib.sha256(hour.tobytes()).hexdigest(), PEAK_SEED, sources(engine)])
    kept: Any = read(path)
    if kept is None:
        run = Run(application, Arrivals(hour, PEAK_SEED), Unlimited(), PEAK_SEED, Settings(keep_seconds=True, keep_latency=True))
        for second in range(len(hour)):
            run.second(second)
        result = run.result()
        use = result.seconds.usage
        kept = {"containers": {}, "nodes": {}, "p99": float(np.nanquantile(result.latency, 0.99))}
        for column, full in enumerate(result.names):
            service = full.split("/")[0]
            kept["containers"][service] = max(kept["containers"].get(service, 0.0), float(use[:, column].max()))
        for node in application.nodes:
            on = [number for number, its in enumerate(run.plant.node_names) if its == node.name]
            kept["nodes"][node.name] = float(np.quantile(use[:, on].sum(axis=1), 0.99)) if on else 0.0
        keep(path, kept)
    return Peak(**kept)
