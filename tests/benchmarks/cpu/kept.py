"""Results of the comparison's runs, kept as files: what was run once is not run again, and a bench that was broken off goes on where it was.

The names are hashes of all that decides a result; whoever keeps one gives the parts. FLYBALL_BENCH_SECONDS bounds a process: after that many seconds
no further run is begun, and the same command later goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("FLYBALL_BENCH_CACHE") or ROOT / "build" / "bench" / "cache" / "cpu")
SECONDS = float(os.environ.get("FLYBALL_BENCH_SECONDS") or "inf")
BEGUN = time.monotonic()
TAKEN: dict[str, object] = {}
"""Results that are known from elsewhere (`page.take`), by the names of their files."""


class OutOfTime(Exception):
    """The time that was given is over; what has been run is kept."""


def place(kind: str, parts: Iterable[object]) -> Path:
    """Where a result of these parts lies, or will."""
    return FOLDER / (hashlib.sha256("|".join(str(part) for part in (kind, *parts)).encode()).hexdigest()[:32] + ".json")


def read(path: Path) -> object | None:
    """The kept result; None where there is none yet. Raises OutOfTime when it would have to be made and no time is left."""
    if path.is_file():
        kept: object = json.loads(path.read_text())
        return kept
    if path.stem in TAKEN:
        return TAKEN[path.stem]
    if time.monotonic() - BEGUN > SECONDS:
        raise OutOfTime
    return None


def keep(path: Path, value: object) -> None:
    """Whole or not at all: several processes may keep the same result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(value))
    fresh.replace(path)


def sources(files: Iterable[Path]) -> str:
    """Hash of these files' contents."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
