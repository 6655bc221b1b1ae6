"""`python -m tests.benchmarks.forecast.fewshot_choices`: what the constants of the two days and of the pool were chosen by.

Each source (ECL, Traffic, crane) is forecast by weights that have not seen it, and by a pool of the other kind of sources (crane, or ECL and
Traffic): mean squared error in deviations of the window, over that of yesterday's values, geometric mean over the nine. Beside it the files of
the few-shot section.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from flyball.forecast.experts import echo, twodays
from flyball.forecast.pool import ALPHA, Pool
from flyball.forecast.shipped import HOURS_AHEAD, HOURS_SEEN
from tests.benchmarks.forecast import data, metrics, train
from tests.benchmarks.forecast.fewshot import EVERY
from tests.benchmarks.forecast.report import number, table

Array = NDArray[np.float64]
Forecast = Callable[[Array], Array]
"""48 hours (48, n) to the next 24."""
Maker = Callable[[list[train.Source], float], Forecast]
PENALTY_OF_LAGS = 0.1


def lags(given: list[train.Source]) -> Forecast:
    """A ridge on all 48 hours in place of features."""
    gram, moment = PENALTY_OF_LAGS * np.eye(HOURS_SEEN), np.zeros((HOURS_SEEN, HOURS_AHEAD))
    for source in given:
        windows = source.windows()
        mean, size = twodays.measure(windows[:HOURS_SEEN])
        x, y = (windows[:HOURS_SEEN] - mean) / size, np.clip((windows[HOURS_SEEN:] - mean) / size, -echo.CLIP, echo.CLIP)
        gram, moment = gram + x @ x.T / x.shape[1], moment + x @ y.T / x.shape[1]
    weights = np.linalg.solve(gram, moment)

    def forecast(values: Array) -> Array:
        mean, size = twodays.measure(values)
        return np.maximum(mean + size * (weights.T @ ((values - mean) / size)), 0.0)

    return forecast


def two_days(given: list[train.Source], moved: float) -> Forecast:
    weights = train.days(given)
    return lambda values: np.asarray(twodays.continued(values, weights, moved), np.float64)


def pool(given: Pool) -> Forecast:
    return lambda values: np.asarray(echo.echoed(values.astype(np.float32), given, np.zeros((values.shape[1], 0), np.float32)), np.float64)


def mixed(one: Forecast, other: Forecast, share: float) -> Forecast:
    return lambda values: (1 - share) * one(values) + share * other(values)


def of_yesterday(forecast: Forecast, source: train.Source) -> float:
    windows = source.windows()
    size = twodays.measure(windows[:HOURS_SEEN])[1]
    errors = [((made - windows[HOURS_SEEN:]) / size) ** 2 for made in (forecast(windows[:HOURS_SEEN]), windows[HOURS_SEEN - 24 : HOURS_SEEN])]
    return float(errors[0].mean() / errors[1].mean())


def edge(name: str) -> Array:
    """(72, windows): all of the few-shot section's."""
    values = data.edge(f"ECW_{name}")[:, :, 0]
    origins = np.arange(HOURS_SEEN - 1, values.shape[1] - HOURS_AHEAD, EVERY)
    return values[:, origins[:, None] + np.arange(-HOURS_SEEN + 1, HOURS_AHEAD + 1)].reshape(-1, HOURS_SEEN + HOURS_AHEAD).T


def main() -> int:
    given = train.sources()
    crane = [one for one in given if one.name.startswith("crane")]
    others = [one for one in given if not one.name.startswith("crane")]
    files = [edge("newapp"), edge("switch")]
    lines = []

    def look(title: str, make: Maker, alpha: float = ALPHA, learned: list[train.Source] | None = None) -> None:
        """`make` from the sources that may be learned from and the threshold's alpha; `learned`: a subset of them, not left out one by one."""
        of_sources = "-"
        if learned is None:
            ratios = [of_yesterday(make([other for other in given if other is not one], alpha), one) for one in given]
            of_sources = number(metrics.geometric_mean(np.array(ratios)))
        forecast = make(learned or given, alpha)
        away = [forecast(windows[:HOURS_SEEN]) - windows[HOURS_SEEN:] for windows in files]
        lines.append([title, of_sources, *(f"{(one**2).mean():.4f} / {np.abs(one).mean():.4f}" for one in away)])
        print(f"few-shot choices: {title}", file=sys.stderr, flush=True)

    pools: dict[tuple[float, int], Pool] = {}

    def met(allowed: list[train.Source], alpha: float) -> Forecast:
        """A pool of all sources, or, where one is left out, of the other kind."""
        left_out = {one.name for one in given} - {one.name for one in allowed}
        kind = given if not left_out else others if left_out <= {one.name for one in crane} else crane
        key = (alpha, len(kind))
        pools[key] = pools.get(key) or train.pool_of(kind, alpha)
        return pool(pools[key])

    look("48 lags", lambda allowed, _: lags(allowed))
    for moved in (0.0, 0.1, twodays.MOVED, 0.3):
        look(f"two days, last value {moved:g}", lambda allowed, _, moved=moved: two_days(allowed, moved))
    look("the same with 0, crane alone", lambda allowed, _: two_days(allowed, 0.0), learned=crane)
    look("the same with 0, ECL and Traffic alone", lambda allowed, _: two_days(allowed, 0.0), learned=others)
    for alpha in (0.5, ALPHA, 3.0):
        look(f"echo, alpha {alpha:g}", met, alpha)
    for share in (0.1, 0.2, 0.3):
        look(
            f"two days, last value 0, and {share:g} echo",
            lambda allowed, alpha, share=share: mixed(two_days(allowed, 0.0), met(allowed, alpha), share),
        )
    print(table(("forecast", "unseen source, over yesterday's", "newapp, MSE / MAE", "switch, MSE / MAE"), lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
