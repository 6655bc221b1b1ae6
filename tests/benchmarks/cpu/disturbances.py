"""Disturbances of a settled run: how soon the objective is met again, and whether the quotas swing. `python -m tests.benchmarks.cpu.disturbances`.

Social-Network at the constant load; the disturbance begins after 40 minutes and the run ends 40 minutes later. Recovery is the first moment from
which three windows of 10 s have their 99 % quantile within the objective, less the same for a run whose quotas jump to the grants at the onset (at
most 120 s wanted). Oscillation: reversals of more than 5 % of the total quota in ten minutes, from five minutes after the onset (at most 2). A cause
that CPU cannot cure lasts 20 minutes; ten minutes after it cores are to be within 10 % of before. build/bench/cpu-disturbances.json holds the rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flyball.cli.table import table
from flyball.sim.account import reversals
from flyball.sim.plant import Plant
from flyball.sim.policies import flyball
from flyball.sim.policy import Facts, Floats, Policy, Quotas, Samples, SlowObservation
from flyball.sim.result import Result
from flyball.sim.run import Settings, simulate
from tests.benchmarks.cpu.cells import Cell, Load, cells, load

OUT = Path(__file__).resolve().parents[3] / "build" / "bench" / "cpu-disturbances.json"
CELL = "social-network/constant"
ONSET, AFTER = 2400, 2400
SEED = 1
WINDOW, WINDOWS = 10, 3
CURELESS_SECONDS = 1200
RECOVERY_MOST, REVERSALS_MOST, CORES_MOST = 120.0, 2, 0.10
HEAVY = "post-storage-service"


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


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Factors on the rates by second, and what happens to the plant."""

    name: str
    factor: Floats
    happens: Callable[[int, Plant], None]


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

    return [
        Disturbance("load doubled in 10 s", ramp(10.0), nothing),
        Disturbance("load doubled over 15 min", ramp(900.0), nothing),
        Disturbance("a release doubles one service's work", flat, at_onset(lambda plant: plant.set_work(HEAVY, 2.0))),
        Disturbance("a node loses a third of its speed", flat, at_onset(lambda plant: plant.set_speed("node-1", 2.0 / 3.0))),
        Disturbance("20 min of a cause elsewhere", flat, elsewhere),
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


def measure(its: Disturbance, plant: Load, *, burst: bool) -> dict[str, object]:
    """One disturbance under the product, and under the jump."""
    settings = Settings(burst=burst, keep_latency=True, keep_seconds=True)
    ours, jump = (
        simulate(plant.application, plant.rates * its.factor, policy, SEED, settings, disturb=its.happens) for policy in (flyball(), Jump(flyball()))
    )
    total = ours.seconds.quota.sum(axis=1)
    before = float(total[ONSET - 300 : ONSET].mean())
    later = float(total[ONSET + CURELESS_SECONDS + 600 :][:300].mean())
    return {
        "disturbance": its.name,
        "class": "burst" if burst else "no-burst",
        "recovery_seconds": recovery(ours) - recovery(jump) if np.isfinite(recovery(ours)) and np.isfinite(recovery(jump)) else None,
        "reversals": reversals(total[ONSET + 300 : ONSET + 900].tolist(), 0.05),
        "cores_before": before,
        "cores_later": later,
        "slow_share_after_percent": 100.0 * float(ours.minutes.slow[ONSET // 60 :].sum() / max(1, ours.minutes.total[ONSET // 60 :].sum())),
    }


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)


def main() -> None:
    cell: Cell = next(cell for cell in cells(holdout=False) if cell.name == CELL)
    plant = load(cell, ONSET + AFTER)
    rows = [measure(its, plant, burst=burst) for burst in (False, True) for its in disturbances(plant.application.objective_seconds)]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n")
    header = ("disturbance", "class", "recovery s", "reversals", "cores before", "cores later", "slow % after")
    print(
        table(
            header,
            [tuple("-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()) for row in rows],
        )
    )
    print(f"wanted: recovery <= {RECOVERY_MOST:.0f} s, reversals <= {REVERSALS_MOST}; after a cause elsewhere cores within {100 * CORES_MOST:.0f} %")


if __name__ == "__main__":
    main()
