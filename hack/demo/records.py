"""What became of each request, read from k6's own records while k6 is still writing them.

k6 writes one CSV line a measured value (`--out csv`); of each request the line `http_req_duration` is taken: microseconds since 1970 at its end,
duration in milliseconds, status, and a code where it failed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DURATION, DROPPED = "http_req_duration", "dropped_iterations"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as its client saw it."""

    start: float
    """Unix seconds at which it was sent."""
    seconds: float
    """Until the end of the answer, or until the client gave up."""
    ok: bool
    """Answered with a status below 400."""
    route: str

    def slow(self, objective_seconds: float) -> bool:
        """Whether it spent error budget: too late, or failed, however fast."""
        return not self.ok or self.seconds > objective_seconds


class Records:
    """A CSV file that grows: `read` gives what came since the last time, in the order of writing, which is about that of the ends."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = 0
        self._rest = ""
        self._columns: Sequence[str] = ()
        self.dropped = 0
        """Requests that k6 could not send on time. Anything but 0 means that the load was not open loop."""

    def read(self) -> list[Request]:
        """The requests that ended since the last call."""
        try:
            with self._file.open() as file:
                file.seek(self._at)
                text = self._rest + file.read()
                self._at = file.tell()
        except FileNotFoundError:  # k6 has not begun
            return []
        *lines, self._rest = text.split("\n")
        return list(self._parse(lines))

    def _parse(self, lines: Iterable[str]) -> Iterator[Request]:
        for row in csv.reader(lines):
            if not self._columns:
                self._columns = row
            elif row and row[0] == DURATION:
                yield request(dict(zip(self._columns, row, strict=False)))
            elif row and row[0] == DROPPED:
                self.dropped += round(float(row[2]))


def request(row: dict[str, str]) -> Request:
    """One request from its `http_req_duration` line."""
    seconds = float(row["metric_value"]) / 1000
    status = int(row.get("status") or 0)
    return Request(
        start=int(row["timestamp"]) / 1e6 - seconds,
        seconds=seconds,
        ok=0 < status < 400 and not row.get("error_code"),
        route=row.get("name", ""),
    )
