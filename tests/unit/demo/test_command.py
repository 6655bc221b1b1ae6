"""The command itself: its options, and the sentences about what is missing. Real programs, no cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hack.demo.__main__ import arguments
from hack.demo.errors import DemoError
from hack.demo.processes import Processes

ROOT = Path(__file__).resolve().parents[3]


def demo(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as `make demo` does."""
    return subprocess.run(
        [sys.executable, "-m", "hack.demo", *options],
        cwd=ROOT,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def docker_engine(tmp_path: Path) -> Path:
    """A folder whose `docker` says that an engine answers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = info ]\n')
    docker.chmod(0o755)
    return folder


def test_minutes_and_keep_come_from_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_MINUTES", "3")
    monkeypatch.setenv("KEEP", "1")
    assert (arguments([]).minutes, arguments([]).keep) == (3.0, True)
    assert arguments(["--minutes", "4"]).minutes == 4.0
    monkeypatch.setenv("KEEP", "0")
    monkeypatch.delenv("DEMO_MINUTES")
    assert (arguments([]).minutes, arguments([]).observe_minutes, arguments([]).keep) == (10.0, 2.0, False)


@pytest.mark.parametrize("minutes", ["0", "nonsense", "-1", "nan"])
def test_minutes_that_make_no_sense_are_refused_with_a_sentence(minutes: str) -> None:
    done = demo(DEMO_MINUTES=minutes)
    assert done.returncode == 2
    assert f"minutes must be a number from 0.5 to 720, not '{minutes}'" in done.stderr


def test_where_docker_answers_and_kind_is_missing_one_sentence_says_so(docker_engine: Path, tmp_path: Path) -> None:
    done = demo("--output", str(tmp_path / "out"), PATH=str(docker_engine))
    assert done.returncode == 1
    assert "error: A docker engine answers, so the demo runs on kind; it needs kind, kubectl, helm on the PATH." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_kind_cluster_that_was_begun_is_deleted_when_something_fails(docker_engine: Path, tmp_path: Path) -> None:
    for name, then in (("kind", "exit 0"), ("helm", "exit 0"), ("kubectl", 'echo "no such host" >&2; exit 1')):
        program = docker_engine / name
        program.write_text(f'#!/bin/sh\necho "{name} $1 $2" >> {tmp_path}/called\n{then}\n')
        program.chmod(0o755)
    done = demo("--output", str(tmp_path / "out"), PATH=f"{docker_engine}:/bin:/usr/bin")
    assert done.returncode == 1
    assert re.search(r"error: `kubectl .* apply -f .*` failed: no such host", done.stderr)
    called = (tmp_path / "called").read_text().splitlines()
    assert [line for line in called if line.startswith("kind")] == ["kind create cluster", "kind export logs", "kind delete cluster"]


def test_an_old_result_does_not_pass_for_that_of_a_run_that_failed(docker_engine: Path, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    assert demo("--output", str(tmp_path), PATH=str(docker_engine)).returncode == 1
    assert not (tmp_path / "summary.json").exists()


def test_a_program_that_ends_by_itself_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("k6", ["sh", "-c", "echo no route; exit 3"])
        processes.wait("k6", 10)
        with pytest.raises(DemoError, match=r"(?s)k6 ended \(exit status 3\).*no route"):
            processes.check("k6")


def test_programs_are_ended_in_the_reverse_order_of_their_start(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = 'trap "echo $0 >> {order}; exit 0" TERM; echo up; while :; do sleep 0.05; done'
    with Processes(tmp_path / "logs") as processes:
        for name in ("operator", "agent"):
            processes.start(name, ["sh", "-c", script.format(order=order), name])
            while "up" not in processes.tail(name):
                pass
    assert order.read_text().split() == ["agent", "operator"]
