"""What policies share: the burst allowance, and sums over ticks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flyball.sim.policy import Facts, Floats, Quotas, Samples

QUOTA_LEAST = 0.01
"""Cores: the kernel takes no quota below 1 ms in a period of 100 ms."""


def quotas(cores: Floats, facts: Facts) -> Quotas:
    """These quotas within floor and grant, and with the burst allowance of the class: where it is allowed, every policy gets what ours gets."""
    within = np.clip(cores, np.minimum(QUOTA_LEAST, facts.grant), facts.grant)
    if not facts.burst_allowed:
        return Quotas(within)
    return Quotas(within, np.maximum(0.0, np.minimum(within, facts.grant - within)))


@dataclass(slots=True)
class Meter:
    """CPU use over whole periods, gathered from shorter ticks."""

    period_seconds: float
    _cpu_seconds: Floats | None = None
    _elapsed: float = 0.0

    def add(self, samples: Samples) -> Floats | None:
        """Mean cores of the period that this tick completes; None in between."""
        self._cpu_seconds = samples.usage.copy() if self._cpu_seconds is None else self._cpu_seconds + samples.usage
        self._elapsed += samples.elapsed
        if self._elapsed < self.period_seconds - 1e-6:
            return None
        mean: Floats = self._cpu_seconds / self._elapsed
        self._cpu_seconds, self._elapsed = None, 0.0
        return mean
