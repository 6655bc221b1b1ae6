"""One run: arrivals drawn, the engine advanced from tick to tick, the policy asked, the accounts kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flyball.sim.policy import Policy
from flyball.sim.result import Result
from flyball.sim.spec import Application

if TYPE_CHECKING:
    from flyball.sim.plant import Plant

Disturb = Callable[[int, "Plant"], None]
"""Called before each second with its number and the plant, which it may change (work, speed, delay, mix, replicas, retries)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run is made. The defaults are those of the comparison."""

    level: str = "fluid"
    """`fluid`: quota per period, used up as it is needed. `sliced`: with per-CPU slices, leftovers, ticks and the slack timer of the kernel."""
    contention: bool = False
    """Whether a node's containers compete for its cores by weight; without, each has all the cores it can use."""
    burst: bool = False
    """Whether policies may write a burst allowance."""
    lag_seconds: float = 15.0
    """Youngest age of the windows that the slow tick sees, less one scrape interval: 15 for windows whose data are 15 to 75 s old."""
    lookback_seconds: float = 60.0
    scrape_seconds: float = 15.0
    warmup_seconds: float = 0.0
    """Beginning of the run that is not scored. A whole number of minutes."""
    keep_seconds: bool = False
    keep_latency: bool = False
    pod_quota: bool = False
    """Whether pods carry the sum of their containers' limits as a quota of their own, as the kubelet writes it."""


def simulate(
    application: Application,
    rates: NDArray[np.float64],
    policy: Policy,
    seed: int,
    settings: Settings = Settings(),  # noqa: B008
    *,
    disturb: Disturb | None = None,
    arrivals: NDArray[np.float64] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Run `policy` on `application` for `len(rates)` seconds.

    `rates` holds requests per second, one value a second; arrivals are Poisson within each, the same for every policy at a seed, as is the work of
    each visit. `arrivals` (sorted seconds) take their place where given. `progress` is called with each second that is done.
    """
    raise NotImplementedError
