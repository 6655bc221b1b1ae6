"""Runs of the comparison: one policy on one cell at one seed, scored, and kept by the hash of all that decides the score.

A kept score is found again by application, load, policy, class, seed and code: the simulator's sources and the policy's for peers, the controllers'
too for what runs the product's own. An interrupted bench goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from flyball.sim.arrivals import Arrivals
from flyball.sim.plant import Overloaded
from flyball.sim.policies import FAST, SLOW, Autothrottle, CpuBurst, OurPair, PaperPair, Phase, Static, Threshold, Vpa, flyball
from flyball.sim.policies.bandit import Seen
from flyball.sim.policy import Policy
from flyball.sim.result import Result
from flyball.sim.run import Run, Settings
from tests.benchmarks.cpu.cells import Cell, load, rates

ROOT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("FLYBALL_BENCH_CACHE") or ROOT / "build" / "bench" / "cpu-cache")
SETTLE_SECONDS = 300.0
"""Not scored: K8s-CPU sees its first full window then. The first hour's objective counts from the start all the same."""
GIVE_UP = 1.2
"""A run that has this many times the allowed slow requests of some hour is lost for its objective, and ended. Not less: those that ended late belong
to minutes before."""
DEAD_BAND = 0.10
"""A resize of requests is asked for when the quota differs from them by more, and is in force a minute later."""
WARM_UP_SEED = 9_000
OURS = ("flyball", "our-pair")
TUNED = ("k8s-cpu", "k8s-cpu-fast", "vpa", "static", "cpu-burst", "paper-pair", "our-pair")
"""Whose parameter is looked for: a value that misses the objective is of no more interest."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy with its parameters."""

    kind: str
    params: tuple[float, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.kind, "/".join(f"{value:.2f}" for value in self.params)]).strip()


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


def make(candidate: Candidate, cell: Cell, seconds: int) -> Policy:
    """A fresh policy."""
    made: dict[str, Callable[..., Policy]] = {
        "k8s-cpu": lambda target: Threshold(target, SLOW),
        "k8s-cpu-fast": lambda target: Threshold(target, FAST),
        "vpa": Vpa,
        "static": Static,
        "cpu-burst": CpuBurst,
        "paper-pair": PaperPair,
        "our-pair": OurPair,
        "flyball": flyball,
        "autothrottle": lambda: Autothrottle(list(warmed(cell.application, cell.bucket, seconds)), cell.bucket, Phase.REPORT),
        "autothrottle-no-warm-up": lambda: Autothrottle([], cell.bucket, Phase.FROM_ZERO),
    }
    return made[candidate.kind](*candidate.params)


def settings(candidate: Candidate, *, burst: bool, warmup: float = SETTLE_SECONDS) -> Settings:
    """Autothrottle reads latency and rate of each minute without lag, as from its load generator in the paper; all others through scrapes."""
    if candidate.kind.startswith("autothrottle"):
        return Settings(burst=burst, warmup_seconds=warmup, lag_seconds=0.0, scrape_seconds=1.0)
    return Settings(burst=burst, warmup_seconds=warmup, lag_seconds=15.0)


def score(candidate: Candidate, cell: Cell, seed: int, *, burst: bool, seconds: int) -> Score:
    """Run it, or find it kept."""
    plant = load(cell, seconds)
    key = [plant.key, str(candidate), str(cell.bucket), str(burst), str(seed), str(seconds), code(candidate.kind)]
    path = CACHE / (hashlib.sha256("|".join(key).encode()).hexdigest()[:32] + ".json")
    if path.is_file():
        return Score(**json.loads(path.read_text()))
    policy = make(candidate, cell, seconds)
    arrivals = Arrivals(plant.rates, seed)
    run = Run(plant.application, arrivals, policy, seed, settings(candidate, burst=burst))
    got = _run(run, arrivals, give_up=candidate.kind in TUNED)
    made = _lost() if got is None else _score(got, len(plant.application.services))
    _keep(path, asdict(made))
    return made


def warmed(application: str, bucket: float, seconds: int) -> tuple[Seen, ...]:
    """What Autothrottle knows after its warm-up: twelve hours of the warm-up trace, six of exploring and six of learning."""
    cell = Cell(f"{application}/diurnal-2", application, "diurnal-2", False, bucket)
    hour = min(seconds, 3600)
    plant = load(cell, hour)
    path = CACHE / (hashlib.sha256(f"warm-up|{plant.key}|{bucket}|{code('autothrottle')}".encode()).hexdigest()[:32] + ".json")
    if path.is_file():
        return tuple(Seen(*row) for row in json.loads(path.read_text()))
    seen: list[Seen] = []
    for number, phase in enumerate([Phase.EXPLORE] * 6 + [Phase.LEARN] * 6):
        arrivals = Arrivals(rates(cell, hour), WARM_UP_SEED + number)
        policy = Autothrottle(seen, bucket, phase)
        run = Run(plant.application, arrivals, policy, WARM_UP_SEED + number, settings(Candidate("autothrottle"), burst=False, warmup=0.0))
        for second in range(arrivals.seconds):
            run.second(second)
    _keep(path, [[its.rate, its.arm, its.p99_seconds, its.cores] for its in seen])
    return tuple(seen)


def _run(run: Run, arrivals: Arrivals, *, give_up: bool) -> Result | None:
    """To its end, or None once an hour's budget is beyond recovery and nobody wants to know by how much."""
    width = min(3600, arrivals.seconds - int(SETTLE_SECONDS))
    arrived = np.concatenate([[0], np.cumsum(arrivals.counts)])
    allowed = GIVE_UP * 0.01 * (arrived[width:] - arrived[:-width])[::60]
    slow = np.zeros(arrivals.seconds // 60 + 2)
    objective = run.objective.threshold_seconds
    counted = 0
    try:
        for second in range(arrivals.seconds):
            run.second(second)
            if second % 60 == 59:
                minute = second // 60
                done = run.plant.finished
                slow[minute + 1] = slow[minute] + np.count_nonzero(run.log[counted:done] > objective)
                counted = done
                first = max(int(SETTLE_SECONDS) // 60, minute - 59)
                starts = np.arange(first, min(minute + 1, len(allowed)))
                if give_up and np.any(slow[minute + 1] - slow[starts] > allowed[starts]):
                    return None
    except Overloaded:
        return None
    return run.result()


def _score(got: Result, services: int) -> Score:
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


@cache
def code(kind: str) -> str:
    """Hash of the sources that decide a score: this file, the simulator and the policies, and the controllers where the candidate runs them."""
    package = ROOT / "operator" / "flyball"
    skipped = {"report.py", "plots.py", "env.py", "catalogue.py", "example.py"}
    files = [path for path in sorted((package / "sim").glob("*.py")) if path.name not in skipped]
    files += sorted((package / "sim" / "policies").glob("*.py"))
    if kind in OURS:
        files += [*sorted((package / "cpu").rglob("*.py")), *sorted((package / "slo").glob("*.py"))]
    else:
        files = [path for path in files if path.name not in ("bridge.py", "flyball.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in [*files, Path(__file__)])).hexdigest()


def _keep(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(value))
    fresh.replace(path)
