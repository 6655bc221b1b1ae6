"""The code in docs/simulator.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flyball.sim.example import shop
from flyball.sim.run import simulate

PAGE = Path(__file__).resolve().parents[3] / "docs" / "simulator.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def block(containing: str) -> str:
    (found,) = (its for its in BLOCKS if containing in its)
    return found


class Pond:
    """The least of a plant: half a core of work under a limit of one, a hundred requests a second, one in 200 slow while throttled."""

    limit = 1.0

    def __init__(self) -> None:
        self.quotas = [self.limit]

    def second(self) -> tuple[float, int, float]:
        quota = self.quotas[-1]
        return min(0.5, quota), 3 if quota < 0.55 else 0, quota

    def set_quota(self, cores: float) -> None:
        self.quotas.append(cores)

    def requests(self, last_seconds: float) -> tuple[float, float]:
        total = 100.0 * last_seconds
        return total * (0.995 if self.quotas[-1] < 0.55 else 1.0), total


def run(code: str, **names: Any) -> dict[str, Any]:
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_a_run_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    run(block("from flyball.sim.bridge import Product").replace("3600", "240"))
    cores, *_, met = capsys.readouterr().out.split()
    assert 0 < float(cores) < 16
    assert met in ("True", "False")


def test_an_application_of_ones_own() -> None:
    assert run(block("mine = Application"))["mine"].visits_per_request() == pytest.approx(3.3)


def test_a_policy_of_ones_own_saves_cores() -> None:
    policy = run(block("class TwiceTheUse"))["TwiceTheUse"]()
    result = simulate(shop(), np.full(120, 150.0), policy, 1)
    assert result.minutes.quota[1] == pytest.approx(2.0 * result.minutes.used[1], rel=0.2)


def test_captain_and_tower_in_a_plant_of_ones_own() -> None:
    pond = Pond()
    after = run(block("my_plant.second()"), my_plant=pond)
    assert len(block("my_plant.second()").strip().splitlines()) <= 24
    assert 0.5 <= pond.quotas[-1] < 0.8
    assert 0.0 < after["target"] <= 0.5
    assert after["ledger"].budget(after["now"]).requests == pytest.approx(360_000, rel=0.03)
