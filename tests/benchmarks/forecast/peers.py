"""The peers: what people use for such series, each with the settings that served it best in the reference's experiment.

A peer gets the values up to an origin and gives one value for each horizon. Library methods are fitted on five-minute means of the last week and
refitted at most every half hour; between, the origin's own forecast is read at the later distance.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FIT_DAYS = 7
MEAN_SECONDS = 300
REFIT_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Peer:
    """`fit(means, season, ahead)`: values of `ahead` five-minute steps after the last of `means`; season in steps."""

    name: str
    fit: Callable[[Array, int, int], Array]


def rules(values: Array, day: int, origins: NDArray[np.int64], horizons: tuple[int, ...]) -> dict[str, Array]:
    """The peers that need no fit: (origins, horizons) each."""
    filled = forward_filled(values)
    ahead = np.array(horizons)
    found = {"last value": np.repeat(filled[origins][:, None], len(horizons), axis=1)}
    for name, back in (("yesterday", day), ("last week", 7 * day)):
        places = origins[:, None] + ahead - back
        found[name] = np.where(places >= 0, filled[np.maximum(places, 0)], np.nan)
    points = 20
    windows = filled[origins[:, None] - np.arange(points)[::-1]]
    times = np.arange(points) - (points - 1)
    slope = ((times - times.mean()) * windows).sum(axis=1) / ((times - times.mean()) ** 2).sum()
    found["Monasca's line"] = np.maximum(0.0, windows.mean(axis=1)[:, None] + slope[:, None] * (ahead - times.mean()))
    return found


def fitted(peer: Peer, values: Array, step_seconds: int, origins: NDArray[np.int64], horizons: tuple[int, ...]) -> Array:
    """(origins, horizons): a peer that is refitted every half hour."""
    wide = max(1, MEAN_SECONDS // step_seconds)
    season = 86_400 // (wide * step_seconds)
    refit = max(1, REFIT_SECONDS // (wide * step_seconds))
    filled = forward_filled(values)
    found = np.full((len(origins), len(horizons)), np.nan)
    made: tuple[int, Array] | None = None
    ahead = max(horizons) // wide + refit + 2
    for place, origin in enumerate(origins):
        end = (origin + 1) // wide  # whole five minutes up to the origin
        if made is None or end - made[0] >= refit:
            first = max(0, end - FIT_DAYS * season)
            means = filled[first * wide : end * wide].reshape(-1, wide).mean(axis=1)
            made = (end, _safe(peer, means, season, ahead))
        # The middle of five-minute step k after the fit lies (k + .5) * wide - .5 steps after its last step.
        middles = made[0] * wide - 1 + (np.arange(ahead) + 0.5) * wide + 0.5
        anchor = filled[origin]
        times = np.concatenate([[min(origin, middles[0] - 1e-6)], middles])
        found[place] = np.interp(origin + np.array(horizons), times, np.concatenate([[anchor], made[1]]))
    return found


def _safe(peer: Peer, means: Array, season: int, ahead: int) -> Array:
    """A fit that fails or diverges gives the last value, as a person who runs it would see it do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = np.asarray(peer.fit(means, season, ahead), np.float64)
        except (ValueError, FloatingPointError, np.linalg.LinAlgError):
            made = np.full(ahead, means[-1])
    return np.where(np.isfinite(made) & (made < 100 * means.max()), np.maximum(made, 0.0), means[-1])


def library() -> list[Peer]:
    """Peers from statsmodels, and from statsforecast and prophet where they are installed (extra `bench`)."""
    found = [Peer("SES", _ses), Peer("Theta on logs", _theta), Peer("Holt-Winters", _holt_winters), Peer("STLForecast", _stl)]
    try:
        import statsforecast  # noqa: F401, PLC0415

        found += [Peer("DynamicOptimizedTheta", _dot), Peer("MSTL", _mstl)]
    except ImportError:
        print("statsforecast is not installed (pip install 'flyball[bench]'): its rows are missing.")
    return found


def _ses(means: Array, season: int, ahead: int) -> Array:
    from statsmodels.tsa.holtwinters import SimpleExpSmoothing  # noqa: PLC0415

    return np.asarray(SimpleExpSmoothing(means, initialization_method="estimated").fit().forecast(ahead))


def _theta(means: Array, season: int, ahead: int) -> Array:
    from statsmodels.tsa.forecasting.theta import ThetaModel  # noqa: PLC0415

    size = max(means.mean(), 1e-9)
    made = ThetaModel(np.log1p(10 * means / size), period=season, method="additive").fit(use_mle=False).forecast(ahead)
    return np.asarray(np.expm1(np.asarray(made)) * size / 10)


def _holt_winters(means: Array, season: int, ahead: int) -> Array:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # noqa: PLC0415

    model = ExponentialSmoothing(means, trend="add", damped_trend=True, seasonal="add", seasonal_periods=season, initialization_method="heuristic")
    return np.asarray(model.fit(optimized=True, method="L-BFGS-B", minimize_kwargs={"options": {"maxiter": 20}}).forecast(ahead))


def _stl(means: Array, season: int, ahead: int) -> Array:
    from statsmodels.tsa.arima.model import ARIMA  # noqa: PLC0415
    from statsmodels.tsa.forecasting.stl import STLForecast  # noqa: PLC0415

    return np.asarray(STLForecast(means, ARIMA, model_kwargs={"order": (1, 1, 0)}, period=season).fit().forecast(ahead))


def _dot(means: Array, season: int, ahead: int) -> Array:
    from statsforecast.models import DynamicOptimizedTheta  # noqa: PLC0415

    return np.asarray(DynamicOptimizedTheta(season_length=season).forecast(means, h=ahead)["mean"])


def _mstl(means: Array, season: int, ahead: int) -> Array:
    from statsforecast.models import MSTL  # noqa: PLC0415

    return np.asarray(MSTL(season_length=[season]).forecast(means, h=ahead)["mean"])


def forward_filled(values: Array) -> Array:
    """Gaps take the value before them; a gap at the start takes the first value."""
    known = np.isfinite(values)
    places = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return values[np.where(places >= 0, places, int(np.argmax(known)))]
