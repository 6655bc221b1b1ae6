"""The forecast benchmark's command: what is asked for, and what an earlier run has left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.forecast import __main__ as command
from tests.benchmarks.forecast.data import DataMissing


def test_held_out_series_are_left_alone_added_or_run_alone() -> None:
    assert [command.asked(holdout) for holdout in ("0", "1", "only")] == [("",), ("", "_holdout"), ("_holdout",)]
    with pytest.raises(DataMissing, match=r"HOLDOUT is 'yes'; it may be 0, 1, only\."):
        command.asked("yes")


def test_what_is_not_run_again_comes_from_the_last_run_here_or_else_from_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, page = tmp_path / "here.json", tmp_path / "page.json"
    monkeypatch.setattr(command, "OUT", here)
    monkeypatch.setattr(command, "PAGE", page)
    assert command.before(quick=False)["rows"] == []
    page.write_text(json.dumps({"run": {"quick": False}, "rows": ["page"]}))
    assert command.before(quick=False)["rows"] == ["page"]
    assert command.before(quick=True)["rows"] == []
    here.write_text(json.dumps({"run": {"quick": True}, "rows": ["quick"]}))
    assert (command.before(quick=False)["rows"], command.before(quick=True)["rows"]) == (["page"], ["quick"])
    here.write_text(json.dumps({"run": {"quick": False}, "rows": ["here"]}))
    assert command.before(quick=False)["rows"] == ["here"]
