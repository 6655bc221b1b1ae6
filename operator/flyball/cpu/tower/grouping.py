"""Groups of workloads that share a throttle target, by how much CPU they use.

Source: Autothrottle (NSDI'24) clusters services by mean CPU use, k = 2, and finds that more groups bring little. Departs: the split is exact in one
dimension, made anew as use changes, with hysteresis so that membership does not flap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

HIGH, LOW = "high", "low"

HYSTERESIS = 1.3
"""A workload changes its group only when its use lies this factor beyond the border."""

SHARE_EXPONENT = 0.5
"""Targets grow with the square root of use: savings grow with use, and so does what a throttled period costs the requests behind it. Between
constant (0) and proportional (1); a less-than-proportional rise was level with the best pair of targets in hindsight in simulation."""


def assign(usage: Mapping[str, float], before: Mapping[str, str]) -> dict[str, str]:
    """Group of each workload. `usage` is in cores, NaN where unknown: such a workload keeps its group, or starts among the small ones."""
    known = {name: cores for name, cores in usage.items() if math.isfinite(cores) and cores > 0}
    border = _border(sorted(known.values()))
    return {name: _group(known.get(name), border, before.get(name)) for name in usage}


def shares(usage: Mapping[str, float], groups: Mapping[str, str]) -> dict[str, float]:
    """What part of the pressure's target each group gets, 0 to 1; the group that uses most per workload gets all of it."""
    means = {}
    for group in {*groups.values()}:
        members = [usage[name] for name, its in groups.items() if its == group and math.isfinite(usage.get(name, math.nan))]
        means[group] = sum(members) / len(members) if members else 0.0
    most = max(means.values(), default=0.0)
    return {group: (mean / most) ** SHARE_EXPONENT if most > 0 else 1.0 for group, mean in means.items()}


def _border(ordered: list[float]) -> float | None:
    """The use that best parts many small workloads from few large ones (least squared distance on a log scale), None with fewer than two."""
    if len(ordered) < 2 or ordered[0] == ordered[-1]:
        return None
    logs = [math.log(cores) for cores in ordered]
    best = min(range(1, len(logs)), key=lambda split: _scatter(logs[:split]) + _scatter(logs[split:]))
    return math.sqrt(ordered[best - 1] * ordered[best])


def _scatter(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)


def _group(cores: float | None, border: float | None, before: str | None) -> str:
    if cores is None or border is None:
        return before or LOW
    if before == HIGH:
        return HIGH if cores > border / HYSTERESIS else LOW
    if before == LOW:
        return HIGH if cores > border * HYSTERESIS else LOW
    return HIGH if cores > border else LOW
