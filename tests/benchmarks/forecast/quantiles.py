"""Section quantiles: the engine's 95 % bound at 15 and 60 minutes, rolled each minute, beside the reference's rules on the same point forecasts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast import metrics, rules
from tests.benchmarks.forecast.accuracy import ENGINE
from tests.benchmarks.forecast.cache import cached, source_of
from tests.benchmarks.forecast.data import MINUTES_A_DAY, Series, fill
from tests.benchmarks.forecast.enginerun import Run, run_engine
from tests.benchmarks.forecast.methods.base import logged, unlogged
from tests.benchmarks.forecast.origins import asked, steps_of

Array = NDArray[np.float64]
MINUTES = (15, 60)
SIX_HOURS = 6 * 3600


def bounds(series: Series, run: Run, minutes: int) -> dict[str, Array]:
    """By origin: the bound of the engine and of each rule, in the series' own unit."""
    steps = steps_of(minutes, series.step_seconds)
    assert steps is not None
    point = run.point[:, asked(series.step_seconds).index(steps)].astype(np.float64)
    values = fill(series.values)
    # One scale for the logarithm, from the history before the first origin alone.
    _, size = logged(values[: series.warmup])
    z = np.log1p(np.maximum(point, 0.0) / size)
    errors = np.full(len(z), np.nan)
    errors[:-steps] = np.log1p(values[steps:] / size) - z[:-steps]
    day = MINUTES_A_DAY * 60 // series.step_seconds
    key = ["rules", minutes, series.step_seconds, errors, source_of(rules.__name__)]
    margins = cached("rules", key, lambda: {name: rule(errors, steps, day) for name, rule in rules.RULES.items()})
    found = {name: unlogged(z + margin, size) for name, margin in margins.items()}
    found[ENGINE] = run.bound[:, run.bound_steps.index(steps)].astype(np.float64)
    found["point"] = point
    return found


def score(series: Series, minutes: int, bound: Array, point: Array) -> dict[str, float]:
    steps = minutes * 60 // series.step_seconds
    at = np.arange(series.warmup, len(series.values) - steps)
    actual = series.values[at + steps]
    known = np.isfinite(actual) & np.isfinite(bound[at])
    at, actual = at[known], actual[known]
    mean = float(actual.mean())
    return {
        "coverage": metrics.coverage(bound[at], actual),
        "margin": float((bound[at] - point[at]).mean()) / mean,
        "worst_6h_miss": metrics.worst_window_miss(actual > bound[at], SIX_HOURS // series.step_seconds),
        "pinball": metrics.pinball(bound[at], actual, rules.LEVEL) / mean,
        "origins": float(len(at)),
    }


def section(series: Sequence[Series]) -> tuple[list[dict[str, Any]], dict[str, float]]:
    by_step: dict[int, list[Series]] = {}
    for one in series:
        by_step.setdefault(one.step_seconds, []).append(one)
    runs = [(one, run) for group in by_step.values() for one, run in zip(group, run_engine(group), strict=True)]
    rows: list[dict[str, Any]] = []
    summary: dict[str, float] = {}
    covered: list[tuple[float, float]] = []
    for minutes in MINUTES:
        scores: dict[str, dict[str, dict[str, float]]] = {}
        for one, run in runs:
            print(f"quantiles: {one.name} at {minutes} min", file=sys.stderr, flush=True)
            found = bounds(one, run, minutes)
            for name in (*rules.RULES, ENGINE):
                scores.setdefault(name, {})[one.name] = score(one, minutes, found[name], found["point"])
        for name, each in scores.items():
            rows.append({"section": "quantiles", "method": name, "minutes": minutes, "series": each, **_together(list(each.values()))})
        ours = rows[-1]
        covered += [(one["coverage"], one["origins"]) for one in ours["series"].values()]
        summary[f"worst_6h_miss_{minutes}"] = ours["worst_6h_miss"]
        summary[f"pinball_vs_best_rule_{minutes}"] = ours["pinball"] / min(
            line["pinball"] for line in rows if line["minutes"] == minutes and line is not ours
        )
        scaled = next(line for line in rows if line["minutes"] == minutes and line["method"] == rules.SCALED)
        summary[f"margin_vs_scaled_rolling_{minutes}"] = ours["margin"] / scaled["margin"]
    summary["coverage95_overall"] = float(np.average([one for one, _ in covered], weights=[count for _, count in covered]))
    summary["coverage95_worst_series"] = min(one for one, _ in covered)
    return rows, summary


def _together(each: list[dict[str, float]]) -> dict[str, float]:
    """Coverage over all origins and of the worst series; medians of margin and worst window; mean pinball, all series alike."""
    weights = [one["origins"] for one in each]
    return {
        "coverage": float(np.average([one["coverage"] for one in each], weights=weights)),
        "coverage_worst": min(one["coverage"] for one in each),
        "margin": float(np.median([one["margin"] for one in each])),
        "worst_6h_miss": float(np.median([one["worst_6h_miss"] for one in each])),
        "pinball": float(np.mean([one["pinball"] for one in each])),
    }
