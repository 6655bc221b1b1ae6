"""What stands behind constants of the engine: each expert alone, and the combination with other memories of losses, on the tuning series.

`python -m tests.benchmarks.forecast.choices` prints two tables; docs/designs/0006 quotes them. One pass of the engine records what every expert said
at 15 and 60 minutes; the combination is then played again, matured losses only, by the engine's own `Aggregator`. Some minutes the first time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flyball.forecast import Engine, Settings
from flyball.forecast.aggregate import Aggregator
from flyball.forecast.experts import ensemble, priors
from flyball.forecast.pending import Matured, Pending
from tests.benchmarks.forecast import data, metrics
from tests.benchmarks.forecast.cache import Arrays, cached, identity, source_of
from tests.benchmarks.forecast.data import MINUTES_A_DAY, Series
from tests.benchmarks.forecast.enginerun import clock_of, clock_start, table_of
from tests.benchmarks.forecast.origins import origins
from tests.benchmarks.forecast.report import table

Array = NDArray[np.float64]
MINUTES = (15, 60)
MEMORIES_DAYS = (1.0, 3.0, 7.0, 14.0)
SETTINGS = Settings.for_step(60)


class Recorded(Pending):
    """Keeps all that was said at MINUTES, and not only what the engine learns from."""

    def __init__(self, experts: int, count: int, steps: int) -> None:
        super().__init__(experts, SETTINGS.horizons, count)
        self.places = [SETTINGS.horizons.index(minutes) for minutes in MINUTES]
        self.said = np.zeros((steps, experts, len(MINUTES), count), np.float32)
        self.heard = np.zeros((steps, experts, count), np.bool_)
        self.now = 0

    def keep(
        self, step: int, experts: NDArray[np.float32], last: NDArray[np.float32], level: NDArray[np.float32], *others: NDArray[np.float32]
    ) -> None:
        mixture, given, scale, awake = others
        self.said[self.now], self.heard[self.now] = experts[:, self.places], awake
        self.now += 1
        super().keep(step, experts, last, level, mixture, given, scale, awake)


def recorded(series: Sequence[Series]) -> Arrays:
    """What each expert said (steps, experts, MINUTES, series), who was awake (steps, experts, series), and usual sizes (steps, series)."""

    def make() -> Arrays:
        values, begin = table_of(series), clock_start(series)
        engine = Engine(len(series), SETTINGS)
        engine.pending = kept = Recorded(len(engine.experts), len(series), len(values))
        sizes = np.empty(values.shape)
        for now, row in enumerate(values):
            engine.update(begin + (now + 1) * 60.0, row)
            sizes[now] = engine.history.size
            if now % 5000 == 0:
                print(f"  {100 * now / len(values):.0f} % of {len(values)} steps", file=sys.stderr, flush=True)
        return {"said": kept.said.astype(np.float64), "heard": kept.heard.astype(np.float64), "sizes": sizes}

    return cached("choices", ["choices", source_of("flyball.forecast", __name__), *(identity(one) for one in series)], make)


def combined(series: Sequence[Series], found: Arrays, minutes: int, memory_days: float) -> Array:
    """The combination at each step (steps, series) if losses were remembered for so long."""
    prior = priors(ensemble(len(series), SETTINGS, None), replace(SETTINGS, horizons=(minutes,)))
    aggregator = Aggregator(prior, 1, len(series), memory_days * MINUTES_A_DAY)
    said, heard = found["said"][:, :, MINUTES.index(minutes)].astype(np.float32), found["heard"] > 0
    values, first = table_of(series), clock_start(series) // 60
    kept = Pending(said.shape[1], (minutes,), len(series))
    mixture = np.zeros(values.shape, np.float32)
    zero = np.zeros(len(series), np.float32)
    for now, row in enumerate(values):
        matured: Matured | None = kept.matured(first + now)
        if matured is not None:
            aggregator.learn(matured, np.nan_to_num(row).astype(np.float32), np.isfinite(row)[None], found["sizes"][now].astype(np.float32))
        mixture[now] = (aggregator.weights(heard[now])[:, 0] * said[now]).sum(axis=0)
        each = mixture[now][None]
        kept.keep(first + now, said[now][:, None], zero, zero, each, each, np.ones_like(each), heard[now])
    return mixture.astype(np.float64)


def ratios(series: Sequence[Series], made: Array, minutes: int) -> list[float]:
    """Of each series: summed error of (steps, series) over that of the last value, on the origins of the section accuracy."""
    found = []
    for column, (first, one) in enumerate(zip(clock_of(series)[0], series, strict=True)):
        at = origins(one)
        actual, last = one.values[at + minutes], one.values[at]
        found.append(metrics.error_ratio(made[first + at, column], last, actual))
    return found


def main() -> int:
    try:
        series = data.tuning()
    except data.DataMissing as error:
        print(error)
        return 1
    found = recorded(series)
    names = [expert.name for expert in ensemble(len(series), SETTINGS, None)]
    for minutes in MINUTES:
        lines = [(name, found["said"][:, place, MINUTES.index(minutes)]) for place, name in enumerate(names)]
        lines += [(f"combination, {days:g} d", combined(series, found, minutes, days)) for days in MEMORIES_DAYS]
        print(f"\n{minutes} minutes ahead: error over that of the last value. An expert that slept counts as 0.\n")
        rows = []
        for name, made in lines:
            each = ratios(series, made, minutes)
            rows.append([name, *(f"{one:.3f}" for one in each), f"{metrics.geometric_mean(np.array(each)):.3f}"])
        print(table(("expert", *(one.name for one in series), "mean"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
