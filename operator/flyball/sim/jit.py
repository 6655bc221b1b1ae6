"""How the engine is compiled: by numba, once, into a folder named by the engine's own sources.

numba renews a cached function when its own file changes, not when a function that it calls in another file does; with the hash of all sources in the
folder's name an edit anywhere compiles anew, and results never come from a mixture of versions.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])
compiler: Any = numba.njit  # its types do not know every option

SOURCES = ("jit.py", "tables.py", "heaps.py", "draws.py", "bandwidth.py", "sliced.py", "engine.py")


def sources_hash() -> str:
    """Hash of the files that decide what the engine computes."""
    folder = Path(__file__).parent
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in SOURCES)).hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    root = Path(os.environ.get("FLYBALL_CACHE", "~/.cache/flyball")).expanduser()
    config: Any = numba.config
    config.CACHE_DIR = str(root / "numba" / sources_hash())


# `_nrt=False`: the engine allocates nothing, so numba need not count references; its atomic counting at each call took three quarters of the time
# (1.3 against 4.3 million visits a CPU second, `make bench SUITE=sim_speed`).


def jit(function: F) -> F:
    """Compile at the first call. Division by zero gives infinity, as in numpy; no reordering of floating point, so that results are repeatable."""
    return cast(F, compiler(cache=True, error_model="numpy", _nrt=False)(function))


def inlined(function: F) -> F:
    """As `jit`, and copied into its callers: a call passes seven words for each array, more than what small functions work on."""
    return cast(F, compiler(cache=True, error_model="numpy", forceinline=True, _nrt=False)(function))
