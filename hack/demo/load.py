"""The load: k6, open loop, along the trace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from hack.cluster.layout import REPOSITORY
from hack.demo.processes import Processes
from hack.demo.records import Records

SCRIPT = REPOSITORY / "examples" / "shop" / "load.js"
NAME = "k6"
DRAIN_SECONDS = 20.0
"""From the last stage's end until k6 has ended: 1 s of spread, 5 s of time-out, and its closing words."""


class Load:
    """k6 under way. `records` holds what became of each request."""

    def __init__(self, processes: Processes, folder: Path, k6: Sequence[str]) -> None:
        """`k6` is the command of the environment; it finds `folder` and the script at the places that they have on this machine."""
        self._processes = processes
        self._folder = folder
        self._k6 = k6
        self._csv = folder / "requests.csv"
        self.records = Records(self._csv)

    def start(self, gateway: str, plan: dict[str, object]) -> None:
        """Send requests to `gateway` (HOST:PORT) along `plan` (see `trace.plan`)."""
        stages = self._folder / "stages.json"
        stages.write_text(json.dumps(plan))
        self._csv.unlink(missing_ok=True)
        options = ["--no-usage-report", "--address", "", "--quiet", "--out", f"csv={self._csv}"]
        variables = ["--env", f"GATEWAY={gateway}", "--env", f"STAGES={stages}"]
        # Microseconds, because starts are told from ends and durations.
        self._processes.start(NAME, [*self._k6, "run", *options, *variables, str(SCRIPT)], {"K6_CSV_TIME_FORMAT": "unix_micro"})

    def check(self) -> None:
        """Raise DemoError when k6 has ended before its time."""
        self._processes.check(NAME)

    def stop(self) -> None:
        self._processes.stop(NAME)
