"""`flyball forecast` on files: figures, page, and sentences for what cannot be."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from flyball.cli.forecast import _second, figures, grid
from flyball.cli.forecast_report import page, summary
from flyball.cli.main import main
from flyball.crosscheck import theta
from flyball.replicas.backtest import Backtest, Outcome, Score


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day and a half of a daily curve, a value each minute, with a header and a gap."""
    file = tmp_path_factory.mktemp("history") / "demand.csv"
    lines = [f"{1_700_000_040 + 60 * minute},{500 + 400 * math.sin(minute / 229.2):.1f}" for minute in range(2200) if not 1000 < minute < 1010]
    file.write_text("\n".join(["time,value", *lines]) + "\n")
    return file


def test_figures_for_machines_and_a_page_for_people(history: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = CliRunner().invoke(main, ["forecast", "--csv", str(history), "--json", "--capacity", "100", "--short-minute", "50", "-o", str(page)])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures["horizons"]["15"]["count"] > 600
    assert figures["policies"][0]["name"] == "with forecasts, a short minute at 50 minutes of a replica"
    assert figures["policies"][0]["replica_hours"] > 0
    text = page.read_text()
    assert text.count("<svg") == 2
    assert "NaN" not in text and "nan" not in text.split("<h2>")[1].split("</svg>")[0]


def test_a_file_that_is_too_short_is_told_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "short.csv"
    file.write_text("\n".join(f"{60 * minute},1" for minute in range(1, 100)))
    done = CliRunner().invoke(main, ["forecast", "--csv", str(file)])
    assert done.exit_code == 1
    assert "36 are the least" in done.output


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    file.write_text("time,value\n60,1\n120,many\n")
    done = CliRunner().invoke(main, ["forecast", "--csv", str(file)])
    assert done.exit_code == 1
    assert "line 3" in done.output


@pytest.mark.parametrize(
    ("options", "sentence"), [([], "Say where the demand comes from"), (["--query", "up", "--prometheus", ""], "--query needs --prometheus")]
)
def test_missing_options_are_told(options: list[str], sentence: str) -> None:
    done = CliRunner().invoke(main, ["forecast", *options])
    assert done.exit_code == 2
    assert sentence in done.output


def test_values_further_apart_than_a_minute_are_held_and_gaps_stay_gaps() -> None:
    times, series = grid({300.0: 1.0, 600.0: 2.0, 900.0: 3.0, 1800.0: 4.0})
    assert times[0] == 300.0 and times[-1] == 1800.0
    assert series[:11] == [1.0] * 5 + [2.0] * 5 + [3.0]
    assert math.isnan(series[20])
    assert series[-1] == 4.0


def test_several_values_of_a_minute_are_averaged() -> None:
    assert grid({15.0: 1.0, 30.0: 2.0, 60.0: 3.0, 75.0: 8.0}) == ([60.0, 120.0], [2.0, 8.0])


def two_days_and_more() -> tuple[list[float], list[float]]:
    start = 1_700_000_000 - 1_700_000_000 % 86_400
    minutes = range(1, 2 * 1440 + 121)
    return [start + 60.0 * minute for minute in minutes], [500 + 400 * math.sin(minute / 229.2) + minute % 7 for minute in minutes]


def backtest(times: list[float], series: list[float]) -> Backtest:
    """As if the forecast had erred by 10 on each minute of the last hour."""
    scores = {minutes: Score(60, 600.0, 1200.0, 1800.0, 57) for minutes in (5, 15)}
    last = slice(-60, None)
    point = [value + 10 for value in series[last]]
    return Backtest(times[last], series[last], point, point, scores, [Outcome("with forecasts", replicas=[1] * 60)], "Ok")


def test_theta_is_shown_beside_the_forecast_and_compared_on_the_same_minutes() -> None:
    times, series = two_days_and_more()
    result = backtest(times, series)
    second = _second(times, series, result, 120.0, quiet=True)
    assert second
    assert (second.minutes, second.count) == (2, 2), "two of the four are in the hour that the forecast was scored on"
    assert second.ours == pytest.approx(20.0)
    assert second.theirs < 200
    assert second.horizons[15].count == 4
    text = summary(result, 100.0, 120.0, 95.0, second)
    assert "COVERED (95 % WANTED)   THETA" in text
    assert "2 min ahead, on the same 2 minutes, it erred" in text and "and the forecast 10." in text
    told = figures(result, 100.0, second)["theta"]
    assert told["same_minutes"]["forecast_error"] == pytest.approx(10.0)
    assert set(told["horizons"]) == {"5", "15"}
    assert second.sentence in page(result, "demand", 100.0, 120.0, 95.0, second)


def test_without_statsmodels_or_two_days_there_is_no_second_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    times, series = two_days_and_more()
    assert _second(times[:2000], series[:2000], backtest(times[:2000], series[:2000]), 120.0, quiet=True) is None
    monkeypatch.setattr(theta, "available", lambda: False)
    assert _second(times, series, backtest(times, series), 120.0, quiet=True) is None
    assert "THETA" not in summary(backtest(times, series), 100.0, 120.0, 95.0)
