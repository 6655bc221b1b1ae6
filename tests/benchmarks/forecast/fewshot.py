"""Section few-shot: applications that an edge cloud has just deployed or moved, hourly, 24 hours ahead from 48 seen (ECW_newapp, ECW_switch).

Two ways of the engine. Zero-shot, the headline: an engine of its own for each series and origin, fed the last 48 hours, its shared weights learned
on ECL, Traffic and hourly means of crane-0..3 alone. Online: one engine over all series of the file from their first hour, so that it knows the
other series' data before the origin. Values are the file's, nothing rescaled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.forecast import Engine, Settings
from tests.benchmarks.forecast import data, metrics
from tests.benchmarks.forecast.accuracy import ENGINE
from tests.benchmarks.forecast.cache import cached, source_of
from tests.benchmarks.forecast.enginerun import FIRST, between, table_of
from tests.benchmarks.forecast.methods import theta
from tests.benchmarks.forecast.methods.base import logged, unlogged

Array = NDArray[np.float64]
SEEN, AHEAD, EVERY = 48, 24, 2
HOURS = tuple(range(1, AHEAD + 1))
STEP = 3600
OTHERS = ("ECL_32", "ECL_57", "ECL_114", "ECL_270", "Traffic_852")
LONG_ORIGINS = 60
"""Of the long hourly series: origins in their last fifth."""
RIDGE_LAGS, RIDGE_DAYS, RIDGE_WEIGHT = 48, 60, 1.0
PUBLISHED = {"newapp": (0.090, 0.207), "switch": (0.067, 0.169)}
"""DynEformer's MSE and MAE as published (KDD'23, table 2); on these files yesterday's mean scores close to them."""


def yesterday(past: Array) -> Array:
    return past[-AHEAD:].copy()


def yesterdays_mean(past: Array) -> Array:
    return np.full(AHEAD, past[-AHEAD:].mean())


def last_value(past: Array) -> Array:
    return np.full(AHEAD, past[-1])


def theta_log(past: Array) -> Array:
    given, size = logged(past)
    return np.maximum(unlogged(theta.fit(given, AHEAD, AHEAD), size), 0.0)


def ridge(past: Array) -> Array:
    """A direct linear map from the last 48 hours to the next 24, both as differences to their mean, fitted on the series' own last 60 days."""
    window = past[-RIDGE_DAYS * 24 :]
    count = len(window) - RIDGE_LAGS - AHEAD + 1
    rows = np.lib.stride_tricks.sliding_window_view(window, RIDGE_LAGS + AHEAD)[:count]
    centre = rows[:, :RIDGE_LAGS].mean(axis=1, keepdims=True)
    x, y = rows[:, :RIDGE_LAGS] - centre, rows[:, RIDGE_LAGS:] - centre
    size = max(float((x**2).mean()), 1e-12)
    weights = np.linalg.solve(x.T @ x + RIDGE_WEIGHT * size * len(x) / 100 * np.eye(RIDGE_LAGS), x.T @ y)
    recent = past[-RIDGE_LAGS:]
    return np.maximum(recent.mean() + (recent - recent.mean()) @ weights, 0.0)


PEERS: dict[str, Callable[[Array], Array]] = {
    "seasonal naive (yesterday)": yesterday,
    "yesterday's mean": yesterdays_mean,
    "last value": last_value,
    "Theta on logs": theta_log,
}


def pretrained() -> Array | None:
    """Shared ridge weights that an engine has learned on the allowed series; None where the engine offers none."""

    def learn() -> dict[str, Array]:
        sources = [data.hourly(name) for name in OTHERS]
        for number in range(4):
            crane = data.crane(number)
            hours = data.fill(crane.values)[: len(crane.values) // 60 * 60].reshape(-1, 60).mean(axis=1)
            sources.append(data.Series(crane.name, STEP, crane.start, hours, 48))
        sources = [one.cut(200 * 24) for one in sources]  # 200 days: weights forget in a week, more changes nothing but time
        table = table_of(sources)
        engine = Engine(len(sources), Settings.for_step(STEP))
        print(f"few-shot: shared weights from {len(sources)} other series", file=sys.stderr, flush=True)
        engine.backfill(FIRST + (np.arange(len(table)) + 1) * STEP, table)
        learned = [expert.shared for expert in engine.experts if hasattr(expert, "shared")]
        return {"shared": np.asarray(learned[0])} if learned else {}

    found = cached("fewshot", ["pretrained", source_of("flyball.forecast", __name__)], learn)
    return found.get("shared")


def zero_shot(values: Array, clocks: NDArray[np.int64], origins: NDArray[np.int64], name: str) -> Array:
    """(series, origins, 24). An engine of one series: it cannot see the others'. `clocks`: hour of the day of each series' first value."""
    shared = pretrained()

    def make() -> dict[str, Array]:
        made = np.empty((len(values), len(origins), AHEAD))
        for row, series in enumerate(values):
            print(f"few-shot: {name}, series {row + 1} of {len(values)}", file=sys.stderr, flush=True)
            for column, origin in enumerate(origins):
                engine = Engine(1, Settings.for_step(STEP), shared=shared)
                hours = np.arange(origin - SEEN + 1, origin + 1)
                engine.backfill(FIRST + (clocks[row] + hours + 1) * STEP, series[hours][:, None])
                forecast = engine.forecast()
                made[row, column] = between(forecast.horizons, forecast.point, HOURS)[0]
        return {"made": made}

    return cached("fewshot", ["zero", values, clocks, origins, shared, source_of("flyball.forecast", __name__)], make)["made"]


def online(values: Array, origins: NDArray[np.int64]) -> Array:
    shared = pretrained()

    def make() -> dict[str, Array]:
        engine = Engine(len(values), Settings.for_step(STEP), shared=shared)
        made = np.empty((len(values), len(origins), AHEAD))
        for hour in range(int(origins[-1]) + 1):
            engine.update(FIRST + (hour + 1) * STEP, values[:, hour])
            if hour in origins:
                forecast = engine.forecast()
                made[:, int(np.flatnonzero(origins == hour)[0])] = between(forecast.horizons, forecast.point, HOURS)
        return {"made": made}

    return cached("fewshot", ["online", values, origins, shared, source_of("flyball.forecast", __name__)], make)["made"]


def targets(values: Array, origins: NDArray[np.int64]) -> Array:
    return values[:, origins[:, None] + 1 + np.arange(AHEAD)]


def scored(made: Array, actual: Array) -> dict[str, Any]:
    away = made - actual
    return {"mse": float((away**2).mean()), "mae": float(np.abs(away).mean()), "mse_by_series": [float((one**2).mean()) for one in away]}


def edge_table(name: str, quick: bool) -> list[dict[str, Any]]:
    table = data.edge(f"ECW_{name}")
    values, clocks = table[:, :, 0], table[:, 0, 1].astype(np.int64)
    origins = np.arange(SEEN - 1, values.shape[1] - AHEAD, EVERY * (48 if quick else 1))
    actual = targets(values, origins)
    found = {}
    for title, method in PEERS.items():
        made = np.array([[method(series[origin - SEEN + 1 : origin + 1]) for origin in origins] for series in values])
        found[title] = scored(made, actual)
    found[f"{ENGINE}, zero-shot"] = scored(zero_shot(values, clocks, origins, name), actual)
    found[f"{ENGINE}, other series before the origin"] = scored(online(values, origins), actual)
    return [{"section": "fewshot", "data": f"ECW {name}", "method": title, "origins": len(origins), **line} for title, line in found.items()]


def long_table(name: str, quick: bool) -> list[dict[str, Any]]:
    """ECL and Traffic: the engine over the whole series online, against methods that see all of the past."""
    series = data.hourly(name)
    values = data.fill(series.values)[-(60 if quick else 365) * 24 :]
    last = len(values) - AHEAD - 1
    origins = np.unique(np.linspace(last - len(values) // 5, last, LONG_ORIGINS // (12 if quick else 1)).astype(int))
    actual = targets(values[None], origins)[0]
    scale = float(np.abs(values[24:] - values[:-24]).mean())
    rows = []
    for title, method in {**PEERS, "ridge on 48 lags": ridge}.items():
        made = np.array([method(values[: origin + 1][-14 * 24 :] if title.startswith("Theta") else values[: origin + 1]) for origin in origins])
        rows.append((title, made))
    rows.append((ENGINE, online(values[None], origins)[0]))
    return [
        {
            "section": "fewshot",
            "data": name,
            "method": title,
            "origins": len(origins),
            "mae": float(np.abs(made - actual).mean() / scale),
            "mse": float(((made - actual) ** 2).mean() / scale**2),
        }
        for title, made in rows
    ]


def section(quick: bool) -> tuple[list[dict[str, Any]], dict[str, float]]:
    rows: list[dict[str, Any]] = []
    summary: dict[str, float] = {}
    for name in ("newapp", "switch"):
        lines = edge_table(name, quick)
        mse, mae = PUBLISHED[name]
        rows += [*lines, {"section": "fewshot", "data": f"ECW {name}", "method": "DynEformer, as published", "origins": 0, "mse": mse, "mae": mae}]
        ours = next(line for line in lines if line["method"] == f"{ENGINE}, zero-shot")
        naive = next(line for line in lines if line["method"].startswith("seasonal naive"))
        summary[f"{name}_mse"], summary[f"{name}_mae"] = ours["mse"], ours["mae"]
        if name == "newapp":
            ratios = np.array(ours["mse_by_series"]) / np.array(naive["mse_by_series"])
            summary["newapp_mse_vs_seasonal_naive"] = ours["mse"] / naive["mse"]
            summary["newapp_mse_vs_seasonal_naive_upper90"] = metrics.bootstrap(ratios)[1]
    for name in OTHERS[:1] if quick else OTHERS:
        rows += long_table(name, quick)
    return rows, summary
