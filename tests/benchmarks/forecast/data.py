"""The load traces that the forecast benchmark reads, on a regular clock, and what each part of them may be used for.

Constants of the engine were chosen on `chosen()` alone: crane-0..3 and the first half of WorldCup98. `holdout()` is run at the end and never looked at
before: the rest. Files: shared data of the project, `$FLYBALL_DATA` names another folder.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
DEFAULT = ROOT.parent / "shared" / "data"
DAYS_BEFORE = {"crane-0": 4}
"""Days of history before the first origin; 7 for all others (crane-0 has 8 days in all)."""


class DataError(RuntimeError):
    """Traces that are not there."""


@dataclass(frozen=True, slots=True)
class Series:
    """One trace: values of steps in a row, NaN where missing."""

    name: str
    first: int  # Unix seconds of the start of the first step
    step_seconds: int
    values: NDArray[np.float64]

    @property
    def day(self) -> int:
        """Steps of a day."""
        return 86_400 // self.step_seconds

    @property
    def start(self) -> int:
        """First step that may be an origin."""
        return DAYS_BEFORE.get(self.name, 7) * self.day

    @property
    def clock(self) -> NDArray[np.float64]:
        """Unix seconds of the ends of the steps."""
        return self.first + self.step_seconds * (np.arange(len(self.values)) + 1.0)


def folder() -> Path:
    """Where the traces lie. Raises DataError with what to do."""
    found = Path(os.environ.get("FLYBALL_DATA", DEFAULT))
    if not (found / "load").is_dir():
        raise DataError(f"No load traces in {found}: set FLYBALL_DATA to the folder that holds load/.")
    return found


def chosen() -> list[Series]:
    """The series that constants were chosen on."""
    world = _world_cup()
    half = len(world.values) // 2
    return [*(_crane(number) for number in range(4)), Series("worldcup98-a", world.first, 60, world.values[:half])]


def holdout() -> list[Series]:
    """The series that are scored once, at the end."""
    world = _world_cup()
    half = len(world.values) // 2
    rest = Series("worldcup98-b", world.first + half * 60, 60, world.values[half:])
    names = ("elb_request_count", "ec2_network_in", "cpu_utilization_asg_misconfiguration")
    files = [file for name in names for file in sorted((folder() / "load").glob(f"nab-{name}*.csv"))]
    return [*(_crane(number) for number in range(4, 9)), rest, *(_nab(file) for file in files)]


def _crane(number: int) -> Series:
    rows = list(_rows(f"crane-{number}.csv"))
    return _regular(f"crane-{number}", 60, [int(float(row["ts"])) for row in rows], [float(row["value"]) for row in rows])


def _world_cup() -> Series:
    rows = list(_rows("worldcup98-requests-per-minute.csv"))
    times = [int(datetime.fromisoformat(row["period"]).replace(tzinfo=UTC).timestamp()) for row in rows]
    return _regular("worldcup98", 60, times, [float(row["count"]) for row in rows])


def _nab(file: Path) -> Series:
    rows = list(_rows(file.name))
    times = [int(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp()) for row in rows]
    return _regular(file.stem, 300, times, [max(0.0, float(row["value"])) for row in rows])


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (folder() / "load" / name).open(newline="") as file:
        yield from csv.DictReader(file)


def _regular(name: str, step: int, times: list[int], values: list[float]) -> Series:
    """On a regular clock; steps without a row are NaN, of two rows in a step the later counts."""
    places = (np.array(times) - times[0]) // step
    filled = np.full(places[-1] + 1, np.nan)
    filled[places] = values
    return Series(name, times[0] // step * step, step, filled)
