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

import numpy as np

from flyball.sim.apps import hotel_reservation, random_application, social_network, train_ticket
from flyball.sim.apps.random import random_load
from flyball.sim.arrivals import repeat
from flyball.sim.policy import Floats, Unlimited
from flyball.sim.run import Settings, simulate
from flyball.sim.spec import Application

HOUR = 3600
DATA = Path(os.environ.get("FLYBALL_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
NO_LIMIT_CORES = 64.0
GRANT_FACTOR = 2.0
GRANT_MIN = 0.2
"""Cores. Below it twice the peak of a service that is hardly called would be less than one request needs in one period."""
RANDOM_APPLICATIONS = 20
WORLD_CUP_SEGMENTS = (12_000, 33_000, 56_000, 81_000, 104_000)
"""First minutes of five segments, spread over the 87 days before anything was run on them."""
PEAK_SEED = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """An application under a load."""

    name: str
    application: str
    trace: str
    holdout: bool
    bucket: float
    """Width of Autothrottle's rate groups, requests/s."""


@dataclass(frozen=True, slots=True)
class Load:
    """A cell made ready: the application with its grants, and requests per second."""

    application: Application
    rates: Floats

    @property
    def key(self) -> str:
        """Changes when anything that a result depends on does, code aside."""
        return hashlib.sha256(repr(self.application).encode() + self.rates.tobytes()).hexdigest()


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
    """The cell with its grants."""
    application = bare(cell.application)
    hour = rates(cell, min(seconds, HOUR))
    result = simulate(application, hour, Unlimited(), PEAK_SEED, Settings(keep_seconds=True))
    peaks = result.seconds.usage.max(axis=0)
    names = [name.split("/")[0] for name in result.names]
    peak = {service.name: max(float(peaks[place]) for place, name in enumerate(names) if name == service.name) for service in application.services}
    grants = {name: round(max(GRANT_MIN, GRANT_FACTOR * value), 2) for name, value in peak.items()}
    services = tuple(replace(service, grant_cores=grants[service.name]) for service in application.services)
    return Load(replace(application, services=services), rates(cell, seconds))
