"""The request rate of the demo: an hour of the diurnal trace, every fifth second, one value a second.

    python -m hack.demo.trace $FLYBALL_DATA/rps/autothrottle-diurnal.txt > examples/shop/trace/diurnal.txt

writes the sample anew. Source of the trace: github.com/microsoft/autothrottle (MIT), see examples/shop/trace/README.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from hack.cluster.layout import REPOSITORY
from hack.demo.errors import DemoError

FILE = REPOSITORY / "examples" / "shop" / "trace" / "diurnal.txt"

SAMPLE_EVERY = 5
"""Seconds of the hour that become one second: 3,600 values become 720, which are 2 minutes of Observe and 10 of Enforce."""

SCALE = 0.1
"""The trace was made for 160 cores and 262 requests a second in the mean; the demo sends 26 and uses about half a core of the machine's two, because
Kubernetes, Prometheus, the load generator and Flyball run on them as well."""

TIME_UNIT_SECONDS = 10
"""k6 takes whole numbers as rates. Per 10 s, a value of the trace scaled by 0.1 is whole."""


def sample(values: Sequence[int]) -> list[int]:
    """Every fifth value."""
    return list(values[::SAMPLE_EVERY])


def read(file: Path = FILE) -> list[int]:
    """The values of a trace file, one a line. Raises DemoError when it is missing or holds anything else."""
    try:
        values = [int(line) for line in file.read_text().split()]
    except (OSError, ValueError) as error:
        raise DemoError(f"The trace {file} cannot be read ({error}); git checkout brings it back.") from error
    if not values or min(values) < 0:
        raise DemoError(f"The trace {file} must hold whole numbers of at least 0, one a line.")
    return values


def per_ten_seconds(value: int) -> int:
    """A value of the trace (requests a second at full scale) as the demo sends it, in requests per 10 s."""
    return round(value * SCALE * TIME_UNIT_SECONDS)


def plan(values: Sequence[int], warm_up_seconds: int, seconds: int) -> dict[str, object]:
    """k6's stages: the first value for the warm-up, then the trace second by second, from its beginning again when it ends."""
    rates = [per_ten_seconds(value) for value in islice(cycle(values), seconds)]
    warm_up = [{"target": rates[0], "duration": f"{warm_up_seconds}s"}] if warm_up_seconds else []
    return {"start": rates[0], "stages": [*warm_up, *({"target": rate, "duration": "1s"} for rate in rates)]}


def main(arguments: Sequence[str]) -> Iterator[str]:
    (source,) = arguments
    return map(str, sample(read(Path(source))))


if __name__ == "__main__":
    print("\n".join(main(sys.argv[1:])))
