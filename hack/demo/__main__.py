"""`python -m hack.demo`, what `make demo` runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hack.cluster.layout import REPOSITORY
from hack.demo import driver
from hack.ending import ended

OUTPUT = REPOSITORY / "build" / "demo"


def main() -> int:
    options = arguments(sys.argv[1:])
    return ended(
        lambda: driver.run(
            options.minutes,
            options.observe_minutes,
            options.keep,
            options.output,
            options.name,
            lambda line: print(line, file=sys.stderr, flush=True),
        ),
        options.output,
    )


def arguments(given: list[str]) -> argparse.Namespace:
    """The command line; DEMO_MINUTES and KEEP stand in for options that are not given."""
    parser = argparse.ArgumentParser(
        prog="python -m hack.demo", description="A shop under a real request rate, first observed, then controlled by Flyball."
    )
    parser.add_argument(
        "--minutes", type=_minutes, default=os.environ.get("DEMO_MINUTES") or "10", help="minutes of Enforce (default: $DEMO_MINUTES, or 10)"
    )
    parser.add_argument("--observe-minutes", type=_minutes, default="2", help="minutes of Observe before (default: 2)")
    keep = os.environ.get("KEEP", "0") not in ("", "0")
    parser.add_argument("--keep", action="store_true", default=keep, help="leave the cluster up (default: $KEEP)")
    parser.add_argument(
        "--output", type=Path, default=OUTPUT, help=f"folder for summary.json and report.html (default: {OUTPUT.relative_to(REPOSITORY)})"
    )
    parser.add_argument("--name", default="demo", help="name of the cluster, for two demos side by side (default: demo)")
    return parser.parse_args(given)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0.5 <= minutes <= 720:
        raise argparse.ArgumentTypeError(f"minutes must be a number from 0.5 to 720, not {text!r}")
    return minutes


if __name__ == "__main__":
    sys.exit(main())
