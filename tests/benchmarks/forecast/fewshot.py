"""Section few-shot: applications that an edge cloud has just deployed or moved, hourly, 24 hours ahead from 48 seen (ECW_newapp, ECW_switch).

Two ways of the engine. Zero-shot, the headline: each window of 48 hours alone, weights and patterns as they ship with the package (learned on ECL,
Traffic and crane-0..3, `train`). Online: one engine over all series of the file from their first hour, so that it knows the other series' data
before the origin. Values are the file's, nothing rescaled. Beside it ECL and Traffic, in hours that nothing was learned from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast import data, metrics
from tests.benchmarks.forecast.accuracy import ENGINE
from tests.benchmarks.forecast.cache import cached, source_of
from tests.benchmarks.forecast.fewshot_engine import AHEAD, SEEN, STEP, online, side_by_side, zero_shot
from tests.benchmarks.forecast.methods import theta
from tests.benchmarks.forecast.methods.base import logged, unlogged
from tests.benchmarks.forecast.train import OTHERS

Array = NDArray[np.float64]
EVERY = 2
LONG_DAYS, LONG_ORIGINS = 200, 60
"""Of ECL and Traffic: the last 200 days, and 60 origins in the last fifth of them."""
THETA_DAYS = 14
RIDGE_LAGS, RIDGE_DAYS, RIDGE_WEIGHT = 48, 60, 1.0
NAIVE = "seasonal naive (yesterday)"
PUBLISHED = {"newapp": (0.090, 0.207), "switch": (0.067, 0.169)}
"""DynEformer's MSE and MAE as published (KDD'23, table 2); on these files yesterday's mean scores close to them."""


def yesterday(past: Array) -> Array:
    return past[-AHEAD:].copy()


def mean_of_two_days(past: Array) -> Array:
    return (past[-AHEAD:] + past[-2 * AHEAD : -AHEAD]) / 2


def yesterdays_mean(past: Array) -> Array:
    return np.full(AHEAD, past[-AHEAD:].mean())


def last_value(past: Array) -> Array:
    return np.full(AHEAD, past[-1])


def week_ago(past: Array) -> Array:
    return past[-7 * 24 : -6 * 24].copy()


def theta_log(past: Array) -> Array:
    given, size = logged(past[-THETA_DAYS * 24 :])
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


Peer = Callable[[Array], Array]
PEERS: dict[str, Peer] = {
    NAIVE: yesterday,
    "mean of two days": mean_of_two_days,
    "yesterday's mean": yesterdays_mean,
    "last value": last_value,
    "Theta on logs": theta_log,
}
LONG_PEERS: dict[str, Peer] = {**PEERS, "seasonal naive (a week ago)": week_ago, "ridge on 48 lags": ridge}


def asked(method: Peer, title: str, values: Array, origins: NDArray[np.int64], seen: int) -> Array:
    """(origins, 24) of one series; `seen`: how many values before an origin the method may use."""

    def make() -> dict[str, Array]:
        return {"made": np.array([method(values[max(0, origin + 1 - seen) : origin + 1]) for origin in origins])}

    return cached("fewshot", ["peer", title, values, origins, seen, source_of(__name__, theta.__name__)], make)["made"]


def targets(values: Array, origins: NDArray[np.int64]) -> Array:
    return values[:, origins[:, None] + 1 + np.arange(AHEAD)]


def scored(made: Array, actual: Array) -> dict[str, Any]:
    away = made - actual
    return {"mse": float((away**2).mean()), "mae": float(np.abs(away).mean()), "mse_by_series": [float((one**2).mean()) for one in away]}


def edge_table(name: str, quick: bool) -> list[dict[str, Any]]:
    table = data.edge(f"ECW_{name}")
    values, clocks, static = table[:, :, 0], table[:, 0, 1].astype(np.int64), table[:, 0, 4:]
    static = (static - static.mean(axis=0)) / np.maximum(static.std(axis=0), 1e-9)  # of kinds and gigabytes: to be compared at all
    origins = np.arange(SEEN - 1, values.shape[1] - AHEAD, EVERY * (48 if quick else 1))
    actual = targets(values, origins)
    found = {}
    for title, method in PEERS.items():
        found[title] = scored(np.array([asked(method, title, series, origins, SEEN) for series in values]), actual)
    found[f"{ENGINE}, zero-shot"] = scored(zero_shot(values, clocks, origins, name), actual)
    for words, features in (("", None), (" and static features", static)):
        found[f"{ENGINE}, other series before the origin{words}"] = scored(online(values, int(clocks[0]), origins, features), actual)
    naive = np.array(found[NAIVE]["mse_by_series"])
    rows = []
    for title, line in found.items():
        ratio, low, high = metrics.ratio_of_sums(np.array(line["mse_by_series"]), naive)
        over = {"over_naive": ratio, "over_naive_low": low, "over_naive_high": high}
        rows.append({"section": "fewshot", "data": f"ECW {name}", "method": title, "origins": len(origins), **line, **over})
    return rows


def long_tables(quick: bool) -> list[dict[str, Any]]:
    """ECL and Traffic: one engine over all of them online, against methods that see all of the past."""
    names, length = OTHERS[: 1 if quick else None], (60 if quick else LONG_DAYS) * 24
    series, origins = [], []
    for name in names:
        whole = data.hourly(name)
        first = len(whole.values) - length
        series.append(replace(whole, start=whole.start + first * STEP, values=data.fill(whole.values)[first:]))
        last = length - AHEAD - 1
        origins.append(np.unique(np.linspace(last - length // 5, last, LONG_ORIGINS // (12 if quick else 1)).astype(np.int64)))
    ours = side_by_side(series, origins)
    rows = []
    for one, own, made in zip(series, origins, ours, strict=True):
        actual = targets(one.values[None], own)[0]
        scale = float(np.abs(one.values[24:] - one.values[:-24]).mean())
        found = {title: asked(method, title, one.values, own, length) for title, method in LONG_PEERS.items()} | {ENGINE: made}
        for title, forecast in found.items():
            away = (forecast - actual) / scale
            line = {"mae": float(np.abs(away).mean()), "mse": float((away**2).mean())}
            rows.append({"section": "fewshot", "data": one.name, "method": title, "origins": len(own), **line})
    return rows


def section(quick: bool) -> tuple[list[dict[str, Any]], dict[str, float]]:
    rows: list[dict[str, Any]] = []
    summary: dict[str, float] = {}
    for name in ("newapp", "switch"):
        lines = edge_table(name, quick)
        mse, mae = PUBLISHED[name]
        rows += [*lines, {"section": "fewshot", "data": f"ECW {name}", "method": "DynEformer, as published", "origins": 0, "mse": mse, "mae": mae}]
        ours = next(line for line in lines if line["method"] == f"{ENGINE}, zero-shot")
        summary[f"{name}_mse"], summary[f"{name}_mae"] = ours["mse"], ours["mae"]
        if name == "newapp":
            summary["newapp_mse_vs_seasonal_naive"] = ours["over_naive"]
            summary["newapp_mse_vs_seasonal_naive_lower90"] = ours["over_naive_low"]
            summary["newapp_mse_vs_seasonal_naive_upper90"] = ours["over_naive_high"]
    return rows + long_tables(quick), summary
