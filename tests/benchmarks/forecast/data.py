"""Traces of the benchmark, read from `$FLYBALL_DATA` (default: `../shared/data` beside the project), and which of them are held out.

Constants of the engine may be chosen on `tuning()` alone. `holdout()` is read by a run with HOLDOUT=1 and by nothing else. Each series is on a
regular grid; what a file lacks is NaN.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
MINUTES_A_DAY = 1440
WEEK = 7 * MINUTES_A_DAY
RATES = ("autothrottle-diurnal", "autothrottle-diurnal-2", "autothrottle-bursty", "autothrottle-noisy")
NAB = ("nab-elb_request_count_8c0756", "nab-ec2_network_in_5abac7", "nab-cpu_utilization_asg_misconfiguration")
"""Load series of the Numenta benchmark; the others there are latencies or single machines."""


class DataMissing(Exception):
    """The folder with the traces, or one of them, is not there."""


@dataclass(frozen=True, slots=True)
class Series:
    """One regular series."""

    name: str
    step_seconds: int
    start: int
    """Unix seconds of the start of the first step."""
    values: NDArray[np.float64]
    """NaN where the source has no value."""
    warmup: int
    """Steps of history before the first origin."""

    def cut(self, steps: int) -> Series:
        return replace(self, values=self.values[:steps])


def folder() -> Path:
    """Where the traces are. Raises DataMissing with a sentence."""
    path = Path(os.environ.get("FLYBALL_DATA") or ROOT.parent / "shared" / "data")
    if not (path / "load").is_dir():
        raise DataMissing(
            f"The traces of the benchmark are not in {path}: set FLYBALL_DATA to the folder that holds load/, rps/ and forecast-benchmarks/."
        )
    return path


def _file(name: str) -> Path:
    path = folder() / name
    if not path.exists():
        raise DataMissing(f"{path} is missing; the list of traces is in the README of that folder.")
    return path


def _columns(name: str) -> list[tuple[str, str]]:
    with _file(name).open(encoding="utf-8-sig", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        return [(row[0], row[-1]) for row in rows if row]


def on_grid(times: NDArray[np.int64], values: NDArray[np.float64], step_seconds: int) -> tuple[int, NDArray[np.float64]]:
    """Start and values of the grid of the first time's step; of two values of one step the later stays."""
    places = np.rint((times - times[0]) / step_seconds).astype(np.int64)
    grid = np.full(places.max() + 1, np.nan)
    grid[places] = values
    return int(times[0] // step_seconds * step_seconds), grid


def crane(number: int) -> Series:
    rows = _columns(f"load/crane-{number}.csv")
    times = np.array([int(float(time)) for time, _ in rows])
    start, values = on_grid(times, np.array([float(value) for _, value in rows]), 60)
    # Eight days only: after seven of history there would be one day of origins.
    return Series(f"crane-{number}", 60, start, values, (4 if number == 0 else 7) * MINUTES_A_DAY)


def _dated(name: str, step_seconds: int) -> tuple[int, NDArray[np.float64], int]:
    """Start, values, and the step at which the second half of the file's rows begins."""
    rows = _columns(name)
    times = np.array([time for time, _ in rows], dtype="datetime64[s]").astype(np.int64)
    start, values = on_grid(times, np.array([float(value) for _, value in rows]), step_seconds)
    return start, values, int(np.rint((times[len(times) // 2] - times[0]) / step_seconds))


def worldcup(second_half: bool) -> Series:
    """The first half alone, or all of it with origins in the second half."""
    start, values, half = _dated("load/worldcup98-requests-per-minute.csv", 60)
    return Series("worldcup98-b", 60, start, values, half) if second_half else Series("worldcup98-a", 60, start, values[:half], WEEK)


def nab(name: str) -> Series:
    start, values, _ = _dated(f"load/{name}.csv", 300)
    return Series(name.removeprefix("nab-"), 300, start, values, WEEK // 5)


def tuning() -> list[Series]:
    return [*(crane(number) for number in range(4)), worldcup(second_half=False)]


def holdout() -> list[Series]:
    return [*(crane(number) for number in range(4, 9)), worldcup(second_half=True), *(nab(name) for name in NAB)]


def rate(name: str) -> NDArray[np.float64]:
    """Requests a second over an hour, one value a second."""
    return np.array([float(line) for line in _file(f"rps/{name}.txt").read_text().split()])


def hourly(name: str) -> Series:
    """ECL_*, Traffic_*: the load column of an hourly file. Its rows are hours one after the other; its first date gives the clock."""
    rows = _columns(f"forecast-benchmarks/{name}.csv")
    day, _, clock = rows[0][0].replace("/", "-").partition(" ")
    year, month, date = (int(part) for part in day.split("-"))
    first = np.datetime64(f"{year:04d}-{month:02d}-{date:02d}T{int(clock.split(':')[0]):02d}:00:00", "s")
    return Series(name, 3600, int(first.astype(np.int64)), np.array([float(value) for _, value in rows]), 7 * 24)


def edge(name: str) -> NDArray[np.float64]:
    """ECW_newapp or ECW_switch: (series, hours, 16): load, three of the calendar, twelve static."""
    with np.load(_file(f"forecast-benchmarks/{name}.npz"), allow_pickle=False) as archive:
        return np.asarray(archive["data"], np.float64)


def fill(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaps take the value before them: nothing later is looked at. NaN before the first value stays."""
    places = np.where(np.isnan(values), 0, np.arange(len(values)))
    return values[np.maximum.accumulate(places)]
