"""Groups of workloads that share a throttle target: those that use about as much CPU, by powers of two.

Source: Autothrottle (NSDI'24) clusters services by mean CPU use, k = 2, and finds that more groups bring little under its captain. Departs: under
ours the target decides how much headroom a container has over its own deviation, and one that grows with use saves most
(docs/designs/0008-cpu-control.md), so that each doubling of use is a group of its own. Membership has hysteresis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

UNKNOWN = "unknown"
"""Group of workloads whose use has never been read: their target is zero."""

HYSTERESIS = 0.25
"""How far, in doublings, use must leave its group before the workload does: at the border it does not move to and fro."""

SMALLEST = 0
"""Below one millicore all are alike: 2^0 m."""
LARGEST = 20
"""About a thousand cores, in doublings of a millicore."""

SHARE_EXPONENT = 0.4
"""Targets grow with this power of use. A large container's use deviates less in proportion, and stands for fewer visits a core: throttling it saves
more. Cores at .8 % slow requests under the diurnal trace at 0.2, 0.35, 0.5 and 0.7: 25.6, 25.3, 25.8, 26.5 (Social-Network) and 23.6, 22.9, 22.9,
more than 24 (Train-Ticket); one number of deviations for all: 27.0 and 25.8."""


def assign(usage: Mapping[str, float], before: Mapping[str, str]) -> dict[str, str]:
    """Group of each workload. `usage` is in cores, NaN where unknown: such a workload keeps its group, or waits in one with no target."""
    return {name: _group(cores, before.get(name)) for name, cores in usage.items()}


def shares(groups: Mapping[str, str]) -> dict[str, float]:
    """What part of the pressure's target each group gets, 0 to 1; the group of the largest gets all of it, one of unknown use nothing."""
    known = {group: _DOUBLINGS[group] for group in groups.values() if group in _DOUBLINGS}
    most = max(known.values(), default=0)
    return {group: 2.0 ** (SHARE_EXPONENT * (known[group] - most)) if group in known else 0.0 for group in groups.values()}


def name(doublings: int) -> str:
    """The group of workloads that use from 2^doublings millicores to twice that."""
    return f"{2**doublings}m"


_DOUBLINGS = {name(doublings): doublings for doublings in range(SMALLEST, LARGEST + 1)}


def _group(cores: float, before: str | None) -> str:
    if not (math.isfinite(cores) and cores > 0):
        return before or UNKNOWN
    exact = math.log2(1000.0 * cores) if cores >= 0.001 else 0.0
    for kept in (math.floor(exact - HYSTERESIS), math.floor(exact + HYSTERESIS)):
        if name(_bounded(kept)) == before:
            return before
    return name(_bounded(math.floor(exact)))


def _bounded(doublings: int) -> int:
    return min(LARGEST, max(SMALLEST, doublings))
