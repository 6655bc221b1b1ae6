"""The product's own planner in the outcome: what `flyball.replicas` decides, look after look, as the controller has it do.

`follow` is the planner's arithmetic over arrays, as a call of `decide` for each of a few hundred million looks would take days; a test compares both
look by look, and each run does so again on a stretch of each load (`checked`). The knob is a headroom, which lowers the capacity that the planner is
told; quantile, tolerance and stabilisation before shrinking are others. Beside it stands the planner whose knob is a price (`priced`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from flyball.replicas.estimates import CERTAIN, NEGLIGIBLE, PEAK_MEMORY_SECONDS
from flyball.replicas.plan import decide
from flyball.replicas.types import IN, Behaviour, Need, Observation, PlanSettings, PlanState
from tests.benchmarks.forecast.cache import cached, source_of
from tests.benchmarks.forecast.outcome import priced
from tests.benchmarks.forecast.outcome.cells import Cell, Curve
from tests.benchmarks.forecast.outcome.load import STEP_SECONDS, Load
from tests.benchmarks.forecast.outcome.ours import by_step
from tests.benchmarks.forecast.outcome.scored import LOOK_STEPS, scores

Array = NDArray[np.float64]
Counts = NDArray[np.float32]
NAME = "Flyball"
LOOK_SECONDS = LOOK_STEPS * STEP_SECONDS
MOST = 100_000
QUANTILES = (0.5, 0.8, 0.95)
DOWNS = (60,)
"""Seconds of stabilisation before replicas go. HPA's others are swept with the plain rule, which decides alike (`section.PLAIN_DOWNS`)."""
TOLERANCES = (0.0, 0.1)
RUN_IN_STEPS = 240
"""An hour before what counts: twelve times the longest stabilisation. Before it the planner would see nothing that it remembers but the peak."""
CHECKED_LOOKS = 400


@dataclass(frozen=True, slots=True)
class Looks:
    """What the planner is shown, by look; columns are variants of forecast and settings."""

    seen: Array
    """(looks,)"""
    ahead: Array
    """(looks, columns, 1); 0 where there is no forecast."""
    tolerance: Array
    """(columns,)"""
    down_seconds: int
    peak: float
    """Largest demand seen before, faded."""


def settings(tolerance: float, down_seconds: float) -> PlanSettings:
    return PlanSettings(minimum=1, maximum=MOST, tolerance=tolerance, into=Behaviour(IN.policies, down_seconds))


def follow(looks: Looks, knobs: Array) -> Counts:
    """Replicas asked for at each look: (looks, columns, knobs)."""
    capacity = 1.0 / knobs
    now = np.maximum(np.ceil(looks.seen[0] / capacity), 1.0) * np.ones((looks.ahead.shape[1], looks.ahead.shape[2]))
    window = max(1, looks.down_seconds // LOOK_SECONDS)
    wishes = np.zeros((window, *now.shape))
    found = np.empty((len(looks.seen), *now.shape), np.float32)
    share, peak = math.exp(-LOOK_SECONDS / PEAK_MEMORY_SECONDS), looks.peak
    slack = (1.0 + looks.tolerance)[:, None]
    most_growth = PlanSettings().most_growth
    for look, seen in enumerate(looks.seen.tolist()):
        peak = max(peak * (share if look else 1.0), seen)
        ahead = np.where(looks.ahead[look] <= most_growth * peak, looks.ahead[look], 0.0)
        wish = np.where(ahead > NEGLIGIBLE * capacity, np.ceil(ahead / capacity - CERTAIN), 0.0)
        wish = np.maximum(wish, np.maximum(np.ceil(seen / capacity - CERTAIN), 1.0))
        wish = np.maximum(wish, np.minimum(now, np.ceil(seen * slack / capacity - CERTAIN)))
        wishes[look % window] = wish
        calm = now if look * LOOK_SECONDS < looks.down_seconds else np.minimum(now, wishes.max(axis=0))
        now = np.where(wish > now, np.minimum(wish, np.maximum(2.0 * now, now + 4.0)), calm)
        found[look] = now
    return found


def one_by_one(looks: Looks, column: int, knob: float, count: int) -> list[int]:
    """The same of one column and knob by the product's `decide`."""
    given = settings(float(looks.tolerance[column]), float(looks.down_seconds))
    state, now = PlanState(peaks={"demand": looks.peak}), max(1, math.ceil(looks.seen[0] / (1.0 / knob)))
    found = []
    for look in range(min(count, len(looks.seen))):
        ahead = float(looks.ahead[look, column, 0])
        need = Need("demand", float(looks.seen[look]), 1.0 / knob, age_seconds=30.0, forecast=ahead if ahead > 0 else None)
        state, decision = decide(state, Observation(float(look * LOOK_SECONDS), (need,), now, now), given)
        now = decision.replicas
        found.append(now)
    return found


def checked(looks: Looks, knobs: Array) -> Counts:
    """`follow`, compared with `decide` on the first looks of one column; raises AssertionError where they differ."""
    found = follow(looks, knobs)
    column, knob = len(looks.tolerance) - 1, len(knobs) // 2
    own = one_by_one(looks, column, float(knobs[knob]), CHECKED_LOOKS)
    if own != found[: len(own), column, knob].tolist():
        raise AssertionError("The planner decides otherwise than its arithmetic in the benchmark: outcome/product.py follows an older plan.")
    return found


def looks_of(load: Load, aheads: Sequence[Array], tolerances: Sequence[float], down_seconds: int) -> tuple[int, Looks]:
    """First step and looks of a load; `aheads`: forecasts by step, each with every tolerance."""
    first = max(0, load.begin - RUN_IN_STEPS) // LOOK_STEPS * LOOK_STEPS
    back = np.arange(first, 0, -1) * STEP_SECONDS
    peak = float((load.seen[:first] * np.exp(-back / PEAK_MEMORY_SECONDS)).max(initial=0.0))
    places = slice(first, None, LOOK_STEPS)
    ahead = np.stack([one[places] for one in aheads for _ in tolerances], axis=1)
    return first, Looks(load.seen[places], ahead[:, :, None], np.tile(np.asarray(tolerances, np.float64), len(aheads)), down_seconds, peak)


def label(quantile: float, down: int, tolerance: float) -> str:
    return f"quantile {quantile:g}, tolerance {tolerance:g}, down {down} s"


def curves(
    loads: Sequence[Load],
    made: dict[tuple[str, int], Array],
    startups: Sequence[int],
    parts: dict[tuple[str, int], list[tuple[int, int]]],
    knobs: Array,
    version: str,
    chosen: str | None,
) -> Iterator[tuple[str, dict[Cell, Curve]]]:
    """(variant, curves) of the planner. `parts`: steps of all, first, second, by load; `chosen`: the variant to be taken, all when None."""
    version += source_of("flyball.replicas", "tests.benchmarks.forecast.outcome.scored")
    of_price, of_headroom = version + source_of(priced.__name__), version + source_of(__name__)
    found: dict[str, dict[Cell, Curve]] = {}
    for load in loads:
        for seconds in startups:
            startup = seconds // STEP_SECONDS
            forecasts = [by_step(load, made[load.name, load.size], startup, quantile) for quantile in QUANTILES]
            of_load = parts[load.name, load.size]

            def steady(down: int, load: Load = load, startup: int = startup, forecasts: list[Array] = forecasts) -> dict[str, Array]:
                return dict(_simulated(load, startup, forecasts, parts[load.name, load.size], knobs, down))

            def with_price(load: Load = load, startup: int = startup, forecast: Array = forecasts[0]) -> dict[str, Array]:
                return dict(_priced(load, startup, forecast, parts[load.name, load.size]))

            kinds: list[tuple[str, set[str], Callable[[], dict[str, Array]]]] = [
                ("priced", {priced.label(down) for down in priced.DOWNS}, with_price),
                *((f"product {down}", set(names(down)), partial(steady, down)) for down in DOWNS),
            ]
            for kind, labels, make in kinds:
                if chosen is not None and chosen not in labels:
                    continue
                source = of_price if kind == "priced" else of_headroom
                kept = cached("outcome", [kind, startup, knobs, source, load.start, load.demand, load.seen, *forecasts, of_load], make)
                for name, values in kept.items():
                    if chosen in (None, name):
                        found.setdefault(name, {})[load.name, load.size, seconds] = Curve(*values)
    yield from found.items()


def names(down: int) -> list[str]:
    """Variants of a stabilisation, in the order of the columns."""
    return [label(quantile, down, tolerance) for quantile in QUANTILES for tolerance in TOLERANCES]


def _simulated(
    load: Load, startup: int, forecasts: Sequence[Array], parts: Sequence[tuple[int, int]], knobs: Array, down: int
) -> Iterator[tuple[str, Array]]:
    first, looks = looks_of(load, forecasts, TOLERANCES, down)
    found = checked(looks, knobs)
    for column, name in enumerate(names(down)):
        yield name, scores(found[:, column], load, first, startup, parts)


def _priced(load: Load, startup: int, forecast: Array, parts: Sequence[tuple[int, int]]) -> Iterator[tuple[str, Array]]:
    first = max(0, load.begin - RUN_IN_STEPS)
    for name, found in priced.totals(load, forecast, startup, first):
        yield name, scores(found, load, first, startup, parts)
