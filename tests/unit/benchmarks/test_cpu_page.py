"""Rows of the page that are taken over instead of run: only with FROM_PAGE=1, and only where nothing that decides them has changed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.cpu import kept, page, plan, report, runs
from tests.benchmarks.cpu.candidates import Candidate
from tests.benchmarks.cpu.cells import Cell
from tests.benchmarks.cpu.plan import FULL, PER_CELL, UNTUNED, Row
from tests.benchmarks.cpu.runs import Score

CELL = Cell("social-network/diurnal", "social-network", "diurnal", False, 20.0)
SCORE = Score(True, 10.0, 5.0, 11.0, 0.005, 2, 175, 1.2, 0.004, 9.0, 10.0, 0.5, 1.0, 20.0, 3.0, (10.0, 9.0), (0.8, 1.1))
PEER = Candidate("k8s-cpu-fast", (0.84,))


@pytest.fixture
def a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """One peer's rows at three seeds, as a table holds them; names of scores are made of what is asked, code and all left out."""

    def where(candidate: Candidate, cell: Cell, seed: int, *, burst: bool, seconds: int) -> Path:
        return tmp_path / "cache" / f"{candidate}, {cell.name}, {seed}, {burst}, {seconds}.json"

    for module in (page, plan, runs):
        monkeypatch.setattr(module, "where", where)
    about = ("social-network", "diurnal", False, PEER.kind, PEER.params, PER_CELL, False, "H", True)
    rows = [
        Row(*about, seed, replace(SCORE, cores=10.0 + seed), "", where(PEER, CELL, seed, burst=False, seconds=10_800).stem) for seed in FULL.seeds
    ]
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps({"rows": [row.as_json() for row in rows] + [{"policy": "of a page without names"}]}, allow_nan=False))
    request.addfinalizer(page._rows.clear)
    request.addfinalizer(kept.TAKEN.clear)
    return path


def no_run(*_: object, **__: object) -> None:
    raise AssertionError("nothing was to be run")


@pytest.mark.parametrize("score", [SCORE, replace(SCORE, cores_warmed=math.nan), runs._lost()], ids=["whole", "half unknown", "given up"])
def test_a_row_tells_all_of_a_score_but_its_minutes(score: Score) -> None:
    told = json.loads(json.dumps(page.figures_of(score), allow_nan=False))
    again = Score(**page.score_of(told))  # type: ignore[arg-type]
    assert str(again) == str(replace(score, quota_by_minute=(), p99_by_minute=()))
    assert again.meets("H") == score.meets("H") and again.meets("M") == score.meets("M")


def test_a_tuned_peer_is_taken_over_whole(a_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_PAGE", "1")
    page.take(a_page)
    monkeypatch.setattr(runs, "load", no_run)
    rows = plan.tuned(CELL, PEER.kind, FULL, burst=False, objective="H")
    assert [(row.parameters, row.seed, row.score.cores, row.met) for row in rows] == [((0.84,), seed, 10.0 + seed, True) for seed in (1, 2, 3)]


def test_a_run_whose_minutes_are_not_known_is_not_drawn() -> None:
    ours = Row("a", "diurnal", False, "flyball", (), UNTUNED, False, "H", True, 1, SCORE)
    peer = replace(ours, policy="k8s-cpu-fast", tuning=PER_CELL, score=replace(SCORE, quota_by_minute=(), p99_by_minute=()))
    drawn = report._example([peer, ours])
    assert drawn is not None and [name for name, _ in drawn[1]] == ["flyball"]
    assert report._example([peer]) is None


def test_without_being_asked_for_nothing_is_taken_over(a_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FROM_PAGE", raising=False)
    page.take(a_page)
    assert not kept.TAKEN
    assert page.parameters(CELL, PEER.kind, FULL.seeds, burst=False, objective="H", tuning=PER_CELL, seconds=10_800) is None


@pytest.mark.parametrize(
    "other",
    [{"seconds": 3_900}, {"seeds": (1,)}, {"burst": True}, {"objective": "M"}, {"kind": "k8s-cpu"}, {"cell": replace(CELL, trace="noisy")}],
    ids=lambda other: next(iter(other)),
)
def test_what_was_found_elsewhere_is_not_taken_for_this(other: dict[str, object], a_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_PAGE", "1")
    page.take(a_page)
    asked = {"cell": CELL, "kind": PEER.kind, "seeds": FULL.seeds, "burst": False, "objective": "H", "tuning": PER_CELL, "seconds": 10_800}
    assert page.parameters(**asked) == PEER.params  # type: ignore[arg-type]
    assert page.parameters(**(asked | other)) is None  # type: ignore[arg-type]
