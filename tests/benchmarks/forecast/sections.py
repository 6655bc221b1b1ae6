"""The parts of the benchmark: accuracy, quantiles, shift, speed. Each gives rows and what it adds to the summary."""

from __future__ import annotations

import resource
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.forecast import Engine, Settings
from tests.benchmarks.forecast import metrics, peers
from tests.benchmarks.forecast.backtest import Pass, origins_of, run
from tests.benchmarks.forecast.data import Series

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]
QUANTILE = 0.95
WORST_HOURS = 6


def accuracy(passes: list[Pass], quick: bool) -> tuple[Rows, dict[str, float]]:
    """Errors as a ratio to the last value's, geometric mean over series, the engine beside every peer."""
    errors: dict[str, dict[int, list[float]]] = {}
    rows: Rows = []
    for one in passes:
        series, last = one.series, peers.forward_filled(one.series.values)[one.origins]
        found = {"flyball": one.point} | peers.rules(series.values, series.day, one.origins, one.horizons)
        for peer in peers.library():
            if quick and peer.name not in ("SES", "Theta on logs"):
                continue
            began = time.process_time()
            found[peer.name] = peers.fitted(peer, series.values, series.step_seconds, one.origins, one.horizons)
            print(f"  {series.name}: {peer.name}, {time.process_time() - began:.0f} s of CPU", flush=True)
        for name, forecasts in found.items():
            for place, horizon in enumerate(one.horizons):
                ratio = metrics.ratio_to_last(forecasts[:, place], last, one.actual()[:, place])
                minutes = horizon * series.step_seconds // 60
                rows.append({"section": "accuracy", "series": series.name, "method": name, "minutes": minutes, "ratio_to_last": ratio})
                errors.setdefault(name, {}).setdefault(minutes, []).append(ratio)
    summary = {}
    for minutes in (15, 60):
        table = {name: np.array(by[minutes]) for name, by in errors.items() if minutes in by}
        ours = table.pop("flyball")
        best = min(table, key=lambda name: metrics.geometric_mean(table[name]))
        ratios = ours / table[best]
        summary[f"error_ratio_vs_best_peer_{minutes}"] = metrics.geometric_mean(ratios)
        summary[f"error_ratio_vs_best_peer_{minutes}_upper90"] = metrics.upper90(ratios)
        rows.append({"section": "accuracy", "series": "all", "method": f"best peer at {minutes} min: {best}", "minutes": minutes})
    return rows, summary


def quantiles(passes: list[Pass]) -> tuple[Rows, dict[str, float]]:
    """One-sided 95 % at 15 and 60 minutes, beside the reference's rules on the same base forecast."""
    rows: Rows = []
    summary: dict[str, float] = {}
    covered: list[tuple[float, int]] = []
    for minutes in (15, 60):
        worst = []
        for one in passes:
            place = one.horizons.index(minutes * 60 // one.series.step_seconds)
            level = list(Settings.for_step(one.series.step_seconds).quantiles).index(QUANTILE)
            actual = one.actual()[:, place]
            window = WORST_HOURS * 3600 // (int(one.origins[1] - one.origins[0]) * one.series.step_seconds)
            for name, bound in ({"flyball": one.bounds[:, place, level]} | _rules(one, place)).items():
                share = metrics.coverage(bound, actual)
                row = {
                    "section": "quantiles",
                    "series": one.series.name,
                    "method": name,
                    "minutes": minutes,
                    "coverage": share,
                    "pinball": metrics.pinball(bound, actual, QUANTILE),
                    "worst_6h_miss": metrics.worst_window(bound, actual, window),
                    "margin": metrics.margin(bound, actual),
                }
                rows.append(row)
                if name == "flyball":
                    covered.append((share, len(actual)))
                    worst.append(row["worst_6h_miss"])
        summary[f"worst_6h_miss_{minutes}"] = float(np.median(worst))
    shares, sizes = np.array([share for share, _ in covered]), np.array([size for _, size in covered])
    summary["coverage95_overall"] = float((shares * sizes).sum() / sizes.sum())
    summary["coverage95_worst_series"] = float(shares.min())
    return rows, summary


def _rules(one: Pass, place: int) -> dict[str, Array]:
    """Rolling rules of the reference on the engine's own point forecasts, from matured origins only."""
    horizon = one.horizons[place]
    point, actual = np.log1p(one.point[:, place]), np.log1p(one.actual()[:, place])
    error = actual - point
    stride = int(one.origins[1] - one.origins[0])
    late = -(-horizon // stride)  # origins until an outcome is known
    day = one.series.day // stride
    gaussian, rolling = np.full(len(point), np.nan), np.full(len(point), np.nan)
    for origin in range(day + late, len(point)):
        past = error[origin - late - day + 1 : origin - late + 1]
        past = past[np.isfinite(past)]
        if len(past):
            gaussian[origin] = point[origin] + 1.645 * past.std()
            rolling[origin] = point[origin] + np.quantile(past, QUANTILE)
    return {"Gaussian, 24 h": np.expm1(gaussian), "rolling quantile, 24 h": np.expm1(rolling)}


def shift(seed: int = 1) -> tuple[Rows, dict[str, float]]:
    """A daily pattern with noise that jumps to three times, to a third, or peaks for five minutes: error of the next quarter of an hour."""
    rng = np.random.default_rng(seed)
    count, day, jump = 20, 1440, 4 * 1440 + 600
    steps = np.arange(jump + 60)[:, None]
    base = 100 * (1 + 0.4 * np.sin(2 * np.pi * (steps / day + np.arange(count) / count))) * np.exp(0.08 * rng.standard_normal((len(steps), count)))
    rows: Rows = []
    factors = {"x3": np.where(steps >= jump, 3.0, 1.0), "/3": np.where(steps >= jump, 1 / 3, 1.0)}
    factors["peak of 5 min"] = np.where((steps >= jump - 5) & (steps < jump), 3.0, 1.0)
    factors["ramp x2 in 15 min"] = np.clip(1 + (steps - jump) / 15, 1, 2)
    for name, factor in factors.items():
        values = base * factor
        engine = Engine(count)
        engine.backfill(60.0 * (np.arange(jump) + 1), values[:jump])
        place = engine.settings.horizons.index(15)
        for minute in range(31):
            if minute in (2, 5, 15, 30):
                now, later = jump + minute - 1, jump + minute + 14
                ours, last = np.abs(engine.point[place] - values[later]).sum(), np.abs(values[now] - values[later]).sum()
                rows.append({"section": "shift", "series": name, "method": "flyball", "minutes_after": minute, "ratio_to_last": float(ours / last)})
            engine.update(60.0 * (jump + minute + 1), values[jump + minute])
    return rows, {}


def shift_cost(series: list[Series], passes: list[Pass], limit: int | None) -> dict[str, float]:
    """What looking for shifts costs where the data has what it has: error with over error without."""
    ratios = []
    for one in passes:
        blind = run(one.series, Settings.for_step(one.series.step_seconds, shift=False), limit)
        ratios.append(np.nansum(np.abs(one.point - one.actual()), axis=0) / np.nansum(np.abs(blind.point - blind.actual()), axis=0))
    return {"shift_detector_cost_ratio": metrics.geometric_mean(np.concatenate(ratios))}


def speed(counts: tuple[int, ...]) -> tuple[Rows, dict[str, float]]:
    """CPU of a minute's tick (update and forecast) on one core with a day of history behind it, and memory; the sizes one after the other."""
    rows: Rows = []
    summary: dict[str, float] = {}
    rng = np.random.default_rng(1)
    for count in counts:
        engine = Engine(count)
        warm, measured = 90, 60
        spent = []
        for step in range(warm + measured):
            values = rng.lognormal(3.0, 0.5, count)
            began = time.process_time()
            engine.update(60.0 * (step + 1), values)
            engine.forecast()
            spent.append(time.process_time() - began)
        seconds = float(np.mean(spent[warm:]))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        rows.append({"section": "speed", "series": str(count), "method": "flyball", "tick_seconds": seconds, "rss_gb": memory})
        if count == 10_000:
            summary |= {"tick_seconds_10k_series": seconds, "rss_gb_10k_series": memory}
    return rows, summary


def passes_of(series: list[Series], quick: bool) -> list[Pass]:
    """The engine over each series; quick: three days of origins of each."""
    found = []
    for one in series:
        limit = one.start + 3 * one.day if quick else None
        if not len(origins_of(one, limit)):
            continue
        found.append(run(one, limit=limit))
        print(f"  {one.name}: {len(found[-1].origins)} origins, {1000 * found[-1].seconds_a_step:.1f} ms of CPU a step", flush=True)
    return found
