"""The comparison in figures: rows in, the summary's keys out. A saving is of mean cores over seeds, ours against theirs, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.cpu.cells import variants
from tests.benchmarks.cpu.plan import ONE_TARGET, PER_CELL, THRESHOLDS, UNTUNED, Row
from tests.benchmarks.cpu.runs import Score

CellKey = tuple[str, str]
BOOTSTRAPS = 10_000
BOOTSTRAP_SEED = 5
OURS = "flyball"
OURS_BY_MINUTES = "flyball-every-minute"
"""Ours under an objective over minutes, for M."""
COMPARED = frozenset(cell.variant for cell in variants() if cell.contention or cell.slack)
"""Changes for which the baselines are tuned as well."""
WORST_MINUTE = 3.0
"""No minute's p99 above this many times the objective on undisturbed cells."""


def summary(rows: Sequence[Row], long_run_hours_over: float | None = None) -> dict[str, float | None]:
    """All keys; those of what was not run are None. Cells with something changed (`variant`) count in the keys that name the change alone."""
    varied = _varied([row for row in rows if row.variant])
    rows = [row for row in rows if not row.variant]
    per_cell = best(rows, PER_CELL, burst=False)
    one = one_target(rows, burst=False)
    ours, ours_burst = mean_cores(rows, OURS, burst=False), mean_cores(rows, OURS, burst=True)
    against_cell = savings(ours, per_cell)
    against_one = savings(ours, one)
    product = [row for row in rows if row.policy == OURS]
    used = _by_cell(rows, OURS, lambda score: score.cores_used, burst=False)
    autothrottle = mean_cores(rows, "autothrottle", burst=False)
    by_minutes = mean_cores(rows, OURS_BY_MINUTES, burst=False)
    at_m = {cell: cores for cell, cores in by_minutes.items() if _meets_m(rows, cell)}
    compared = [row for row in rows if not row.burst and (row.application, row.trace) in autothrottle]
    random = {cell: value for cell, value in against_cell.items() if cell[0].startswith("random-")}
    named = [value for cell, value in against_cell.items() if cell not in random]
    from_zero = [
        row.score.cores_from_zero / row.score.cores_warmed for row in product if not row.trace.startswith("worldcup")
    ]  # which does not repeat
    return {
        "objective_met_share": _mean([row.score.meets("H") for row in product]),
        "objective_m_met_share": _mean([row.score.meets("M") for row in rows if row.policy == OURS_BY_MINUTES]),
        "saving_vs_tuned_per_cell_mean_percent": _mean(against_cell.values()),
        "saving_vs_tuned_per_cell_min_percent": min(against_cell.values(), default=None),
        "named_apps_saving_vs_tuned_per_cell_mean_percent": _mean(named),
        "saving_vs_one_target_mean_percent": _mean(against_one.values()),
        "saving_with_burst_vs_one_target_mean_percent": _mean(savings(ours_burst, one).values()),
        "class_burst_saving_vs_one_target_mean_percent": _mean(savings(ours_burst, one_target(rows, burst=True)).values()),
        "class_burst_saving_vs_tuned_per_cell_mean_percent": _mean(savings(ours_burst, best(rows, PER_CELL, burst=True)).values()),
        "cores_ratio_vs_autothrottle_h": _ratio(ours, autothrottle),
        "cores_ratio_vs_autothrottle_m": _ratio(at_m, autothrottle),
        "cores_ratio_vs_autothrottle_m_all_cells": _ratio(by_minutes, autothrottle),
        "minutes_over_m_all_cells": _minutes_over(compared, OURS_BY_MINUTES),
        "minutes_over_autothrottle_all_cells": _minutes_over(compared, "autothrottle"),
        "use_saving_vs_one_target_mean_percent": _mean(savings(used, one).values()),
        "cores_ratio_vs_oracle_pair": _mean(its.ratio for its in beside(rows, "paper-pair", burst=False).values()),
        "cores_ratio_vs_oracle_pair_ours": _mean(its.ratio for its in beside(rows, "our-pair", burst=False).values()),
        "first_hour_met_share": _mean([row.score.first_hour <= 0.01 for row in product]),
        "from_zero_cores_ratio": _mean(from_zero),
        "from_zero_runs": float(sum(map(math.isfinite, from_zero))),
        "long_run_hours_over_percent": long_run_hours_over,
        "worst_minute_within_3_share": _mean([row.score.worst_minute_ratio <= WORST_MINUTE for row in product]),
        "random_apps_saving_ci90_low_percent": bootstrap(random)[0] if random else None,
        **varied,
    }


def _varied(rows: Sequence[Row]) -> dict[str, float | None]:
    """For each change: what ours saves against the cheaper baseline tuned to it, and whether ours keeps its objective."""
    figures: dict[str, float | None] = {}
    for name in dict.fromkeys(row.variant for row in rows):
        its = [row for row in rows if row.variant == name]
        ours = [row for row in its if row.policy == OURS]
        key = name.replace(" % ", "_percent_").replace(" ", "_").replace(".", "_")
        figures[f"{key}_met_share"] = _mean([row.score.meets("H") for row in ours])
        if name in COMPARED:
            burst = its[0].burst
            saved = savings(mean_cores(its, OURS, burst=burst), best(its, PER_CELL, burst=burst))
            figures[f"{key}_saving_vs_tuned_per_cell_mean_percent"] = _mean(saved.values())
    return figures


def mean_cores(rows: Iterable[Row], policy: str, *, burst: bool, tuning: str | None = None) -> dict[CellKey, float]:
    """Mean over seeds of a policy's cores by cell, under objective H. Cells with a run that was given up are left out."""
    return _by_cell(rows, policy, lambda score: score.cores, burst=burst, tuning=tuning)


def _by_cell(rows: Iterable[Row], policy: str, figure: Callable[[Score], float], *, burst: bool, tuning: str | None = None) -> dict[CellKey, float]:
    found: dict[CellKey, list[float]] = {}
    for row in rows:
        if row.policy == policy and row.burst == burst and row.objective == "H" and tuning in (None, row.tuning):
            found.setdefault((row.application, row.trace), []).append(figure(row.score))
    return {cell: float(np.mean(values)) for cell, values in found.items() if all(map(math.isfinite, values))}


def _minutes_over(rows: Iterable[Row], policy: str) -> float | None:
    """Of all its runs together."""
    its = [row.score.minutes_over for row in rows if row.policy == policy]
    return float(sum(its)) if its else None


def best(rows: Iterable[Row], tuning: str, *, burst: bool) -> dict[CellKey, float]:
    """Cores of the cheaper of the two Kubernetes baselines, cell by cell."""
    rows = list(rows)
    return _cheapest([mean_cores(rows, kind, burst=burst, tuning=tuning) for kind in THRESHOLDS])


def one_target(rows: Iterable[Row], *, burst: bool) -> dict[CellKey, float]:
    """Cores of the baseline at one safe target: for each application the kind that is cheaper over all its cells, as one could choose but once.
    Cells held out have a choice of their own, so that the others' does not know of them."""
    rows = list(rows)
    result: dict[CellKey, float] = {}
    for application, holdout in {(row.application, row.holdout) for row in rows}:
        mine = [row for row in rows if (row.application, row.holdout) == (application, holdout)]
        kinds = [mean_cores(mine, kind, burst=burst, tuning=ONE_TARGET) for kind in THRESHOLDS]
        whole = [cores for cores in kinds if cores]
        if whole:
            result |= min(whole, key=lambda cores: sum(cores.values()) / len(cores))
    return result


def savings(ours: Mapping[CellKey, float], theirs: Mapping[CellKey, float]) -> dict[CellKey, float]:
    """Percent by cell, where both are known."""
    return {cell: 100.0 * (1.0 - ours[cell] / theirs[cell]) for cell in ours if cell in theirs}


def bootstrap(values: Mapping[CellKey, float], confidence: float = 0.9) -> tuple[float, float]:
    """Interval of the mean over applications, drawn with replacement; an application's traces stay together."""
    by_application: dict[str, list[float]] = {}
    for (application, _), value in values.items():
        by_application.setdefault(application, []).append(value)
    means = np.array([np.mean(its) for its in by_application.values()])
    draws = np.random.default_rng(BOOTSTRAP_SEED).choice(means, (BOOTSTRAPS, len(means))).mean(axis=1)
    low, high = np.quantile(draws, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)


def _cheapest(kinds: Sequence[Mapping[CellKey, float]]) -> dict[CellKey, float]:
    cells = {cell for cores in kinds for cell in cores}
    return {cell: min(cores[cell] for cores in kinds if cell in cores) for cell in sorted(cells)}


def _meets_m(rows: Iterable[Row], cell: CellKey) -> bool:
    """Whether ours met M on all seeds of a cell, with no more minutes over than Autothrottle had."""
    here = [row for row in rows if (row.application, row.trace) == cell and not row.burst and row.tuning == UNTUNED]
    theirs = [row.score.minutes_over for row in here if row.policy == "autothrottle"]
    ours = [row.score for row in here if row.policy == OURS_BY_MINUTES]
    return all(score.meets("M") for score in ours) and sum(score.minutes_over for score in ours) <= sum(theirs)


def _ratio(ours: Mapping[CellKey, float], theirs: Mapping[CellKey, float]) -> float | None:
    return _mean([ours[cell] / theirs[cell] for cell in ours if cell in theirs])


@dataclass(frozen=True, slots=True)
class Beside:
    """Mean cores of ours and of a peer on one cell, on the seeds that the peer was run on."""

    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


def beside(rows: Sequence[Row], policy: str, *, burst: bool, met: bool = False) -> dict[CellKey, Beside]:
    """By cell, where both are known; a peer may have been run on fewer seeds than ours. `met`: only its runs that met the objective."""
    theirs = [row for row in rows if row.policy == policy and row.burst == burst and (row.met or not met)]
    seeds = {(row.application, row.trace, row.seed) for row in theirs}
    ours = mean_cores([row for row in rows if (row.application, row.trace, row.seed) in seeds], OURS, burst=burst)
    return {cell: Beside(ours[cell], cores) for cell, cores in mean_cores(theirs, policy, burst=burst).items() if cell in ours}


def _mean(values: Iterable[float]) -> float | None:
    known = [float(value) for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else None
