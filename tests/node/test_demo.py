"""`make demo`, shortened: cluster, shop, load, Observe, Enforce, summary, page, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from hack.cluster import Cluster, preflight, tools
from hack.cluster.layout import Flavour
from hack.cluster.process import poll
from hack.demo import shop
from hack.demo.environment import docker_answers

ROOT = Path(__file__).resolve().parents[2]
NAME = f"test-demo-{os.getpid()}"

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(preflight.why_not(Flavour.NODE) is not None, reason=str(preflight.why_not(Flavour.NODE))),
    pytest.mark.skipif(docker_answers(), reason="a docker engine answers, so the demo would run on kind"),
]


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Compiling is not part of the time that a test waits for the demo."""
    for tool in ("kit", "prometheus", "k6", "shop"):
        tools.path(tool)


def command(output: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "hack.demo", "--output", str(output), "--name", NAME, *options]


def left_behind() -> list[str]:
    """What there still is of the demo's cluster: processes with its folder in their command line, and its folder."""
    home = ROOT / "build" / "cluster" / NAME
    found = [str(home)] if home.exists() else []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = line.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(home) in text:
            found.append(text)
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.CompletedProcess[str], Path]]:
    output = tmp_path_factory.mktemp("demo")
    options = ["--minutes", "2", "--observe-minutes", "0.5"]
    yield subprocess.run(command(output, *options), cwd=ROOT, capture_output=True, text=True, timeout=400, check=False), output


def test_the_demo_saves_cores_without_an_error_and_says_so(finished: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, output = finished
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((output / "summary.json").read_text())
    deployments = [one for one in yaml.safe_load_all((shop.FOLDER / "shop.yaml").read_text()) if one["kind"] == "Deployment"]
    limits = [one["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] for one in deployments]
    granted = sum(int(limit.rstrip("m")) for limit in limits) / 1000
    assert result["cores_granted"] == pytest.approx(granted, rel=0.05)
    assert 0.1 < result["cores_used_mean"] < result["cores_allocated_mean"] < granted
    # Little, because beside other work on the machine the guard gives everything back for a minute.
    assert result["saved_percent"] > 10
    assert result["observe"]["saved_percent"] == pytest.approx(0, abs=2)
    assert result["requests"] > 1000
    assert result["errors"] == result["observe"]["errors"] == 0
    assert result["decisions"], "the operator decided nothing"
    assert "Requests not sent on time: 0." in done.stdout
    assert "% saved" in done.stdout
    assert "Given back " in done.stdout
    assert any(line.startswith("Enforce") and "cores" in line for line in done.stdout.splitlines()), "no table was shown"


def test_the_page_of_a_real_run_has_all_its_lines(finished: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, output = finished
    charts = (output / "report.html").read_text().split("<svg")[1:]
    assert len(charts) == 6
    for chart in charts:
        drawn = ElementTree.fromstring("<svg" + chart.split("</svg>")[0] + "</svg>")
        assert [path for path in drawn.iter("path") if path.attrib["d"].count("L") + path.attrib["d"].count("H") > 5], drawn.attrib["aria-label"]


def test_nothing_is_left_of_a_demo_that_ended(finished: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert finished
    assert left_behind() == []
    assert Cluster.find(NAME) is None


def test_ctrl_c_ends_everything_and_exits_130(tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as said:
        running = subprocess.Popen(command(tmp_path), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        try:
            assert poll(lambda: b"warm-up" in (tmp_path / "said").read_bytes(), 180, step=0.5), (tmp_path / "said").read_text()
            assert left_behind()
            running.send_signal(signal.SIGINT)
            running.send_signal(signal.SIGINT)  # an impatient person
            assert running.wait(90) == 130
        finally:
            running.kill()
            running.wait()
    assert left_behind() == []
    assert not (tmp_path / "agent.token").exists()
    assert "Traceback" not in (tmp_path / "said").read_text()
