"""Who is compared: peers as policies of the simulator, which run on real containers without a change, and the product itself.

K8s-CPU-Fast has one target, tuned in the fitted simulator on the demo's trace. Autothrottle has had its warm-up there. Both see the trace of the
comparison beforehand, if with other arrivals: that is kinder than what a user could do. Flyball has seen nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from flyball.sim.arrivals import Arrivals, repeat
from flyball.sim.plant import Overloaded
from flyball.sim.policies import FAST, POLICIES, Autothrottle, Phase, Static, Threshold, flyball
from flyball.sim.policies.autothrottle import DROP_MINUTES
from flyball.sim.policies.bandit import Seen
from flyball.sim.policy import Policy, SlowObservation
from flyball.sim.spec import Application
from flyball.slo import Ledger, Objective
from hack.demo.errors import DemoError
from tests.benchmarks.cpu.tune import Span, cheapest
from tests.benchmarks.live.simulated import MINUTE, PEER_LOOKBACK, PRODUCT_LOOKBACK, SEEDS, run

STATIC, FAST_TUNED, AUTOTHROTTLE, FLYBALL, FLYBALL_BURST = "static", "k8s-cpu-fast", "autothrottle", "flyball", "flyball-burst"
NAMES = (STATIC, FAST_TUNED, AUTOTHROTTLE, FLYBALL, FLYBALL_BURST)
SPAN = Span(0.10, 1.50)
"""Targets of K8s-CPU-Fast, as in the benchmark cpu."""
TUNE_NEAR = 0.80
WINDOW = 600
"""Seconds: the objective's window in the demo. In the tuning every such window has to keep it, as every hour has to in the benchmark cpu."""
WARM_UP_SEED = 9_000
WARM_UP = (*[Phase.EXPLORE] * 6, *[Phase.LEARN] * 6)
"""Twelve runs: reference/cpu-control.md 1.2."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Contender:
    """A policy of the comparison. `make` gives a fresh one for the simulator, and for real containers unless it is the product."""

    name: str
    label: str
    make: Callable[[], Policy]
    product: bool = False
    burst: bool = False

    @property
    def lookback(self) -> int:
        return PRODUCT_LOOKBACK if self.product else PEER_LOOKBACK


def contenders(
    wanted: Sequence[str], application: Application, objective: Objective, rates: Sequence[float], warm_up_run: int, progress: Progress
) -> list[Contender]:
    """Those that are wanted, tuned and warmed in the simulator where they need it. Other names than NAMES are `flyball.sim.policies`'."""
    made = []
    for name in wanted:
        progress(f"{name}: made ready in the fitted simulator")
        if name == STATIC:
            made.append(Contender(name, "static limits", lambda: Static(1.0)))
        elif name == FAST_TUNED:
            target, kept = tuned(application, objective, rates)
            how = "tuned in the fitted simulator" if kept else "its safest; in the fitted simulator it keeps the objective at none"
            made.append(Contender(name, f"K8s-CPU-Fast, target {target:.2f}, {how}", partial(Threshold, target, FAST)))
        elif name == AUTOTHROTTLE:
            bucket = max(1.0, float(round(np.mean(rates) / 10.0)))
            seen = warmed(application, objective, rates, bucket, warm_up_run, progress)
            hours = len(WARM_UP) * warm_up_run / 3600
            label = f"Autothrottle, warmed up for {hours:.1f} h in the fitted simulator"
            made.append(Contender(name, label, partial(warm, seen, bucket, objective)))
        elif name in (FLYBALL, FLYBALL_BURST):
            burst = name == FLYBALL_BURST
            made.append(Contender(name, f"Flyball, {'with' if burst else 'without'} burst", flyball, product=True, burst=burst))
        elif name in POLICIES:
            made.append(Contender(name, POLICIES[name]().name, POLICIES[name]))
        else:
            raise DemoError(f"There is no policy {name!r}; there are {', '.join(sorted({*NAMES, *POLICIES}))}.")
    return made


def tuned(application: Application, objective: Objective, rates: Sequence[float]) -> tuple[float, bool]:
    """The highest target of K8s-CPU-Fast that keeps every window of the demo's trace on all seeds, to .01; the safest where none does, and False."""
    trace = np.array(rates, np.float64)

    def meets(target: float) -> bool:
        for seed in SEEDS:
            try:
                outcome = run(application, objective, Threshold(target, FAST), seed, Arrivals(trace, seed), burst=False, lookback=PEER_LOOKBACK)
            except Overloaded:
                return False
            if outcome.worst_window(MINUTE, WINDOW, objective.threshold_seconds) > objective.allowed_share:
                return False
        return True

    found = cheapest(meets, SPAN, TUNE_NEAR)
    return (SPAN.safe, False) if found is None else (found, True)


def warmed(
    application: Application, objective: Objective, rates: Sequence[float], bucket: float, seconds: int, progress: Progress
) -> tuple[Seen, ...]:
    """What Autothrottle knows after its warm-up on the demo's trace."""
    seen: list[Seen] = []
    trace = repeat(rates, seconds)
    for number, phase in enumerate(WARM_UP):
        policy = Autothrottle(seen, bucket, phase)
        seed = WARM_UP_SEED + number
        run(application, objective, policy, seed, Arrivals(trace, seed), burst=False, lookback=PEER_LOOKBACK)
        progress(f"autothrottle: warm-up {number + 1}/{len(WARM_UP)}, {len(seen)} minutes noted")
    return tuple(seen)


def warm(seen: Sequence[Seen], bucket: float, objective: Objective) -> Policy:
    """Autothrottle as its warm-up left it; what it learns in a block it does not carry into the next."""
    return past_its_ramp(Autothrottle(list(seen), bucket, Phase.REPORT), objective)


def past_its_ramp(policy: Policy, objective: Objective) -> Policy:
    """Autothrottle drops the first minutes of a run, because the load of the paper's runs rises in them. Here it does not: they count as over."""
    for _ in range(DROP_MINUTES):
        policy.slow(unknown(objective))
    return policy


def unknown(objective: Objective) -> SlowObservation:
    """A look at a Prometheus that has nothing yet."""
    nan, nothing = math.nan, np.zeros(0)
    budget = Ledger(objective).budget(0.0)
    return SlowObservation(0.0, nan, nan, nan, nan, nan, math.inf, budget, nothing, nothing, nothing, nothing)
