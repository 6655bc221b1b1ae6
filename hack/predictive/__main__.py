"""`python -m hack.predictive`, what `make example-predictive` runs."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from hack.cluster import ClusterError
from hack.cluster.layout import REPOSITORY
from hack.demo.errors import DemoError
from hack.predictive import driver

OUTPUT = REPOSITORY / "build" / "predictive"
EXIT_INTERRUPTED = 130
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.predictive", description="Replicas that are Ready before a load rises.")
    keep = os.environ.get("KEEP", "0") not in ("", "0")
    parser.add_argument("--keep", action="store_true", default=keep, help="leave the cluster up (default: $KEEP)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"folder for logs (default: {OUTPUT.relative_to(REPOSITORY)})")
    parser.add_argument("--name", default="predictive", help="name of the cluster (default: predictive)")
    options = parser.parse_args()
    for number in ENDINGS:
        signal.signal(number, _end)
    try:
        driver.run(options.keep, options.output, options.name, lambda text: print(text, file=sys.stderr, flush=True))
    except (DemoError, ClusterError) as error:
        print(f"error: {error}\nLogs lie in {options.output / 'logs'} and build/cluster.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ended and removed", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    """Begin to clean up; a second Ctrl-C must not leave half a cluster."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
