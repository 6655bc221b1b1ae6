"""State of an engine as bytes and back: a restart that loses nothing.

Everything that changes is an array or a whole number of one of the engine's parts; they are stored under their path (`levels.plain`), with a
version and the settings. A file of another version, other settings or another number of series is refused with the reason: the caller
then begins anew from Prometheus.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

VERSION = 4
HEADER = "header"


class StateError(ValueError):
    """Bytes that are no state for this engine."""


def dump(engine: Any) -> bytes:
    """The engine's state; some 50 kB a series at one-minute steps."""
    header = {"version": VERSION, "count": engine.count, "settings": asdict(engine.settings)}
    arrays: dict[str, Any] = {HEADER: np.array(json.dumps(header))}
    for path, owner, name in _places(engine, ""):
        arrays[path] = getattr(owner, name) if isinstance(name, str) else owner[name]
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def load(engine: Any, state: bytes) -> None:
    """Put a state into an engine of the same settings and number of series. Raises StateError and changes nothing otherwise."""
    try:
        with np.load(io.BytesIO(state), allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
        header = json.loads(str(found.pop(HEADER)))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise StateError(f"this is no state of a forecast engine: {error}") from error
    if header["version"] != VERSION:
        raise StateError(f"the state has version {header['version']}; this program reads {VERSION}.")
    wanted = json.loads(json.dumps(asdict(engine.settings)))
    if header["count"] != engine.count or header["settings"] != wanted:
        raise StateError("the state is of other settings or another number of series.")
    places = list(_places(engine, ""))
    for path, owner, name in places:
        there = getattr(owner, name) if isinstance(name, str) else owner[name]
        if path not in found or found[path].shape != np.shape(there):
            raise StateError(f"the state lacks {path}, or it has another shape.")
    for path, owner, name in places:
        there = getattr(owner, name) if isinstance(name, str) else owner[name]
        value = found[path] if isinstance(there, np.ndarray) else type(there)(found[path])
        if isinstance(name, str):
            setattr(owner, name, value)
        else:
            owner[name] = value


def _places(owner: Any, prefix: str) -> Iterator[tuple[str, Any, str | int]]:
    """(path, owner, attribute or index) of all that changes: arrays, whole numbers and lists of arrays of the engine's parts."""
    for name, value in sorted(vars(owner).items()):
        if isinstance(value, np.ndarray | int | float) and not isinstance(value, bool):
            yield prefix + name, owner, name
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, np.ndarray):
                    yield f"{prefix}{name}.{index}", value, index
                elif type(item).__module__.startswith(__package__ or "?"):
                    yield from _places(item, f"{prefix}{name}.{index}.")
        elif type(value).__module__.startswith(__package__ or "?") and hasattr(value, "__dict__"):
            yield from _places(value, f"{prefix}{name}.")
