"""Peers of the outcome: what each wishes for at each step, in replicas at a headroom of 1. The headroom is the knob that all of them sweep.

Each is re-made from its description (reference/autoscalers.md, 1 to 6, forecasting.md, 2.1). Variants are a policy's other knobs; the best one over
all cells stands for it. Forecasts use whole minutes that the metric has delivered; the lead is the start-up time plus a minute for the metric's age.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast.data import MINUTES_A_DAY
from tests.benchmarks.forecast.methods import crane_dsp, mimir_offset, phpa
from tests.benchmarks.forecast.outcome.load import PER_MINUTE, Load
from tests.benchmarks.forecast.outcome.simulate import sliding_max

Array = NDArray[np.float64]
Wish = Callable[[Load, int], Array]
"""(load, start-up in steps) -> replicas wished for at each step."""
HPA_TOLERANCE = 0.1
HPA_DOWN_SECONDS = 300
CRANE_REFIT_MINUTES = 12 * 60
AWS_REFRESH_MINUTES, AWS_BUFFER_MINUTES, AWS_DAYS = 6 * 60, 5, 14
PHPA_REFIT_MINUTES = 5
DELIVERY_MINUTES = 2


@dataclass(frozen=True, slots=True)
class Variant:
    """A policy with its other knobs set."""

    policy: str
    label: str
    wish: Wish
    tolerance: float = HPA_TOLERANCE
    down_seconds: int = HPA_DOWN_SECONDS


def now(load: Load, startup: int) -> Array:
    return load.seen


def lead_minutes(startup: int) -> int:
    return -(-startup // PER_MINUTE) + 1


def window_of(startup: int, window: int | None) -> int:
    """Minutes to look at: the present one, and those to the lead or as many as the rule says."""
    return (lead_minutes(startup) if window is None else window) + 1


def largest_ahead(values: Array, minutes: int) -> Array:
    """By minute: the largest of it and the next; 0 where nothing is known."""
    return sliding_max(np.nan_to_num(values)[::-1].copy(), minutes)[::-1]


def in_force(load: Load, versions: Sequence[tuple[int, Array]], minutes: int) -> Array:
    """By step: the largest of the next minutes as the forecast in force says, 0 before the first.

    A version is (minute from which it is in force, demand by minute from then on); no version knows of a later one.
    """
    found = np.zeros(len(load.minutes) + 1)
    for place, (begin, values) in enumerate(versions):
        end = versions[place + 1][0] if place + 1 < len(versions) else len(found)
        own = largest_ahead(values, minutes)[: max(end - begin, 0)]
        found[begin : begin + len(own)] = own[: max(len(found) - begin, 0)]
    return found[np.minimum(np.arange(len(load.demand)) // PER_MINUTE, len(found) - 1)]


def season_ago(load: Load, days: int) -> Array:
    """By minute: the demand `days` before; NaN before there was any."""
    found = np.full(len(load.minutes) + MINUTES_A_DAY, np.nan)
    season = days * MINUTES_A_DAY
    if season < len(load.minutes):
        found[season : season + len(load.minutes)] = load.minutes[: len(found) - season]
    return found


def offset(days: int) -> Wish:
    def wish(load: Load, startup: int) -> Array:
        future = largest_ahead(season_ago(load, days), window_of(startup, None))
        return np.maximum(load.seen, future[np.arange(len(load.demand)) // PER_MINUTE])

    return wish


def mimir(load: Load, startup: int) -> Array:
    """As released: the one value 6 d 23 h 30 min ago, whatever the start-up time."""
    back = mimir_offset.OFFSET_SECONDS // 60
    minute = np.arange(len(load.demand)) // PER_MINUTE - back
    ago = np.where(minute >= 0, load.minutes[np.clip(minute, 0, len(load.minutes) - 1)], 0.0)
    return np.maximum(load.seen, ago)


def crane(window: int | None) -> Wish:
    """HPA with two metrics, now and the largest of Crane's forecast over the window; Crane's forecast is made anew each 12 hours."""

    def wish(load: Load, startup: int) -> Array:
        return np.maximum(load.seen, in_force(load, crane_forecasts(load), window_of(startup, window)))

    return wish


def crane_forecasts(load: Load) -> list[tuple[int, Array]]:
    """A version each 12 hours: the next day as Crane sees it, nothing where it finds no period."""
    found = []
    for made in range(2 * MINUTES_A_DAY, len(load.minutes) + 1, CRANE_REFIT_MINUTES):
        past = load.minutes[max(0, made - crane_dsp.HISTORY_DAYS * MINUTES_A_DAY) : made]
        values = np.clip(past, *np.percentile(past, crane_dsp.CLIP))
        season = crane_dsp.found_season(values, 60)
        cycle = np.zeros(MINUTES_A_DAY) if season is None else crane_dsp.next_period(values, season, 60)[:MINUTES_A_DAY]
        # Two minutes pass before the metric has delivered what the forecast was made from.
        found.append((made + DELIVERY_MINUTES, cycle[DELIVERY_MINUTES:]))
    return found


def phpa_holt_winters(load: Load, startup: int) -> Array:
    """PHPA's largest of HPA's own count and Holt-Winters on past counts, season of a day, constants by hand, made anew each five minutes."""
    span = PHPA_REFIT_MINUTES
    count = len(load.minutes) // span
    means = load.minutes[: count * span].reshape(count, span).mean(axis=1)
    season = MINUTES_A_DAY // span
    if count <= 2 * season:
        return load.seen
    minutes = window_of(startup, None)
    steps = -(-(DELIVERY_MINUTES + span + minutes) // span)
    made = np.repeat(holt_winters_ahead(means, season, *phpa.GRID[-1], steps), span, axis=1)[:, DELIVERY_MINUTES:]
    versions = [((place + 1) * span + DELIVERY_MINUTES, made[place]) for place in range(2 * season, count)]
    return np.maximum(load.seen, in_force(load, versions, minutes))


def holt_winters_ahead(values: Array, season: int, alpha: float, beta: float, gamma: float, count: int) -> Array:
    """(values, count): phpa.holt_winters from every value on, in one pass."""
    first = values[:season].mean()
    trend = (values[season : 2 * season].mean() - first) / season if beta > 0 else 0.0
    level, seasonal = float(first), values[:season] - first
    found = np.full((len(values), count), np.nan)
    aheads = np.arange(1, count + 1)
    for index in range(season, len(values)):
        place, before = index % season, level
        level = alpha * (values[index] - seasonal[place]) + (1 - alpha) * (level + trend)
        trend = beta * (level - before) + (1 - beta) * trend
        seasonal[place] = gamma * (values[index] - level) + (1 - gamma) * seasonal[place]
        found[index] = level + aheads * trend + seasonal[(index + aheads) % season]
    return np.maximum(found, 0.0)


def linear(samples: int) -> Wish:
    """PHPA's linear regression on the last samples of a minute, extrapolated to the lead, beside HPA's own count."""

    def wish(load: Load, startup: int) -> Array:
        time = np.arange(samples) - (samples - 1) / 2
        weights = 1 / samples + time / (time**2).sum() * ((samples - 1) / 2 + lead_minutes(startup))
        views = np.lib.stride_tricks.sliding_window_view(load.minutes, samples)
        made = np.concatenate([np.zeros(samples), views @ weights])
        return np.maximum(load.seen, made[load.seen_minutes])

    return wish


def aws(peak: bool) -> Wish:
    """Hourly forecasts from up to 14 days, refreshed each 6 hours, launched 5 minutes before the hour; target tracking beside it."""

    def wish(load: Load, startup: int) -> Array:
        hours = len(load.minutes) // 60
        table = load.minutes[: hours * 60].reshape(hours, 60)
        each = table.max(axis=1) if peak else table.mean(axis=1)
        versions = []
        for made in range(24, hours + 1, AWS_REFRESH_MINUTES // 60):
            ahead = range(made, made + AWS_REFRESH_MINUTES // 60 + 1)
            same = [[each[hour - 24 * days] for days in range(1, AWS_DAYS + 1) if 0 <= hour - 24 * days < made] for hour in ahead]
            by_minute = np.repeat([np.mean(values) for values in same], 60)
            versions.append((made * 60 + DELIVERY_MINUTES, by_minute[DELIVERY_MINUTES:]))
        return np.maximum(load.seen, in_force(load, versions, AWS_BUFFER_MINUTES + 1))

    return wish


def peers() -> Sequence[Variant]:
    """All variants of all peers."""
    found = []
    for down in (60, 300, 900):
        for tolerance in (0.0, HPA_TOLERANCE):
            found.append(Variant("HPA", f"tolerance {tolerance:g}, down {down} s", now, tolerance, down))
    found += [Variant("last value x headroom", f"down {down} s", now, 0.0, down) for down in (0, 120)]
    for days in (1, 7):
        found += [Variant("seasonal offset", f"{days} d, down {down} s", offset(days), 0.0, down) for down in (60, 300)]
    found.append(Variant("seasonal offset", "Mimir as released", mimir))
    found += [Variant("HPA + Crane", f"window {label}", crane(window)) for label, window in (("lead", None), ("1 h", 60))]
    found += [
        Variant("PHPA", "Holt-Winters", phpa_holt_winters),
        *(
            Variant("PHPA", f"linear, {samples} min, down {down} s", linear(samples), tolerance, down)
            for samples in (5, 10, 20)
            for tolerance, down in ((0.0, 120), (0.1, 300))
        ),
    ]
    found += [Variant("AWS-like", f"hourly {'peak' if peak else 'mean'}", aws(peak)) for peak in (False, True)]
    return found
