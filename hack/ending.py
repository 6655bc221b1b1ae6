"""How a driver that people start ends: its exit code, and what it says. A closed terminal or a kill cleans up as Ctrl-C does."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from hack.cluster import ClusterError
from hack.demo.errors import DemoError

EXIT_INTERRUPTED = 130
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ended(work: Callable[[], None], output: Path) -> int:
    """Do the work; 0, 1 with a sentence when it could not be done, or 130 when somebody ended it."""
    for number in ENDINGS:
        signal.signal(number, _end)
    try:
        work()
    except (DemoError, ClusterError) as error:
        print(f"error: {error}\nThe logs of what ran, if it got that far, lie in {output / 'logs'} and build/cluster.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ended and removed", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    """Begin to clean up; a second Ctrl-C must not leave half a cluster."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    print("interrupted: ending everything that was started", file=sys.stderr)
    raise KeyboardInterrupt
