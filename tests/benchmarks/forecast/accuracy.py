"""Section accuracy: absolute errors at 1, 5, 15 and 60 minutes of the engine and of every peer, on the same origins, against the last value."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast import metrics
from tests.benchmarks.forecast.cache import cached, identity, source_of
from tests.benchmarks.forecast.data import MINUTES_A_DAY, Series, fill
from tests.benchmarks.forecast.enginerun import run_engine
from tests.benchmarks.forecast.methods import all_methods, base
from tests.benchmarks.forecast.methods.base import Method
from tests.benchmarks.forecast.origins import HORIZONS, SCALED, asked, origins, steps_of

Array = NDArray[np.float64]
ENGINE = "Flyball"
HEADLINE = (15, 60)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Of one method on one series."""

    at: NDArray[np.int64]
    values: Array
    """(origins, asked steps)."""


def predict(method: Method, series: Series, at: NDArray[np.int64]) -> Array:
    """Forecasts at the origins; the method is given a copy of what lies before and at each, and nothing else."""
    known = fill(series.values)
    steps = asked(series.step_seconds)
    begun, told = time.monotonic(), time.monotonic()
    made = np.empty((len(at), len(steps)))
    for row, origin in enumerate(at):
        made[row] = method.forecast(known[: origin + 1].copy(), series.step_seconds, steps)
        if time.monotonic() - told > 20.0:
            told = time.monotonic()
            left = (told - begun) / (row + 1) * (len(at) - row - 1)
            print(f"  {method.name} on {series.name}: {row + 1} of {len(at)} origins, {left:.0f} s left", file=sys.stderr, flush=True)
    return made


def peer(method: Method, series: Series, thin: int = 1) -> Forecasts:
    at = origins(series, method.thin * thin)
    key = ["accuracy", method.name, identity(series), at, source_of(method.module, base.__name__)]
    return Forecasts(at, cached("peer", key, lambda: {"values": predict(method, series, at)})["values"])


def engine(series: Sequence[Series], thin: int = 1) -> list[Forecasts]:
    runs = run_engine(series)
    found = []
    for one, run in zip(series, runs, strict=True):
        at = origins(one, thin)
        found.append(Forecasts(at, run.point[at]))
    return found


def errors(series: Series, made: Forecasts, minutes: int) -> tuple[Array, Array, NDArray[np.int64]]:
    """Absolute errors of the method and of the last value, where both are known, and their origins."""
    steps = steps_of(minutes, series.step_seconds)
    assert steps is not None
    column = asked(series.step_seconds).index(steps)
    actual = series.values[made.at + steps]
    mine, last = np.abs(made.values[:, column] - actual), np.abs(series.values[made.at] - actual)
    known = np.isfinite(mine) & np.isfinite(last)
    return mine[known], last[known], made.at[known]


def mase(series: Series, made: Forecasts, minutes: int) -> float:
    wanted = {minute * 60 // series.step_seconds for minute in SCALED[minutes] if minute * 60 % series.step_seconds == 0}
    places = [column for column, steps in enumerate(asked(series.step_seconds)) if steps in wanted]
    steps = np.array(asked(series.step_seconds))[places]
    actual = series.values[made.at[:, None] + steps[None]]
    day = MINUTES_A_DAY * 60 // series.step_seconds
    scale = metrics.daily_difference(series.values, made.at, day, metrics.MASE_WINDOW * 60 // series.step_seconds)
    return metrics.mase(np.abs(made.values[:, places] - actual), scale)


def row(name: str, note: str, series: Sequence[Series], made: Sequence[Forecasts]) -> dict[str, Any]:
    """One line of the table, with each series' own ratios in it."""
    line: dict[str, Any] = {"section": "accuracy", "method": name, "note": note, "origins": int(sum(len(one.at) for one in made)), "series": {}}
    for minutes in HORIZONS:
        ratios = {}
        for one, forecasts in zip(series, made, strict=True):
            if steps_of(minutes, one.step_seconds) is not None and minutes * 60 >= one.step_seconds and not (minutes == 1 and one.step_seconds > 60):
                mine, last, _ = errors(one, forecasts, minutes)
                ratios[one.name] = float(mine.sum() / last.sum())
        line["series"][str(minutes)] = ratios
        line[f"ratio_{minutes}"] = metrics.geometric_mean(np.array(list(ratios.values())))
    for minutes in SCALED:
        line[f"mase_{minutes}"] = float(np.mean([mase(one, forecasts, minutes) for one, forecasts in zip(series, made, strict=True)]))
    return line


def against(series: Sequence[Series], ours: Sequence[Forecasts], theirs: Sequence[Forecasts], minutes: int) -> Array:
    """Per series: our summed error over theirs, on the origins that both were asked at."""
    found = []
    for one, mine, other in zip(series, ours, theirs, strict=True):
        left, _, left_at = errors(one, mine, minutes)
        right, _, right_at = errors(one, other, minutes)
        _, here, there = np.intersect1d(left_at, right_at, return_indices=True)
        found.append(left[here].sum() / right[there].sum())
    return np.array(found)


def section(series: Sequence[Series], quick: bool, with_engine: bool = True) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Rows of the table, best at 60 minutes first, and the summary's keys."""
    thin = 8 if quick else 1
    by_step: dict[int, list[Series]] = {}
    for one in series:
        by_step.setdefault(one.step_seconds, []).append(one)
    ordered = [one for group in by_step.values() for one in group]
    peers = {}
    for method in all_methods(quick):
        print(f"accuracy: {method.name}", file=sys.stderr, flush=True)
        peers[method.name] = (method, [peer(method, one, thin) for one in ordered])
    rows = [row(name, _noted(method), ordered, made) for name, (method, made) in peers.items()]
    summary: dict[str, float] = {}
    if with_engine:
        ours = [made for group in by_step.values() for made in engine(group, thin)]
        rows.append(row(ENGINE, "one engine over all series, one pass", ordered, ours))
        for minutes in HEADLINE:
            ratios = {name: against(ordered, ours, made, minutes) for name, (_, made) in peers.items()}
            best = max(ratios, key=lambda name: metrics.geometric_mean(ratios[name]))
            summary[f"error_ratio_vs_best_peer_{minutes}"] = metrics.geometric_mean(ratios[best])
            summary[f"error_ratio_vs_best_peer_{minutes}_upper90"] = metrics.bootstrap(ratios[best])[1]
            rows[-1][f"best_peer_{minutes}"] = best
            rows[-1][f"against_peers_{minutes}"] = {name: metrics.geometric_mean(values) for name, values in ratios.items()}
    return sorted(rows, key=lambda line: float(line["ratio_60"])), summary


def _noted(method: Method) -> str:
    each = "" if method.thin == 1 else f"1 of {method.thin} origins"
    return ", ".join(part for part in (method.note, each) if part)
