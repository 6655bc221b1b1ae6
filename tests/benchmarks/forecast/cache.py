"""Results of the slow parts, kept by the hash of all that they depend on: what is run again after a break takes up where it was.

A key names the method, its series' values, the origins asked, and the text of the source files that compute it. Files lie in build/bench/cache;
removing the folder forgets everything.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast.data import ROOT, Series

FOLDER = ROOT / "build" / "bench" / "cache"
Arrays = dict[str, NDArray[np.float64]]


def source_of(*modules: str) -> str:
    """Hash of the files of modules; a package counts with all that it holds."""
    digest = hashlib.sha256()
    for name in modules:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"module {name} is not there, so its results cannot be kept")
        path = Path(spec.origin)
        for file in sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def identity(series: Series) -> str:
    return f"{series.name} {series.step_seconds} {series.start} {series.warmup} {hashlib.sha256(series.values.tobytes()).hexdigest()}"


def cached(kind: str, parts: Iterable[object], make: Callable[[], Arrays]) -> Arrays:
    """What `make` gives, or what it gave before for the same parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else str(part).encode())
        digest.update(b"\0")
    path = FOLDER / f"{kind}-{digest.hexdigest()[:20]}.npz"
    if path.exists():
        with np.load(path) as archive:
            return {name: archive[name] for name in archive.files}
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    part_path = path.with_suffix(".part.npz")
    np.savez_compressed(part_path, **made)  # type: ignore[arg-type]
    part_path.replace(path)
    return made
