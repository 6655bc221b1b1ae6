"""Disturbances of a settled run: how soon the objective is met again, and whether the quotas swing. `python -m tests.benchmarks.cpu.disturbances`.

Social-Network at the constant load; the disturbance begins after 40 minutes and the run ends 40 minutes later. Recovery is the first moment from
which three windows of 10 s have their 99 % quantile within the objective, less the same for a run whose quotas jump to the grants at the onset (at
most 120 s wanted). Oscillation: reversals of more than 5 % of the total quota in ten minutes, from five minutes after the onset (at most 2); those of
the ten minutes before the onset stand beside it, since a captain follows its container's load second by second. A cause that CPU cannot cure lasts
20 minutes; ten minutes after it cores are to be within 10 % of before. BURST=1: the class with the burst allowance. What has run is kept, as the
comparison's runs are. Beside them: a few requests a second, and routes with objectives of their own. build/bench/cpu-disturbances.json holds all.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flyball.cli.table import table
from flyball.sim.account import reversals
from flyball.sim.plant import Plant
from flyball.sim.policies import flyball
from flyball.sim.policy import Facts, Floats, Policy, Quotas, Samples, SlowObservation, Unlimited
from flyball.sim.result import Result
from flyball.sim.run import Settings, simulate
from tests.benchmarks.cpu.candidates import SETTLE_SECONDS, code, engine
from tests.benchmarks.cpu.cells import Cell, Load, cells, load
from tests.benchmarks.cpu.kept import OutOfTime, keep, place, read, sources

OUT = Path(__file__).resolve().parents[3] / "build" / "bench" / "cpu-disturbances.json"
CELL = "social-network/constant"
ONSET, AFTER = 2400, 2400
SEED = 1
WINDOW, WINDOWS = 10, 3
CURELESS_SECONDS = 1200
RECOVERY_MOST, REVERSALS_MOST, CORES_MOST = 120.0, 2, 0.10
HEAVY = "post-storage-service"
REPLICATED, FEWER, FEWER_SECONDS = "media-filter-service", 2, 600
"""A service that an HPA takes a replica from and gives it back ten minutes later."""
COLD_SPEED, COLD_SECONDS = 1.0 / 3.0, 120
"""Of that service's pods after a roll-out: caches and compiled code are not there yet (ours)."""
GAP_SECONDS = 600
RETRY_SECONDS = 1.0
ECHO_AFTER = 5 * 3600 + 1200
"""With the onset six hours: the bad minute leaves the hour's window 60 minutes after it."""
BAD_SECONDS, BAD_WORK = 60, 6.0
RATES = (0.1, 1.0, 5.0)
"""Requests per second that say too little about 1 % of an hour: 360 to 18,000."""


class Jump:
    """The product until the onset, every quota at its grant from then on: what no controller can beat."""

    tick_seconds = 1.0

    def __init__(self, inner: Policy) -> None:
        self._inner = inner
        self.name, self.slow_seconds = "jump", inner.slow_seconds

    def start(self, facts: Facts) -> Quotas | None:
        self._grant = facts.grant
        return self._inner.start(facts)

    def fast(self, samples: Samples) -> Quotas | None:
        made = self._inner.fast(samples)
        return Quotas(self._grant) if samples.now >= ONSET else made

    def slow(self, observation: SlowObservation) -> None:
        self._inner.slow(observation)


class Deaf:
    """A policy whose slow level reads nothing for a while: Prometheus is away."""

    def __init__(self, inner: Policy) -> None:
        self._inner = inner
        self.name, self.slow_seconds, self.tick_seconds = inner.name, inner.slow_seconds, inner.tick_seconds

    def start(self, facts: Facts) -> Quotas | None:
        return self._inner.start(facts)

    def fast(self, samples: Samples) -> Quotas | None:
        return self._inner.fast(samples)

    def slow(self, observation: SlowObservation) -> None:
        if ONSET <= observation.now < ONSET + GAP_SECONDS:
            nothing = np.full(len(observation.usage), np.nan)
            observation = replace(
                observation, good=np.nan, total=np.nan, requests_per_second=np.nan, p99_seconds=np.nan, age_seconds=np.inf,
                usage=nothing, quota=nothing, throttle_ratio=nothing,
            )  # fmt: skip
        self._inner.slow(observation)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Factors on the rates by second, and what happens to the plant."""

    name: str
    factor: Floats
    happens: Callable[[int, Plant], None]
    deaf: bool = False
    retry_seconds: float = 0.0


def disturbances(objective: float) -> list[Disturbance]:
    """All that are tried."""
    seconds = np.arange(ONSET + AFTER, dtype=np.float64)
    flat = np.ones(len(seconds))

    def ramp(length: float) -> Floats:
        return 1.0 + np.clip((seconds - ONSET) / length, 0.0, 1.0)

    def nothing(second: int, plant: Plant) -> None:
        return None

    def at_onset(change: Callable[[Plant], None]) -> Callable[[int, Plant], None]:
        return lambda second, plant: change(plant) if second == ONSET else None

    def elsewhere(second: int, plant: Plant) -> None:
        if second in (ONSET, ONSET + CURELESS_SECONDS):
            plant.set_delay("nginx-thrift", 2.0 * objective if second == ONSET else 0.0)

    def slower(speed: float) -> Callable[[Plant], None]:
        def change(plant: Plant) -> None:
            for number, name in enumerate(plant.names):
                if name.split("/")[0] == REPLICATED:
                    plant.set_container_speed(number, speed)

        return change

    def for_a_while(length: int, change: Callable[[Plant], None], back: Callable[[Plant], None]) -> Callable[[int, Plant], None]:
        def happens(second: int, plant: Plant) -> None:
            if second in (ONSET, ONSET + length):
                (change if second == ONSET else back)(plant)

        return happens

    def drift(second: int, plant: Plant) -> None:
        """Posts, the dearest requests, go from a fifth of the mix to two fifths in 20 minutes."""
        if ONSET <= second <= ONSET + 1200 and second % 60 == 0:
            posts = 0.2 + 0.2 * (second - ONSET) / 1200
            plant.set_mix(np.array([0.65, 0.15, 0.2]) * np.array([(1 - posts) / 0.8, (1 - posts) / 0.8, posts / 0.2]))

    fewer = for_a_while(FEWER_SECONDS, lambda plant: plant.set_replicas(REPLICATED, FEWER), lambda plant: plant.set_replicas(REPLICATED, 3))
    long = np.ones(ONSET + ECHO_AFTER)
    bad = for_a_while(BAD_SECONDS, lambda plant: plant.set_work(HEAVY, BAD_WORK), lambda plant: plant.set_work(HEAVY, 1.0))
    return [
        Disturbance("load doubled in 10 s", ramp(10.0), nothing),
        Disturbance("load doubled over 15 min", ramp(900.0), nothing),
        Disturbance("a release doubles one service's work", flat, at_onset(lambda plant: plant.set_work(HEAVY, 2.0))),
        Disturbance("a node loses a third of its speed", flat, at_onset(lambda plant: plant.set_speed("node-1", 2.0 / 3.0))),
        Disturbance("20 min of a cause elsewhere", flat, elsewhere),
        Disturbance("ten minutes without signals", flat, nothing, deaf=True),
        Disturbance("the mix drifts to dearer requests", flat, drift),
        Disturbance("an HPA takes one replica of three, and gives it back", flat, fewer),
        Disturbance("cold pods", flat, for_a_while(COLD_SECONDS, slower(COLD_SPEED), slower(1.0))),
        Disturbance("load doubled in 10 s, clients retry after 1 s", ramp(10.0), nothing, retry_seconds=RETRY_SECONDS),
        Disturbance("six hours with one bad minute", long, bad),
    ]


def recovery(result: Result) -> float:
    """Seconds from the onset to the first of three good windows in a row; infinite when there are none."""
    place = (result.arrival // WINDOW).astype(np.int64)
    latency = np.where(np.isnan(result.latency), np.inf, result.latency)
    good = 0
    for window in range(ONSET // WINDOW, (ONSET + AFTER) // WINDOW):
        values = latency[place == window]
        within = len(values) == 0 or float(np.mean(values > result.objective_seconds)) <= 0.01
        good = good + 1 if within else 0
        if good == WINDOWS:
            return float((window - WINDOWS + 1) * WINDOW - ONSET)
    return float("inf")


def measure(its: Disturbance, plant: Load, *, burst: bool) -> dict[str, Any]:
    """One disturbance under the product, and under the jump."""
    settings = Settings(burst=burst, keep_latency=True, keep_seconds=True, retry_after_seconds=its.retry_seconds)
    rates = np.resize(plant.rates, len(its.factor)) * its.factor
    policy: Policy = Deaf(flyball()) if its.deaf else flyball()
    ours, jump = (simulate(plant.application, rates, one, SEED, settings, disturb=its.happens) for one in (policy, Jump(flyball())))
    total = ours.seconds.quota.sum(axis=1)
    took, least = recovery(ours), recovery(jump)
    onset = ONSET // 60
    return {
        "disturbance": its.name,
        "class": "burst" if burst else "no-burst",
        "recovered": bool(np.isfinite(took)),
        "recovery_seconds": took - least if np.isfinite(took) and np.isfinite(least) else None,
        "reversals_before": reversals(total[ONSET - 600 : ONSET].tolist(), 0.05),
        "reversals": reversals(total[ONSET + 300 : ONSET + 900].tolist(), 0.05),
        "cores_before": float(total[ONSET - 300 : ONSET].mean()),
        "cores_later": float(total[ONSET + CURELESS_SECONDS + 600 :][:300].mean()),
        "echo_percent": echo(total),
        "slow_share_after_percent": 100.0 * float(ours.minutes.slow[onset:].sum() / max(1, ours.minutes.total[onset:].sum())),
        "slow_share_of_the_jump_percent": 100.0 * float(jump.minutes.slow[onset:].sum() / max(1, jump.minutes.total[onset:].sum())),
    }


def echo(total: Floats) -> float | None:
    """Change of the mean cores when the onset leaves the hour's window: ten minutes after against ten before, percent; None in shorter runs."""
    leaves = ONSET + 3600
    if len(total) < leaves + 900:
        return None
    return 100.0 * (float(total[leaves + 120 : leaves + 720].mean()) / float(total[leaves - 600 : leaves].mean()) - 1.0)


def sparse(rate: float, plant: Load, *, burst: bool) -> dict[str, Any]:
    """An hour and a half of a few requests: what is held of the grants at the end, and what the tower says."""
    policy = flyball()
    result = simulate(plant.application, np.full(ONSET + 3000, rate), policy, SEED, Settings(burst=burst))
    grant = sum(its.grant_cores * its.replicas for its in plant.application.services)
    assert policy.tower is not None and policy.tower.decision is not None
    return {
        "rate": rate,
        "class": "burst" if burst else "no-burst",
        "quota_of_grant": float(result.minutes.quota[-30:].mean()) / grant,
        "slow_share_percent": 100.0 * result.slow_share,
        "reason": policy.tower.decision.reason.value,
    }


def routed(plant: Load, *, burst: bool) -> dict[str, Any]:
    """Each request type held to an objective of its own, its unthrottled p99 times the application's slack, on the services that all share: slow
    share of each type after the settling, and what it costs beside one objective for all."""
    rates = np.resize(plant.rates, ONSET + AFTER)
    settings = Settings(burst=burst, keep_latency=True, warmup_seconds=SETTLE_SECONDS)
    application = plant.application
    bare = simulate(application, rates[:1800], Unlimited(), SEED + 1, settings)
    ended = np.isfinite(bare.latency)  # those under way at the end have none
    slack = application.objective_seconds / float(np.quantile(bare.latency[ended], 0.99))
    own = [slack * float(np.quantile(bare.latency[ended & (bare.kinds == kind)], 0.99)) for kind in range(len(application.request_types))]
    types = tuple(replace(its, objective_seconds=round(seconds, 3)) for its, seconds in zip(application.request_types, own, strict=True))
    one = simulate(application, rates, flyball(), SEED, settings)
    several = simulate(replace(application, request_types=types), rates, flyball(), SEED, settings)
    scored = several.arrival >= SETTLE_SECONDS
    late = np.where(np.isnan(several.latency), np.inf, several.latency) > np.array([its.objective_seconds for its in types])[several.kinds]
    shares = {its.name: 100.0 * float(np.mean(late[scored & (several.kinds == kind)])) for kind, its in enumerate(types)}
    return {
        "class": "burst" if burst else "no-burst",
        "routes": ", ".join(f"{its.name} {1000 * its.objective_seconds:.0f} ms" for its in types),
        "slow_percent": ", ".join(f"{name} {share:.2f}" for name, share in shares.items()),
        "worst_route_slow_percent": max(shares.values()),
        "cores": several.cores,
        "cores_at_one_objective": one.cores,
    }


def kept(name: str, plant: Load, make: Callable[[], dict[str, Any]], *, burst: bool) -> dict[str, Any]:
    """A row, run or found."""
    path = place("disturbance", [name, burst, plant.key, engine(), code("flyball"), sources([Path(__file__)])])
    found: Any = read(path)
    if found is None:
        found = make()
        keep(path, found)
        print(f"{name}: {found}", flush=True)
    row: dict[str, Any] = found
    return row


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def main() -> int:
    cell: Cell = next(cell for cell in cells(holdout=False) if cell.name == CELL)
    plant = load(cell, ONSET + AFTER)
    burst = os.environ.get("BURST") == "1"
    every = disturbances(plant.application.objective_seconds)
    try:
        rows = [kept(its.name, plant, lambda its=its: measure(its, plant, burst=burst), burst=burst) for its in every]
        few = [kept(f"{rate:g} requests/s", plant, lambda rate=rate: sparse(rate, plant, burst=burst), burst=burst) for rate in RATES]
        routes = [kept("routes with objectives of their own", plant, lambda: routed(plant, burst=burst), burst=burst)]
    except OutOfTime:
        print("Not finished: the time that was given is over. What has been run is kept; the same command goes on.")
        return 75
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"disturbances": rows, "sparse": few, "routes": routes}, indent=1, allow_nan=False) + "\n")
    for group in (rows, few, routes):
        print(table(tuple(name.replace("_", " ") for name in group[0]), [tuple(map(_cell, row.values())) for row in group]))
    print(f"wanted: recovery <= {RECOVERY_MOST:.0f} s, reversals <= {REVERSALS_MOST}; after a cause elsewhere cores within {100 * CORES_MOST:.0f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
