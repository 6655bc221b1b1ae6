"""Rows of the page after a change of code that concerns no figure: a sample run again decides whether the others may stay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.cpu import page, renew
from tests.benchmarks.cpu.candidates import Candidate
from tests.benchmarks.cpu.cells import Cell
from tests.benchmarks.cpu.plan import UNTUNED, Row
from tests.benchmarks.cpu.runs import Score

SCORE = Score(True, 10.0, 5.0, 11.0, 0.005, 2, 175, 1.2, 0.004, 9.0, 10.0, 0.5, 1.0, 20.0, 3.0, (), ())
SEEDS = range(1, 5)


@pytest.fixture
def a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Four rows of ours under keys of former code, and a peer's. Runs of today say the same."""
    rows = [
        Row("social-network", "diurnal", False, policy, (), UNTUNED, False, "H", True, seed, SCORE, "", f"{policy} {seed} then")
        for policy in ("flyball", "vpa")
        for seed in SEEDS
    ]
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps({"rows": [row.as_json() for row in rows]}))
    monkeypatch.setattr(renew, "PAGE", path)
    monkeypatch.setattr(renew, "where", lambda candidate, cell, seed, *, burst, seconds: Path(f"{candidate.kind} {seed} now.json"))
    monkeypatch.setattr(renew, "score", lambda *_, **__: replace(SCORE, fast_microseconds=99.0))
    monkeypatch.setenv("RUNS", "2")
    request.addfinalizer(page._rows.clear)
    request.addfinalizer(page._renewed.clear)
    return path


def rows_of(path: Path, policy: str) -> list[dict[str, Any]]:
    return [row for row in json.loads(path.read_text())["rows"] if row["policy"] == policy]


def test_where_the_sample_agrees_all_keys_are_todays_and_what_was_not_run_is_marked(a_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert renew.main(["flyball"]) == 0
    ours = rows_of(a_page, "flyball")
    assert [row["key"] for row in ours] == [f"flyball {seed} now" for seed in SEEDS]
    assert sorted(row["renewed"] for row in ours) == [False, False, True, True]
    assert [row["key"] for row in rows_of(a_page, "vpa")] == [f"vpa {seed} then" for seed in SEEDS]
    monkeypatch.setenv("FROM_PAGE", "1")
    page.take(a_page)
    assert [page.renewed(row["key"]) for row in ours] == [row["renewed"] for row in ours]


def test_where_one_figure_differs_nothing_is_written(a_page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = a_page.read_text()

    def other(candidate: Candidate, cell: Cell, seed: int, *, burst: bool, seconds: int) -> Score:
        return replace(SCORE, minutes_over=3) if seed == 4 else SCORE

    monkeypatch.setattr(renew, "score", other)
    assert renew.main(["flyball"]) == 1
    assert "seed 4: minutes_over is 3, was 2" in capsys.readouterr().out
    assert a_page.read_text() == before


@pytest.mark.parametrize(
    ("policies", "runs", "said"),
    [(["flybal"], "2", "no rows of flybal; name one or more of flyball, vpa"), ([], "2", "no rows of no policy"), (["vpa"], "0", "RUNS: '0' is no")],
)
def test_what_does_not_exist_is_refused(policies: list[str], runs: str, said: str, a_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNS", runs)
    with pytest.raises(SystemExit, match=said):
        renew.main(policies)


def test_rows_without_a_key_are_left_for_the_next_run(a_page: Path) -> None:
    content = json.loads(a_page.read_text())
    for row in content["rows"]:
        row["key"] = ""
    a_page.write_text(json.dumps(content))
    assert renew.main(["flyball"]) == 0
    assert {row["key"] for row in rows_of(a_page, "flyball")} == {""}
