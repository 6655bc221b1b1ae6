"""`flyball forecast` on files: figures, page, and sentences for what cannot be."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from flyball.cli.forecast import grid
from flyball.cli.main import main


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day and a half of a daily curve, a value each minute, with a header and a gap."""
    file = tmp_path_factory.mktemp("history") / "demand.csv"
    lines = [f"{1_700_000_040 + 60 * minute},{500 + 400 * math.sin(minute / 229.2):.1f}" for minute in range(2200) if not 1000 < minute < 1010]
    file.write_text("\n".join(["time,value", *lines]) + "\n")
    return file


def test_figures_for_machines_and_a_page_for_people(history: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = CliRunner().invoke(main, ["forecast", "--csv", str(history), "--json", "--capacity", "100", "-o", str(page)])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures["horizons"]["15"]["count"] > 600
    assert figures["policies"][0]["name"] == "with forecasts"
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
