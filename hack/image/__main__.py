"""Command line of the image builder; `make image` calls it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hack.image.build import DEFAULT_TAG, ImageError, archive


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.image", description="Build Flyball's image and write it as a docker-archive.")
    parser.add_argument("--tag", default=DEFAULT_TAG, help="name of the image in the archive (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("build/image/flyball.tar"), help="where to write it (default: %(default)s)")
    parser.add_argument("--extras", nargs="*", default=[], help="extras of pyproject.toml to build in, for example crosscheck")
    chosen = parser.parse_args()
    try:
        made = archive(chosen.output, tag=chosen.tag, extras=chosen.extras)
    except ImageError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    print(f"{made}: {chosen.tag}, {made.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
