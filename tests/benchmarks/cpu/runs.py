"""Runs of the comparison: one policy on one cell at one seed, scored, and kept by the hash of all that decides the score.

A kept score is found again by application, load, policy, class, seed and code (`candidates.code`, and this file, which scores).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from flyball.sim.arrivals import Arrivals
from flyball.sim.plant import Overloaded
from flyball.sim.policies import Autothrottle, Phase
from flyball.sim.policies.bandit import Seen
from flyball.sim.result import Result
from flyball.sim.run import Run
from tests.benchmarks.cpu.candidates import SETTLE_SECONDS, TUNED, Candidate, code, make, settings
from tests.benchmarks.cpu.cells import Cell, load, rates
from tests.benchmarks.cpu.kept import keep, place, read, sources

GIVE_UP = 1.2
"""A run that has this many times the allowed slow requests of some hour is lost for its objective, and ended. Not less: those that ended late belong
to minutes before."""
DEAD_BAND = 0.10
"""A resize of requests is asked for when the quota differs from them by more, and is in force a minute later."""
WARM_UP_SEED = 9_000
WARM_UP_RUNS = (*[Phase.EXPLORE] * 6, *[Phase.LEARN] * 6)
"""Hours of the warm-up trace: reference/cpu-control.md 1.2."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a run came to. Cores are means after the settling; shares are of requests."""

    ended: bool
    """Whether it was run to its end; one that was given up has no cores."""
    cores: float
    cores_used: float
    requested_cores: float
    worst_hour: float
    minutes_over: int
    minutes: int
    worst_minute_ratio: float
    first_hour: float
    cores_from_zero: float
    """Minutes 20 to 60."""
    cores_warmed: float
    """The same minutes of the trace an hour later."""
    node_p99: float
    reversals: float
    fast_microseconds: float
    """CPU time of a container's tick."""
    slow_milliseconds: float
    quota_by_minute: tuple[float, ...]
    p99_by_minute: tuple[float, ...]
    """Over the objective."""

    def meets(self, objective: str) -> bool:
        """H: slow share of at most 1 % in every sliding hour. M: H, and at most 5 % of the minutes over."""
        hours = self.ended and self.worst_hour <= 0.01 + 1e-12
        return hours and (objective == "H" or self.minutes_over <= 0.05 * self.minutes)


def score(candidate: Candidate, cell: Cell, seed: int, *, burst: bool, seconds: int) -> Score:
    """Run it, or find it kept."""
    path = where(candidate, cell, seed, burst=burst, seconds=seconds)
    kept: Any = read(path)
    if kept is not None:
        return Score(**kept)
    plant = load(cell, seconds)
    how = settings(candidate, cell, burst=burst)
    policy = make(candidate, cell, lambda: warmed(cell.application, cell.bucket, seconds))
    arrivals = Arrivals(plant.rates, seed)
    run = Run(plant.application, arrivals, policy, seed, how)
    got = _run(run, arrivals, give_up=candidate.kind in TUNED)
    made = _lost() if got is None else _score(got)
    keep(path, asdict(made))
    return made


def where(candidate: Candidate, cell: Cell, seed: int, *, burst: bool, seconds: int) -> Path:
    """Where the score of this run is kept, or would be: the name says all that decides it."""
    plant, how = load(cell, seconds), settings(candidate, cell, burst=burst)
    bucket = cell.bucket if candidate.kind.startswith("autothrottle") else 0.0
    return place("score", [plant.key, candidate, bucket, how, seed, seconds, code(candidate.kind), scoring()])


@cache
def scoring() -> str:
    return sources([Path(__file__)])


def warmed(application: str, bucket: float, seconds: int) -> tuple[Seen, ...]:
    """What Autothrottle knows after its warm-up: twelve hours of the warm-up trace, six of exploring and six of learning. Each hour is kept."""
    cell = Cell(f"{application}/diurnal-2", application, "diurnal-2", False, bucket)
    hour = min(seconds, 3600)
    plant = load(cell, hour)
    how = settings(Candidate("autothrottle"), cell, burst=False, warmup=0.0)
    seen: list[Seen] = []
    for number, phase in enumerate(WARM_UP_RUNS):
        path = place("warm-up", [plant.key, bucket, how, number, code("autothrottle"), scoring()])
        kept: Any = read(path)
        if kept is None:
            arrivals = Arrivals(rates(cell, hour), WARM_UP_SEED + number)
            run = Run(plant.application, arrivals, Autothrottle(seen, bucket, phase), WARM_UP_SEED + number, how)
            for second in range(arrivals.seconds):
                run.second(second)
            kept = [[its.rate, its.arm, its.p99_seconds, its.cores] for its in seen]
            keep(path, kept)
        seen = [Seen(*row) for row in kept]
    return tuple(seen)


def _run(run: Run, arrivals: Arrivals, *, give_up: bool) -> Result | None:
    """To its end, or None once an hour's budget is beyond recovery and nobody wants to know by how much."""
    width = min(3600, arrivals.seconds - int(SETTLE_SECONDS))
    arrived = np.concatenate([[0], np.cumsum(arrivals.counts)])
    allowed = GIVE_UP * 0.01 * (arrived[width:] - arrived[:-width])[::60]
    slow = np.zeros(arrivals.seconds // 60 + 2)
    counted = 0
    try:
        for second in range(arrivals.seconds):
            run.second(second)
            if second % 60 == 59:
                minute = second // 60
                done = run.plant.finished
                slow[minute + 1] = slow[minute] + np.count_nonzero(run.requests.slow(counted, done))
                counted = done
                first = max(int(SETTLE_SECONDS) // 60, minute - 59)
                starts = np.arange(first, min(minute + 1, len(allowed)))
                if give_up and np.any(slow[minute + 1] - slow[starts] > allowed[starts]):
                    return None
    except Overloaded:
        return None
    return run.result()


def _score(got: Result) -> Score:
    minutes = got.minutes
    hour = slice(0, 60)
    containers = len(got.names)
    return Score(
        ended=True,
        cores=got.cores,
        cores_used=got.cores_used,
        requested_cores=requested(minutes.quota[got.score_from :].tolist()),
        worst_hour=got.worst_hour(),
        minutes_over=got.minutes_over(),
        minutes=len(minutes.total) - got.score_from,
        worst_minute_ratio=got.worst_minute_ratio(),
        first_hour=float(minutes.slow[hour].sum() / max(1, minutes.total[hour].sum())),
        cores_from_zero=float(minutes.quota[20:60].mean()) if len(minutes.quota) >= 60 else float("nan"),
        cores_warmed=float(minutes.quota[80:120].mean()) if len(minutes.quota) >= 120 else float("nan"),
        node_p99=float(np.quantile(minutes.node_p99[got.score_from :], 0.99)),
        reversals=float(minutes.reversals[got.score_from :].mean()),
        fast_microseconds=1e6 * got.fast_cpu_seconds / max(1, got.fast_ticks * containers),
        slow_milliseconds=1e3 * got.slow_cpu_seconds / max(1, got.slow_ticks),
        quota_by_minute=tuple(np.round(minutes.quota, 3).tolist()),
        p99_by_minute=tuple(np.round(np.minimum(minutes.p99 / got.objective_seconds, 99.0), 3).tolist()),
    )


def _lost() -> Score:
    nan = float("nan")
    return Score(False, nan, nan, nan, 1.0, 0, 0, nan, 1.0, nan, nan, nan, nan, nan, nan, (), ())


def requested(quota: list[float]) -> float:
    """Mean cores requested when requests follow the quota of the minute before, and only moves beyond the dead band."""
    if not quota:
        return float("nan")
    now, total = quota[0], 0.0
    for minute in range(len(quota)):
        if minute and abs(quota[minute - 1] - now) > DEAD_BAND * now:
            now = quota[minute - 1]
        total += now
    return total / len(quota)
