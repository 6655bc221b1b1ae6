"""`python -m hack.predictive`, what `make example-predictive` runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hack.cluster.layout import REPOSITORY
from hack.ending import ended
from hack.predictive import driver

OUTPUT = REPOSITORY / "build" / "predictive"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.predictive", description="Replicas that are Ready before a load rises.")
    keep = os.environ.get("KEEP", "0") not in ("", "0")
    parser.add_argument("--keep", action="store_true", default=keep, help="leave the cluster up (default: $KEEP)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"folder for logs (default: {OUTPUT.relative_to(REPOSITORY)})")
    parser.add_argument("--name", default="predictive", help="name of the cluster (default: predictive)")
    options = parser.parse_args()
    return ended(
        lambda: driver.run(options.keep, options.output, options.name, lambda text: print(text, file=sys.stderr, flush=True)), options.output
    )


if __name__ == "__main__":
    sys.exit(main())
