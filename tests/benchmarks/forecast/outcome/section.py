"""Section outcome: every policy on every trace, size and start-up time; each sweeps its headroom at its other knobs' best."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.replicas.misses import MEDIAN
from tests.benchmarks.forecast.cache import cached, source_of
from tests.benchmarks.forecast.outcome import bound, cells, ours, product
from tests.benchmarks.forecast.outcome.cells import Cell, Curve, Curves
from tests.benchmarks.forecast.outcome.load import SIZES, STEP_SECONDS, Load, loads, traces
from tests.benchmarks.forecast.outcome.policies import Variant, peers
from tests.benchmarks.forecast.outcome.simulate import follow, oracle, score

Array = NDArray[np.float64]
STARTUPS = (30, 120, 300)
KNOBS = np.geomspace(0.8, 4.0, 18)
"""Headroom. At 4 replicas are a quarter full: a policy that still misses 0.2 % then does not reach it."""
PLAIN_DOWNS = (300, 900)
"""Seconds of stabilisation of the plain rule beside 60: those that HPA has in this comparison."""
PACKAGE = "tests.benchmarks.forecast.outcome"
PEER_SOURCES = (
    f"{PACKAGE}.load",
    f"{PACKAGE}.simulate",
    f"{PACKAGE}.policies",
    "tests.benchmarks.forecast.methods.crane_dsp",
    "tests.benchmarks.forecast.methods.phpa",
)


def halves(load: Load) -> list[tuple[int, int]]:
    """Steps of all that counts, of its first and of its second half."""
    middle = load.begin + (len(load.demand) - load.begin) // 2
    return [(load.begin, len(load.demand)), (load.begin, middle), (middle, len(load.demand))]


def measured(total: NDArray[np.float32], load: Load, startup: int) -> Curve:
    parts = [score(total, load.demand, startup, begin, end) for begin, end in halves(load)]
    return Curve(*(np.array([getattr(part, name) for part in parts]) for name in ("replica_hours", "under", "unserved")))


def simulated(variant: Variant, of_trace: list[Load], extra: str = "") -> dict[Cell, Curve]:
    """A variant on all sizes of one trace at all start-ups."""

    def make() -> dict[str, Array]:
        steps = [seconds // STEP_SECONDS for seconds in STARTUPS]
        base = np.stack([variant.wish(load, startup) for load in of_trace for startup in steps], axis=1)
        total = follow(base, KNOBS, variant.tolerance, variant.down_seconds // STEP_SECONDS)
        made: dict[str, Array] = {}
        for column, (load, startup) in enumerate((load, startup) for load in of_trace for startup in steps):
            curve = measured(total[:, column], load, startup)
            made[str(column)] = np.stack([curve.replica_hours, curve.under, curve.unserved])
        return made

    key = [variant.policy, variant.label, variant.tolerance, variant.down_seconds, KNOBS, STARTUPS, extra, source_of(*PEER_SOURCES)]
    found = cached("outcome", [*key, *(load.demand for load in of_trace), *(load.seen for load in of_trace)], make)
    columns = [(load, seconds) for load in of_trace for seconds in STARTUPS]
    return {(load.name, load.size, seconds): Curve(*found[str(column)]) for column, (load, seconds) in enumerate(columns)}


def section(
    holdout: bool, quick: bool, with_engine: bool = True, chosen: dict[str, str] | None = None
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """`chosen`: variants fixed elsewhere (on the tuning traces); found here when not given."""
    by_trace = [loads(series, SIZES[1:2] if quick else SIZES) for series in traces(holdout, quick)]
    best: dict[Cell, Array] = {}
    for load in (load for of_trace in by_trace for load in of_trace):
        for seconds in STARTUPS:
            total = oracle(load.demand, seconds // STEP_SECONDS).astype(np.float32)[:, None]
            best[load.name, load.size, seconds] = measured(total, load, seconds // STEP_SECONDS).replica_hours[:, 0]
    curves: Curves = {}

    def add(variant: Variant, extra: str = "") -> None:
        if chosen is not None and chosen.get(variant.policy) != variant.label:
            return
        print(f"outcome: {variant.policy}, {variant.label}", file=sys.stderr, flush=True)
        for of_trace in by_trace:
            curves.setdefault((variant.policy, variant.label), {}).update(simulated(variant, of_trace, extra))

    for variant in peers():
        add(variant)
    add(bound.VARIANT, source_of(bound.__name__))
    if with_engine:
        version = source_of("flyball.forecast", f"{PACKAGE}.ours", "tests.benchmarks.forecast.enginerun")
        made = ours.forecasts([load for of_trace in by_trace for load in of_trace])
        plain = Variant(ours.PLAIN, "", ours.plain(made, MEDIAN), 0.0)
        longer = [replace(plain, label=f"quantile {MEDIAN:g}, tolerance 0, down {down} s", down_seconds=down) for down in PLAIN_DOWNS]
        for variant in [*ours.variants(made), *longer]:
            add(variant, version)
        parts = {(load.name, load.size): halves(load) for of_trace in by_trace for load in of_trace}
        print("outcome: the planner", file=sys.stderr, flush=True)
        every = [load for of_trace in by_trace for load in of_trace]
        for label, of_cells in product.curves(every, made, STARTUPS, parts, KNOBS, version, chosen and chosen.get(product.NAME)):
            curves[product.NAME, label] = of_cells
    labels = chosen or cells.best_variants(curves, best)
    shown = {policy: curves[policy, label] for policy, label in labels.items() if (policy, label) in curves}
    rivals = {policy: each for policy, each in shown.items() if policy not in (ours.PLAIN, product.NAME, bound.NAME)}
    rows = cells.rows(shown, labels, best)
    mine = shown.get(product.NAME, shown.get(ours.PLAIN))
    summary = cells.summary(mine, rivals, best, shown.get(bound.NAME)) if mine is not None else {}
    pictured = [cell for cell in best if cell[1] == 20 and cell[2] in cells.HEADLINE_STARTUPS]
    return rows + cells.plotted(shown, best, pictured), summary
