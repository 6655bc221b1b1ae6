"""Crane's DSP: find the day or the week in the spectrum, keep the largest terms, play the last period again with a margin.

Re-made from its description (reference/autoscalers.md, 6; forecasting.md, 2.1): gaps filled, clipped at the 0.1th and 99.9th percentile; a period is
one when the autocorrelation peaks there and stands out of 100 shuffles at their 99th percentile; eight estimators (at least 3 spectrum terms above
amplitude 1, or 50 above .05; margins 1, 10, 15, 20 %), the one with the least error on the last period chosen. Frequencies up to one an hour stay
whatever their amplitude; 100 terms at most count above. A series without a period is not forecast: the last value stands in. The other published
estimator, the largest value of past periods, is given as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.forecast.methods.base import DAY_SECONDS, Array, Forecaster, Method, fit_window

MARGINS = (0.01, 0.10, 0.15, 0.20)
SPECTRA = ((3, 1.0), (50, 0.05))
"""(terms kept at least, smallest amplitude of more)."""
MOST_TERMS = 100
ALWAYS_KEPT_HZ = 1 / 3600
CLIP = (0.1, 99.9)
SHUFFLES, SHUFFLE_PERCENTILE = 100, 99
HISTORY_DAYS = 15
FLOOR = 0.01


def autocorrelation(values: Array) -> Array:
    centred = values - values.mean()
    power = np.abs(np.fft.rfft(centred, 2 * len(values))) ** 2
    found = np.fft.irfft(power)[: len(values)]
    return np.asarray(found / max(found[0], 1e-12))


def periodic(values: Array, season: int, seed: int = 0) -> bool:
    """Whether the spectrum stands out of shuffles at the season, and the autocorrelation has a peak near it."""
    if len(values) < 2 * season:
        return False
    centred = values[len(values) % season :] - values.mean()
    spectrum = np.abs(np.fft.rfft(centred))
    rng = np.random.default_rng(seed)
    loudest = [np.abs(np.fft.rfft(rng.permutation(centred)))[1:].max() for _ in range(SHUFFLES)]
    if spectrum[len(centred) // season] <= np.percentile(loudest, SHUFFLE_PERCENTILE):
        return False
    correlation = autocorrelation(values)
    around = correlation[season - season // 8 : season + season // 8 + 1]
    peak = int(np.argmax(around))
    return bool(around[peak] > 0.0 and 0 < peak < len(around) - 1)


def smoothed(values: Array, step_seconds: int, terms: int, amplitude: float) -> Array:
    """The signal from its loudest terms."""
    spectrum = np.fft.rfft(values)
    loud = np.abs(spectrum) / len(values)
    ordered = np.sort(loud[1:])[::-1]
    least = max(ordered[min(MOST_TERMS, len(ordered)) - 1], amplitude)
    least = min(least, ordered[min(terms, len(ordered)) - 1])
    frequencies = np.fft.rfftfreq(len(values), step_seconds)
    kept = np.where((loud >= least) | (frequencies <= ALWAYS_KEPT_HZ), spectrum, 0.0)
    return np.asarray(np.maximum(np.fft.irfft(kept, len(values)), FLOOR * values.max() / 100))


def next_period(values: Array, season: int, step_seconds: int) -> Array:
    """The next season as Crane's best estimator sees it. Needs two whole seasons or more; uses whole ones."""
    whole = values[len(values) % season :]
    bases = {
        spectrum: (
            smoothed(whole[:-season], step_seconds, *spectrum)[-season:],
            smoothed(whole, step_seconds, *spectrum)[-season:],
        )
        for spectrum in SPECTRA
    }
    actual = whole[-season:]
    candidates = [(float(np.abs(past * (1 + margin) - actual).mean()), now * (1 + margin)) for past, now in bases.values() for margin in MARGINS]
    return min(candidates, key=lambda one: one[0])[1]


def largest_of_periods(values: Array, season: int) -> Array:
    whole = values[len(values) % season :]
    return np.asarray(whole.reshape(-1, season).max(axis=0))


def found_season(values: Array, step_seconds: int) -> int | None:
    for days in (1, 7):
        season = days * DAY_SECONDS // step_seconds
        if periodic(values, season):
            return season
    return None


def of(rule: str) -> Forecaster:
    def forecast(past: Array, step_seconds: int, ahead: Sequence[int]) -> Array:
        window = fit_window(past, step_seconds, HISTORY_DAYS)
        values = np.clip(window, *np.percentile(window, CLIP))
        season = found_season(values, step_seconds)
        if season is None:
            return np.full(len(ahead), past[-1])
        cycle = next_period(values, season, step_seconds) if rule == "fft" else largest_of_periods(values, season)
        return cycle[(np.asarray(ahead) - 1) % season]

    return forecast


METHODS = (
    Method("Crane DSP", of("fft"), __name__, 8, "8 FFT estimators chosen by backtest, made anew at each origin (Crane: each 12 h)"),
    Method("Crane DSP, max of periods", of("max"), __name__, 8, ""),
)
