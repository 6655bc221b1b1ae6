"""What an engine of hours begins with: weights and patterns learned on public series, shipped with the package.

A new series has two days of values and forecasts a day ahead: nothing of its own has matured by then. What two days say about the third was learned
elsewhere (`python -m tests.benchmarks.forecast.train`) and lies in `shipped.npz` beside this file, with its provenance.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

FILE = "shipped.npz"
HOURS_SEEN, HOURS_AHEAD = 48, 24


@dataclass(frozen=True, slots=True)
class Shipped:
    """Learned elsewhere, for steps of an hour. Empty arrays (length 0): nothing is known, and the experts that need it sleep."""

    days: NDArray[np.float64]
    """(24, features): of `experts.twodays`."""
    patterns: NDArray[np.float32]
    """(patterns, 72): waves of `pool`, the key first."""
    ridge: NDArray[np.float64]
    """(24, features): shared weights of `experts.ridge`."""
    ridge_gram: NDArray[np.float64]
    """(24, features, features): mean Gram of an origin, the shape of the ridge's prior."""
    provenance: dict[str, object]
    """What it was learned on, how, and by which command."""


NOTHING = Shipped(np.zeros((0, 0)), np.zeros((0, 0), np.float32), np.zeros((0, 0)), np.zeros((0, 0, 0)), {})


@cache
def shipped() -> Shipped:
    """The package's own file, read once."""
    with resources.as_file(resources.files(__package__) / FILE) as path, np.load(path, allow_pickle=False) as stored:
        return Shipped(
            days=stored["days"].astype(np.float64),
            patterns=stored["patterns"].astype(np.float32),
            ridge=stored["ridge"].astype(np.float64),
            ridge_gram=stored["ridge_gram"].astype(np.float64),
            provenance=json.loads(str(stored["provenance"])),
        )
