"""The engine in the few-shot section: windows of 48 hours it has never met, whole files side by side, and years of hours.

Each piece is kept, so that a run that was broken off goes on.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.forecast import Engine, Settings
from tests.benchmarks.forecast import train
from tests.benchmarks.forecast.cache import cached, identity, source_of
from tests.benchmarks.forecast.data import Series
from tests.benchmarks.forecast.enginerun import FIRST, clock_of, clock_start, table_of

Array = NDArray[np.float64]
SEEN, AHEAD, STEP = 48, 24, 3600


def _key() -> list[str]:
    """Sources of the engine, and what ships with it."""
    return [source_of("flyball.forecast", __name__), hashlib.sha256(train.OUT.read_bytes()).hexdigest()]


def zero_shot(values: Array, clocks: NDArray[np.int64], origins: NDArray[np.int64], name: str) -> Array:
    """(series, origins, 24), of windows of the last 48 hours alone. `clocks`: hour of the day of each series' first value.

    Windows that end at the same hour of the day stand side by side in one engine that is not `pooled`: each is forecast as if it were alone (the
    unit tests hold that), from nothing but its 48 values, its clock and what ships with the package.
    """
    settings = Settings.for_step(STEP, pooled=False)
    ends = (clocks[:, None] + origins) % 24
    made = np.empty((*ends.shape, AHEAD))
    for hour in np.unique(ends):
        rows, columns = np.nonzero(ends == hour)
        windows = values[rows[:, None], origins[columns][:, None] + np.arange(-SEEN + 1, 1)]

        def forecast(hour: int = int(hour), windows: Array = windows) -> dict[str, Array]:
            print(f"few-shot: {name}, {len(windows)} windows that end at {hour} h", file=sys.stderr, flush=True)
            engine = Engine(len(windows), settings)
            engine.backfill(FIRST + (3 * 24 + hour + np.arange(-SEEN + 1, 1) + 1) * STEP, windows.T)
            return {"made": engine.forecast().point}

        made[rows, columns] = cached("fewshot", ["zero", hour, windows, *_key()], forecast)["made"]
    return made


def online(values: Array, clock: int, origins: NDArray[np.int64], static: Array | None = None) -> Array:
    """(series, origins, 24). One engine over all series of a file from their first hour: it knows the others' values before the origin."""

    def forecast() -> dict[str, Array]:
        engine = Engine(len(values), Settings.for_step(STEP), static=static)
        made = np.empty((len(values), len(origins), AHEAD))
        for hour in range(int(origins[-1]) + 1):
            engine.update(FIRST + (clock + hour + 1) * STEP, values[:, hour])
            for place in np.flatnonzero(origins == hour):
                made[:, place] = engine.forecast().point
        return {"made": made}

    return cached("fewshot", ["online", values, clock, origins, static, *_key()], forecast)["made"]


def side_by_side(series: Sequence[Series], origins: Sequence[NDArray[np.int64]]) -> list[Array]:
    """(origins, 24) of each series: one engine over all of them, on their own clocks."""

    def forecast() -> dict[str, Array]:
        first, table = clock_of(series)[0], table_of(series)
        begin = clock_start(series)
        engine = Engine(len(series), Settings.for_step(STEP))
        made = {f"made{column}": np.empty((len(own), AHEAD)) for column, own in enumerate(origins)}
        for now in range(len(table)):
            engine.update(begin + (now + 1) * STEP, table[now])
            asked = [(column, place) for column, own in enumerate(origins) for place in np.flatnonzero(own + first[column] == now)]
            if asked:
                point = engine.forecast().point
                for column, place in asked:
                    made[f"made{column}"][place] = point[column]
        return made

    found = cached("fewshot", ["beside", *(identity(one) for one in series), *origins, *_key()], forecast)
    return [found[f"made{column}"] for column in range(len(series))]
