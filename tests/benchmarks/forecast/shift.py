"""Section shift: a load that jumps, drops, spikes or ramps at a known minute; errors of the next minutes' forecasts against the last value.

Copies of the tuning series are cut so that a week of history lies before the change and the change sets in at minute 0. All copies run in one
engine. What the detector costs is measured on the unchanged series: the engine of the section accuracy, and the same with the detector off.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.forecast import Settings
from tests.benchmarks.forecast import metrics
from tests.benchmarks.forecast.accuracy import ENGINE, predict
from tests.benchmarks.forecast.cache import cached, identity, source_of
from tests.benchmarks.forecast.data import Series, fill
from tests.benchmarks.forecast.enginerun import run_engine
from tests.benchmarks.forecast.methods import ses, theta
from tests.benchmarks.forecast.methods.base import Method
from tests.benchmarks.forecast.origins import asked, origins

Array = NDArray[np.float64]
AFTER = 140
"""Minutes kept after the change: the last origin of interest and the furthest horizon."""
PLACES = 4
SPIKE_MINUTES = 5
RAMP_MINUTES = 30
WINDOWS = {"after 2 min": (2, 5), "after 5 min": (5, 15), "after 15 min": (15, 60)}
"""Origins, in minutes since the change."""
PEER_ORIGINS = {"after 2 min": (2, 4), "after 5 min": (5, 9, 13), "after 15 min": (15, 30, 50)}
"""A fit costs: peers are asked at these."""
MINUTES = (15, 60)


def shape(kind: str, count: int) -> Array:
    """Factor by minute since the change."""
    time = np.arange(count, dtype=np.float64)
    if kind == "x3":
        return np.full(count, 3.0)
    if kind == "/3":
        return np.full(count, 1 / 3)
    if kind == "spike":
        return np.where(time < SPIKE_MINUTES, 3.0, 1.0)
    if kind == "ramp":
        return 1.0 + 2.0 * np.minimum(time / RAMP_MINUTES, 1.0)
    raise KeyError(kind)


KINDS = ("x3", "/3", "spike", "ramp")


def copies(series: Sequence[Series], kinds: Sequence[str], places: int) -> list[tuple[str, str, Series]]:
    """(name of the source, kind, copy); minute 0 of the change is the copy's `warmup`."""
    found = []
    for one in series:
        values = fill(one.values)
        moments = np.linspace(one.warmup, len(values) - AFTER, places + 2)[1:-1].astype(int)
        for place, moment in enumerate(moments):
            begin = int(moment) - one.warmup
            own = values[begin : moment + AFTER]
            # Days are cut away so that all copies run at once: the hour stays, the weekday is of no use to a week of history.
            start = (one.start + begin * one.step_seconds) % 86_400
            for kind in kinds:
                changed = own.copy()
                changed[one.warmup :] *= shape(kind, AFTER)
                found.append((one.name, kind, replace(one, name=f"{one.name} {kind} {place}", start=start, values=changed)))
    return found


def errors(copy: Series, made: Array, at: NDArray[np.int64], minutes: int) -> tuple[float, float]:
    """Summed errors of forecasts (origins, asked) and of the last value."""
    actual = copy.values[at + minutes]
    column = asked(60).index(minutes)
    return float(np.abs(made[:, column] - actual).sum()), float(np.abs(copy.values[at] - actual).sum())


def ratio(sums: dict[str, list[tuple[float, float]]]) -> float:
    """Geometric mean over series of summed error over that of the last value."""
    return metrics.geometric_mean(np.array([sum(mine for mine, _ in pairs) / sum(last for _, last in pairs) for pairs in sums.values()]))


def section(series: Sequence[Series], quick: bool) -> tuple[list[dict[str, Any]], dict[str, float]]:
    minutely = [one for one in series if one.step_seconds == 60][: 1 if quick else None]
    made = copies(minutely, KINDS, 1 if quick else PLACES)
    runs = run_engine([copy for _, _, copy in made], label="engine, shifts")
    rows = []
    for kind in KINDS:
        for window, (begin, end) in WINDOWS.items():
            line: dict[str, Any] = {"section": "shift", "kind": kind, "window": window, "method": ENGINE}
            for minutes in MINUTES:
                sums: dict[str, list[tuple[float, float]]] = {}
                for (source, of_kind, copy), run in zip(made, runs, strict=True):
                    if of_kind == kind:
                        at = np.arange(copy.warmup + begin, copy.warmup + end)
                        sums.setdefault(source, []).append(errors(copy, run.point[at], at, minutes))
                line[f"ratio_{minutes}"] = ratio(sums)
            rows.append(line)
    for method in (*ses.METHODS, theta.METHODS[0]):
        rows += _peer(method, made)
    summary = {
        "shift_ratio_15_after_5": max(line["ratio_15"] for line in rows if line["method"] == ENGINE and line["window"] == "after 5 min"),
        "shift_ratio_15_after_15": max(line["ratio_15"] for line in rows if line["method"] == ENGINE and line["window"] == "after 15 min"),
        "shift_detector_cost": detector_cost(minutely),
    }
    return rows, summary


def _peer(method: Method, made: Sequence[tuple[str, str, Series]]) -> list[dict[str, Any]]:
    print(f"shift: {method.name}", file=sys.stderr, flush=True)
    moments = sorted({minute for minutes in PEER_ORIGINS.values() for minute in minutes})
    forecasts = {}
    for _, _, copy in made:
        at = copy.warmup + np.array(moments)
        key = ["shift", method.name, identity(copy), at, source_of(method.module, "tests.benchmarks.forecast.methods.base")]
        forecasts[copy.name] = cached("shift", key, lambda copy=copy, at=at: {"values": predict(method, copy, at)})["values"]
    rows = []
    for kind in KINDS:
        for window, minutes_after in PEER_ORIGINS.items():
            line: dict[str, Any] = {"section": "shift", "kind": kind, "window": window, "method": method.name}
            chosen = [moments.index(minute) for minute in minutes_after]
            for minutes in MINUTES:
                sums: dict[str, list[tuple[float, float]]] = {}
                for source, of_kind, copy in made:
                    if of_kind == kind:
                        at = copy.warmup + np.array(minutes_after)
                        sums.setdefault(source, []).append(errors(copy, forecasts[copy.name][chosen], at, minutes))
                line[f"ratio_{minutes}"] = ratio(sums)
            rows.append(line)
    return rows


def detector_cost(series: Sequence[Series]) -> float:
    """Error at 15 minutes on the origins of the section accuracy, with the detector over without, geometric mean over series."""
    both = []
    for settings in (None, replace(Settings.for_step(60), shift=False)):
        runs = run_engine(series, settings, label="engine" if settings is None else "engine, detector off")
        both.append(np.array([np.nansum(errors_at(one, run.point, 15)) for one, run in zip(series, runs, strict=True)]))
    return metrics.geometric_mean(both[0] / both[1])


def errors_at(series: Series, point: Array, minutes: int) -> Array:
    at = origins(series)
    return np.abs(point[at, asked(60).index(minutes)] - series.values[at + minutes])
