"""Slack of the applications: objective over the 99 % quantile without quotas. `python -m tests.benchmarks.cpu.slack [minutes]`.

2.0 to 3.0 is wanted, so that there is something to save and something to lose. Run before the first controller; frozen after that.
"""

from __future__ import annotations

import sys

import numpy as np

from flyball.cli.table import table
from flyball.sim.policy import Unlimited
from flyball.sim.run import Settings, simulate
from tests.benchmarks.cpu.cells import PUBLISHED, RANDOM_APPLICATIONS, Cell, bare, rates

SEED = 0
WANTED = (2.0, 3.0)


def measure(name: str, seconds: int) -> tuple[float, float, float, float]:
    """Objective and 99 % quantile in seconds, their ratio, and cores used; at the constant load."""
    application = bare(name)
    load = rates(Cell(name, name, "constant", False, 1.0), seconds)
    result = simulate(application, load, Unlimited(), SEED, Settings(keep_latency=True))
    p99 = float(np.nanquantile(result.latency, 0.99))
    return application.objective_seconds, p99, application.objective_seconds / p99, result.cores_used


def main() -> int:
    seconds = 60 * int(sys.argv[1]) if len(sys.argv) > 1 else 300
    names = [*PUBLISHED, *(f"random-{seed:02d}" for seed in range(RANDOM_APPLICATIONS))]
    rows = {name: measure(name, seconds) for name in names}
    cells = [
        (name, f"{1000 * objective:.0f}", f"{1000 * p99:.0f}", f"{slack:.2f}", f"{used:.1f}") for name, (objective, p99, slack, used) in rows.items()
    ]
    print(table(("application", "objective ms", "p99 ms", "slack", "cores used"), cells))
    off = [name for name, row in rows.items() if not WANTED[0] <= row[2] <= WANTED[1]]
    print(f"outside {WANTED[0]} to {WANTED[1]}: {', '.join(off) or 'none'}")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
