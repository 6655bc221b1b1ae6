"""When the image is built anew: when anything that goes into it changed, and only then. The build itself is judged in tests/node/test_chart.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.image import archive, build

TAG = "localhost/flyball:dev"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small tree in the repository's shape, with an archive that was built of it."""
    for name in build.INPUTS:
        if name != "operator":
            (tmp_path / name).write_text(name)
    (tmp_path / "operator" / "flyball").mkdir(parents=True)
    (tmp_path / "operator" / "flyball" / "module.py").write_text("")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    return tmp_path


def test_an_archive_of_the_same_sources_is_kept(sources: Path) -> None:
    output = sources / "flyball.tar"
    output.write_text("built before")
    output.with_suffix(".digest").write_text(build.digest(TAG))
    assert archive(output, TAG).read_text() == "built before"


@pytest.mark.parametrize("changed", [*build.INPUTS[:-1], "operator/flyball/module.py", "operator/flyball/added.py"])
def test_a_change_of_any_input_is_seen(sources: Path, changed: str) -> None:
    before = build.digest(TAG)
    (sources / changed).write_text("changed")
    assert build.digest(TAG) != before


def test_caches_and_other_folders_do_not_count(sources: Path) -> None:
    before = build.digest(TAG)
    (sources / "docs").mkdir()
    (sources / "docs" / "page.md").write_text("new")
    (sources / "operator" / "flyball" / "__pycache__").mkdir()
    (sources / "operator" / "flyball" / "__pycache__" / "module.pyc").write_text("new")
    assert build.digest(TAG) == before


def test_another_name_is_another_archive(sources: Path) -> None:
    assert build.digest(TAG) != build.digest("localhost/flyball:other")


def test_other_extras_are_another_archive_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    assert build.digest(TAG) != build.digest(TAG, ["crosscheck"])
    with pytest.raises(build.ImageError, match=r"no extra 'statsmodel'; there are .*crosscheck"):
        archive(tmp_path / "flyball.tar", TAG, ["statsmodel"])
    assert not list(tmp_path.iterdir())


def test_the_dockerfile_copies_nothing_that_does_not_count() -> None:
    copied = {
        name
        for line in (build.ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    assert copied <= set(build.INPUTS)
