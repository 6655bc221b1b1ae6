"""`flyball simulate`: a table, a page, and sentences for what cannot be."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from flyball.cli.main import main
from flyball.sim.plots import Line, chart, nice


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["simulate", *arguments])
    return result.exit_code, result.output


def test_a_run_ends_with_a_table_and_a_page_with_plots(tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    status, output = run("--minutes", "3", "--rate", "60", "--output", str(page))
    assert status == 0, output
    assert "cores of quota, mean" in output
    assert "grants alone" in output
    text = page.read_text()
    assert text.count("<svg") == 5
    assert "shop under flyball, seed 1" in text
    assert "http" not in text
    for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(drawing)


def test_a_trace_drives_the_rate(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("10\n20\n")
    status, output = run("--minutes", "1", "--policy", "grant", "--trace", str(trace), "--factor", "2", "--output", str(tmp_path / "p.html"))
    assert status == 0, output
    requests = int(re.search(r"requests +([\d,]+)", output)[1].replace(",", ""))  # type: ignore[index]
    assert requests == pytest.approx(1800, rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--application", "bazaar"], "There is no application 'bazaar'; there are"),
        (["--policy", "hope"], "There is no policy 'hope'; there are"),
        (["--warmup", "60"], "--warmup must be less than --minutes"),
        (["--rate", "-1"], "Rates must be finite and not negative"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(arguments: list[str], message: str, tmp_path: Path) -> None:
    status, output = run(*arguments, "--output", str(tmp_path / "p.html"))
    assert status == 1
    assert message in output


def test_a_broken_trace_is_named(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("many\n")
    status, output = run("--trace", str(trace))
    assert status == 1
    assert "must hold one number of requests per second a line" in output


def test_applications_and_policies_are_listed() -> None:
    status, output = run("--list")
    assert status == 0
    assert "shop" in output
    assert "flyball" in output


def test_a_chart_draws_each_line_and_breaks_it_where_nothing_is_known() -> None:
    drawing = ElementTree.fromstring(
        chart("a & b", [Line("x<y", [0, 1, 2, 3, 4], [1.0, 2.0, float("nan"), 2.0, 1.0]), Line("flat", [0, 4], [1.0, 1.0])])
    )
    assert len([its for its in drawing.iter() if its.tag == "polyline"]) == 3
    assert "x<y" in [its.text for its in drawing.iter()]


@pytest.mark.parametrize(("value", "expected"), [(0.0, 1.0), (0.9, 1.0), (1.1, 2.0), (23.0, 25.0), (0.03, 0.05), (10.0, 10.0)])
def test_axes_have_round_steps(value: float, expected: float) -> None:
    assert nice(value) == pytest.approx(expected)
