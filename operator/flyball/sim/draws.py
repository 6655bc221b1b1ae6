"""Randomness by counter: what a visit draws depends on the seed, its request and its place in the call tree, never on when it is served.

So every policy meets the same work at a seed. The mixing function is splitmix64 (Steele, Lea, Flood, OOPSLA'14).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flyball.sim.jit import inlined

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FACTOR_1 = np.uint64(0xBF58476D1CE4E5B9)
FACTOR_2 = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
ONE = np.uint64(1)
TWO_TO_MINUS_53 = 1.0 / (1 << 53)


@inlined
def mix(x: Any) -> Any:
    """A bijection of 64 bits that leaves no visible pattern."""
    x = (x ^ (x >> S30)) * FACTOR_1
    x = (x ^ (x >> S27)) * FACTOR_2
    return x ^ (x >> S31)


@inlined
def key(seed: Any, request: int, place: int) -> Any:
    """The counter of one request's draws at one place."""
    return mix(seed ^ mix(np.uint64(request) * GOLDEN + np.uint64(place)))


@inlined
def following(x: Any) -> Any:
    """The next counter of the same place."""
    return mix(x + GOLDEN)


@inlined
def uniform(x: Any) -> float:
    """Strictly between 0 and 1."""
    return (float(x >> S11) + 0.5) * TWO_TO_MINUS_53


@inlined
def lognormal(x: Any, sigma: float) -> float:
    """Of mean 1. Box-Muller; one of its two normals is used, so that a draw needs no memory."""
    if sigma <= 0.0:
        return 1.0
    radius = math.sqrt(-2.0 * math.log(uniform(x)))
    normal = radius * math.cos(2.0 * math.pi * uniform(following(x)))
    return math.exp(sigma * normal - 0.5 * sigma * sigma)
