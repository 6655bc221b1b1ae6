"""Koordinator's CPUBurst: quotas above a static limit for containers that are throttled, while their node has room.

Each second: a throttled container's quota times 1.2, else as it was; never below its limit, at most 300 % of it; a node at half its share pool or
more takes a fifth away from every quota above its limit, one at 45 to 50 % lets none grow. The static burst allowance is 1000 % of the limit,
which the kernel cuts to the quota. Source: reference/cpu-control.md 2.1 (koordlet's `cpuburst`). Here the limit is a tuned share of the grant, and
the grant bounds what quotas grow to, as it does for every policy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.sim.policies.parts import quotas
from flyball.sim.policy import Facts, Floats, Quotas, Samples, SlowObservation

GROW = 1.2
SHRINK = 0.8
CEILING = 3.0
NODE_FULL = 0.50
NODE_WARM = 0.45


def decide(quota: Floats, limit: Floats, throttled: NDArray[np.bool_], node_use: float) -> Floats:
    """Quotas of the next second. `node_use`: share of the node's pool in use."""
    wanted = quota
    if node_use >= NODE_FULL:
        wanted = quota * SHRINK
    elif node_use < NODE_WARM:
        wanted = np.where(throttled, quota * GROW, quota)
    bounded: Floats = np.clip(wanted, limit, CEILING * limit)
    return bounded


class CpuBurst:
    """The rule on static limits of `share` of the grants. Nodes are taken together: pods are spread over them evenly."""

    tick_seconds = 1.0
    slow_seconds = 60.0

    def __init__(self, share: float) -> None:
        if not 0.0 < share <= 1.0:
            raise ValueError(f"a static limit is a share of the grant, above 0 and at most 1; this is {share}")
        self.name = f"cpu-burst {share:.2f}"
        self._share = share

    def start(self, facts: Facts) -> Quotas | None:
        self._facts = facts
        self._limit = self._share * facts.grant
        self._cores = sum(node.cores for node in facts.application.nodes)
        self._quota = self._limit.copy()
        return quotas(self._quota, facts)

    def fast(self, samples: Samples) -> Quotas | None:
        use = float(samples.usage.sum()) / samples.elapsed / self._cores
        self._quota = np.minimum(decide(self._quota, self._limit, samples.throttled > 0, use), self._facts.grant)
        return quotas(self._quota, self._facts)

    def slow(self, observation: SlowObservation) -> None:
        return None
