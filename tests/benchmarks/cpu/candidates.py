"""Who is compared: a policy by its kind and parameters, how it reads the plant, and which sources its results depend on.

A peer's results do not depend on the product's controllers: those may change without a peer being run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flyball.sim.policies import FAST, SLOW, Autothrottle, CpuBurst, OurPair, PaperPair, Phase, Static, Threshold, Vpa, flyball
from flyball.sim.policies.bandit import Seen
from flyball.sim.policies.flyball import flyball_bandit, flyball_every_minute
from flyball.sim.policy import Policy
from flyball.sim.run import Settings
from tests.benchmarks.cpu.cells import Cell
from tests.benchmarks.cpu.kept import ROOT, sources
from tests.benchmarks.cpu.past import past

SETTLE_SECONDS = 300.0
"""Not scored: K8s-CPU sees its first full window then. The first hour's objective counts from the start all the same."""
TUNED = ("k8s-cpu", "k8s-cpu-fast", "vpa", "static", "cpu-burst", "paper-pair", "our-pair")
"""Whose parameter is looked for: a value that misses the objective is of no more interest."""
PAIR = ("fixed_targets.py", "paper_captain.py", "parts.py")
FILES = {
    "k8s-cpu": ("k8s_cpu.py", "parts.py"),
    "k8s-cpu-fast": ("k8s_cpu.py", "parts.py"),
    "vpa": ("vpa.py", "parts.py"),
    "static": ("static.py", "parts.py"),
    "cpu-burst": ("cpu_burst.py", "parts.py"),
    "paper-pair": PAIR,
    "our-pair": PAIR,
    "flyball": ("flyball.py",),
    "flyball-every-minute": ("flyball.py",),
    "flyball-bandit": ("flyball.py",),
    "autothrottle": (*PAIR, "autothrottle.py", "bandit.py"),
    "autothrottle-no-warm-up": (*PAIR, "autothrottle.py", "bandit.py"),
}
"""Files of flyball.sim.policies that decide what a kind does."""
OURS = ("flyball", "flyball-every-minute", "flyball-bandit", "our-pair")
"""Kinds that run the product's controllers."""
NOT_THE_ENGINE = ("__init__.py", "report.py", "plots.py", "env.py", "catalogue.py", "example.py", "bridge.py")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy with its parameters."""

    kind: str
    params: tuple[float, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.kind, "/".join(f"{value:.2f}" for value in self.params)]).strip()


def make(candidate: Candidate, cell: Cell, warmed: Callable[[], Sequence[Seen]]) -> Policy:
    """A fresh policy. `warmed` gives what Autothrottle's warm-up has seen."""
    made: dict[str, Callable[..., Policy]] = {
        "k8s-cpu": lambda target: Threshold(target, SLOW),
        "k8s-cpu-fast": lambda target: Threshold(target, FAST),
        "vpa": lambda ratio: Vpa(ratio, past(cell, code("vpa"))),
        "static": Static,
        "cpu-burst": CpuBurst,
        "paper-pair": PaperPair,
        "our-pair": OurPair,
        "flyball": flyball,
        "flyball-every-minute": flyball_every_minute,
        "flyball-bandit": flyball_bandit,
        "autothrottle": lambda: Autothrottle(list(warmed()), cell.bucket, Phase.REPORT),
        "autothrottle-no-warm-up": lambda: Autothrottle([], cell.bucket, Phase.FROM_ZERO),
    }
    return made[candidate.kind](*candidate.params)


def settings(candidate: Candidate, cell: Cell, *, burst: bool, warmup: float = SETTLE_SECONDS) -> Settings:
    """Autothrottle reads latency and rate of each minute without lag, as from its load generator in the paper; all others through scrapes."""
    contention = cell.contention > 0
    if candidate.kind.startswith("autothrottle"):
        return Settings(burst=burst, contention=contention, warmup_seconds=warmup, lag_seconds=0.0, scrape_seconds=1.0)
    return Settings(burst=burst, contention=contention, warmup_seconds=warmup, lag_seconds=cell.lag)


@cache
def engine() -> str:
    """Hash of the simulator's sources, policies and applications aside."""
    return sources(path for path in sorted((ROOT / "operator" / "flyball" / "sim").glob("*.py")) if path.name not in NOT_THE_ENGINE)


@cache
def code(kind: str) -> str:
    """Hash of the sources that decide a run of this kind, but for those that score it: the simulator and the policy, and the controllers where the
    kind runs the product's."""
    package = ROOT / "operator" / "flyball"
    files = [package / "sim" / "policies" / name for name in FILES[kind]]
    if kind in OURS:
        files += [package / "sim" / "bridge.py", *sorted((package / "cpu").rglob("*.py")), *sorted((package / "slo").glob("*.py"))]
    if kind == "vpa":
        files.append(Path(__file__).with_name("past.py"))
    return engine() + sources(files)
