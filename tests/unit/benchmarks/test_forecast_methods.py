"""The peers of the forecast benchmark: what their descriptions say, and that none of them sees what comes after the origin."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.benchmarks.forecast import accuracy, data, enginerun, rules
from tests.benchmarks.forecast.methods import base, crane_dsp, last_value, mimir_offset, monasca, phpa, seasonal_naive, ses, theta
from tests.benchmarks.forecast.methods.base import Method

DAY = 1440
Array = NDArray[np.float64]


def daily(days: float, noise: float = 0.05, seed: int = 3) -> Array:
    time = np.arange(int(days * DAY))
    rng = np.random.default_rng(seed)
    return np.asarray((2.0 + np.sin(2 * np.pi * time / DAY)) * np.exp(rng.normal(0, noise, len(time))) * 10)


def test_seasonal_naive_is_the_value_of_the_same_minute_yesterday_or_last_week() -> None:
    past = np.arange(8.0 * DAY)
    now = 8 * DAY - 1
    np.testing.assert_array_equal(seasonal_naive.of(1)(past, 60, (1, 60)), [now + 1 - DAY, now + 60 - DAY])
    np.testing.assert_array_equal(seasonal_naive.of(7)(past, 60, (15,)), [now + 15 - 7 * DAY])
    assert seasonal_naive.of(7)(past[:DAY], 60, (15,))[0] == past[DAY - 1]


def test_mimirs_rule_reads_six_days_twenty_three_hours_and_a_half_back_for_every_horizon() -> None:
    past = np.arange(8.0 * DAY)
    np.testing.assert_array_equal(mimir_offset.forecast(past, 60, (1, 60)), np.full(2, 8 * DAY - 1 - (6 * DAY + 23 * 60 + 30)))


def test_the_monasca_regression_is_a_line_through_the_last_twenty_minutes() -> None:
    past = np.concatenate([np.full(500, 77.0), np.random.default_rng(0).uniform(5, 9, 20)])
    slope, level = np.polyfit(np.arange(20), past[-20:], 1)
    np.testing.assert_allclose(monasca.of(20)(past, 60, (1, 15)), [level + slope * 20, level + slope * 34])
    assert (monasca.of(20)(np.linspace(100.0, 1.0, 40), 60, (60,)) == 0).all()


def test_crane_finds_a_day_and_no_period_in_noise() -> None:
    assert crane_dsp.found_season(daily(4), 60) == DAY
    assert crane_dsp.found_season(np.random.default_rng(1).uniform(1, 2, 4 * DAY), 60) is None


def test_crane_plays_the_last_period_again_with_one_of_its_margins() -> None:
    clean = daily(4, noise=0.0)
    cycle = crane_dsp.next_period(clean, DAY, 60)
    # A pure sine is in the spectrum whole, and the least margin errs least.
    np.testing.assert_allclose(cycle, clean[:DAY] * 1.01, rtol=1e-6)
    assert crane_dsp.MARGINS == (0.01, 0.10, 0.15, 0.20) and crane_dsp.SPECTRA == ((3, 1.0), (50, 0.05))
    np.testing.assert_allclose(crane_dsp.largest_of_periods(np.array([1.0, 5.0, 2.0, 3.0]), 2), [2.0, 5.0])


def test_crane_gives_the_last_value_where_it_found_no_period() -> None:
    past = np.random.default_rng(1).uniform(1, 2, 3 * DAY)
    assert (crane_dsp.of("fft")(past, 60, (1, 60)) == past[-1]).all()


def test_phpas_recursion_by_hand() -> None:
    # Season 2, first season 1, 3: level 2, seasonal -1, +1; trend (5 - 2) / 2 with beta > 0.
    values = np.array([1.0, 3.0, 4.0, 6.0])
    level = 0.5 * (4 + 1) + 0.5 * (2 + 1.5)
    trend = 0.1 * (level - 2) + 0.9 * 1.5
    first = 0.2 * (4 - level) + 0.8 * -1
    after = 0.5 * (6 - 1) + 0.5 * (level + trend)
    trend = 0.1 * (after - level) + 0.9 * trend
    second = 0.2 * (6 - after) + 0.8 * 1
    np.testing.assert_allclose(phpa.holt_winters(values, 2, 0.5, 0.1, 0.2, 2), [after + trend + first, after + 2 * trend + second])


def test_means_of_five_minutes_end_at_the_origin_and_steps_lie_between_their_middles() -> None:
    means, span = base.coarse(np.arange(12.0), 60)
    assert span == 5
    np.testing.assert_allclose(means, [4.0, 9.0])
    # A straight line stays one: the last mean's middle is two minutes back.
    np.testing.assert_allclose(base.to_steps(9.0, np.array([14.0, 19.0]), 5, (1, 3, 8)), [12.0, 14.0, 19.0])
    assert base.means_needed((1, 60), 5) * 5 - 2 >= 60


@pytest.mark.parametrize(("forecast", "largest"), [(theta.of(True), 0.6), (ses.forecast, 2.0)])
def test_a_fit_follows_a_daily_pattern(forecast: base.Forecaster, largest: float) -> None:
    whole = daily(4.3, noise=0.0)
    origin = int(4.2 * DAY)
    made = forecast(whole[: origin + 1], 60, (1, 60))
    assert abs(made[1] - whole[origin + 60]) <= largest * abs(whole[origin] - whole[origin + 60])


def test_the_harness_gives_a_method_the_past_and_nothing_else() -> None:
    series = data.Series("made", 60, 0, np.arange(300.0), 100)
    seen: list[Array] = []

    def spy(past: Array, step_seconds: int, ahead: object) -> Array:
        seen.append(past)
        past[:] = -1.0  # what a method does to its copy stays there
        return np.zeros(len(accuracy.asked(60)))

    accuracy.predict(Method("spy", spy, __name__), series, np.array([100, 113]))
    assert [len(past) for past in seen] == [101, 114]
    assert series.values[50] == 50.0


def test_errors_leave_out_unknown_targets_and_ratios_compare_common_origins() -> None:
    values = np.arange(400.0)
    values[160] = np.nan
    series = data.Series("made", 60, 0, values, 100)
    at = np.array([100, 126])
    steps = len(accuracy.asked(60))
    ours = accuracy.Forecasts(at, np.full((2, steps), 115.0))
    theirs = accuracy.Forecasts(at[:1], np.full((1, steps), 117.0))
    mine, last, kept = accuracy.errors(series, ours, 60)
    assert kept.tolist() == [126] and (mine[0], last[0]) == (186 - 115, 60)  # 100 + 60 is unknown
    assert accuracy.against([series], [ours], [theirs], 15).tolist() == [0.0]  # 100 + 15 = 115: no error of ours


def test_the_last_value_has_a_ratio_of_one() -> None:
    series = data.Series("made", 60, 0, daily(2), DAY)
    method = last_value.METHODS[0]
    at = accuracy.origins(series)
    made = accuracy.Forecasts(at, accuracy.predict(method, series, at))
    line = accuracy.row("last value", "", [series], [made])
    assert all(line[f"ratio_{minutes}"] == pytest.approx(1.0) for minutes in (1, 5, 15, 60))


def test_five_minute_series_stand_beside_minutes_and_have_no_minute_of_their_own() -> None:
    minutes = data.Series("fine", 60, 0, daily(2), DAY)
    coarse = data.Series("coarse", 300, 0, daily(5).reshape(-1, 5).mean(axis=1)[:600], 288)
    made = []
    for one in (minutes, coarse):
        at = accuracy.origins(one)
        made.append(accuracy.Forecasts(at, accuracy.predict(seasonal_naive.METHODS[0], one, at)))
    line = accuracy.row("seasonal naive", "", [minutes, coarse], made)
    assert set(line["series"]["1"]) == {"fine"} and set(line["series"]["15"]) == {"fine", "coarse"}
    # A clean day repeats: yesterday is a far better guess for an hour ahead than the present value.
    assert line["ratio_60"] < 0.5 < line["ratio_1"]


def test_the_engine_says_the_same_whatever_comes_later() -> None:
    one = data.Series("a", 60, 5 * DAY * 60, daily(0.4), 100)
    other = data.Series("b", 60, 5 * DAY * 60, daily(0.4, seed=4), 100)
    changed = one.values.copy()
    changed[400:] *= 7
    settings = enginerun.Settings.for_step(60)
    plain = enginerun._run([one, other], settings, (), (), "test")
    later = enginerun._run([data.Series("a", 60, one.start, changed, 100), other], settings, (), (), "test")
    for name in ("point0", "bound0", "point1", "bound1"):
        np.testing.assert_array_equal(plain[name][:400], later[name][:400])
    assert not np.array_equal(plain["point0"][400:], later["point0"][400:])


def test_series_of_other_years_keep_their_hour_and_weekday_on_the_common_clock() -> None:
    monday = data.Series("a", 60, 4 * 86_400 + 3600, np.ones(10), 0)
    later_tuesday = data.Series("b", 60, 700 * 86_400 + 5 * 86_400, np.full(5, 2.0), 0)
    table = enginerun.table_of([monday, later_tuesday])
    first, _ = enginerun.clock_of([monday, later_tuesday])
    assert first == [0, 23 * 60]
    assert table[0, 0] == 1.0 and np.isnan(table[0, 1]) and table[23 * 60, 1] == 2.0
    assert enginerun.clock_start([monday, later_tuesday]) % (7 * 86_400) == monday.start


def test_between_horizons_lies_a_straight_line() -> None:
    found = enginerun.between(np.array([1, 5, 15]), np.array([[1.0, 5.0, 25.0]]), (1, 3, 10, 60))
    np.testing.assert_allclose(found, [[1.0, 3.0, 15.0, 25.0]])


@pytest.mark.parametrize("name", list(rules.RULES))
def test_a_rule_uses_matured_errors_only(name: str) -> None:
    errors = np.random.default_rng(2).normal(0, 1, 600)
    changed = errors.copy()
    changed[400:] += 50
    before, after = (rules.RULES[name](given, 15, 144) for given in (errors, changed))
    # The error of origin 400 is known 15 steps later.
    np.testing.assert_array_equal(before[:415], after[:415])
    assert not np.array_equal(before[415:], after[415:])


@pytest.mark.parametrize("name", list(rules.RULES))
def test_a_rule_covers_what_it_says_on_even_errors(name: str) -> None:
    errors = np.random.default_rng(5).normal(0, 1, 6000)
    margin = rules.RULES[name](errors, 5, 144)
    known = np.isfinite(margin)
    assert known[1000:].all()
    assert np.mean(errors[1000:] <= margin[1000:]) == pytest.approx(0.95, abs=0.02)


def test_the_rolling_quantile_is_the_finite_samples_one() -> None:
    known = np.array([5.0, 1.0, 2.0, 3.0, 4.0, 9.0])
    # Of 5 values at level .5: place ceil(.5 x 6) = 3rd smallest.
    np.testing.assert_array_equal(rules.rolling_quantile(known, 5, 0.5)[4:], [3.0, 3.0])
