"""Groups of workloads that share a throttle target, by how much CPU they use.

Source: Autothrottle (NSDI'24) clusters services by mean CPU use, k = 2, and finds that more groups bring little. Departs: the split is exact in one
dimension, made anew as use changes, with hysteresis so that membership does not flap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

HIGH, LOW = "high", "low"

HYSTERESIS = 0.7
"""A new partition must have at most this share of the scatter that the present one has: a workload near the border does not move to and fro."""

SHARE_EXPONENT = 0.5
"""Targets grow with the square root of use: savings grow with use, and so does what a throttled period costs the requests behind it. Between
constant (0) and proportional (1); a less-than-proportional rise was level with the best pair of targets in hindsight in simulation."""


def assign(usage: Mapping[str, float], before: Mapping[str, str]) -> dict[str, str]:
    """Group of each workload. `usage` is in cores, NaN where unknown: such a workload keeps its group, or starts among the small ones."""
    logs = {name: math.log(cores) for name, cores in usage.items() if math.isfinite(cores) and cores > 0}
    best = _split(logs)
    kept = {name: before.get(name) or _nearest(name, logs, before) for name in logs}
    if set(kept.values()) == {HIGH, LOW} and _scatter(logs, best) > HYSTERESIS * _scatter(logs, kept):
        best = kept
    return {name: best.get(name) or before.get(name, LOW) for name in usage}


def shares(usage: Mapping[str, float], groups: Mapping[str, str]) -> dict[str, float]:
    """What part of the pressure's target each group gets, 0 to 1; the group that uses most per workload gets all of it."""
    means = {}
    for group in {*groups.values()}:
        members = [usage[name] for name, its in groups.items() if its == group and 0 < usage.get(name, math.nan) < math.inf]
        means[group] = sum(members) / len(members) if members else 0.0
    most = max(means.values(), default=0.0)
    return {group: (mean / most) ** SHARE_EXPONENT if most > 0 else 1.0 for group, mean in means.items()}


def _split(logs: Mapping[str, float]) -> dict[str, str]:
    """The partition into many small and few large ones with the least squared distance on a log scale; one group with nothing to part."""
    ordered = sorted(logs, key=lambda name: logs[name])
    if len(ordered) < 2 or logs[ordered[0]] == logs[ordered[-1]]:
        return dict.fromkeys(ordered, LOW)
    partitions = ({name: LOW if place < split else HIGH for place, name in enumerate(ordered)} for split in range(1, len(ordered)))
    return min(partitions, key=lambda partition: _scatter(logs, partition))


def _scatter(logs: Mapping[str, float], groups: Mapping[str, str]) -> float:
    """Squared distance of all from the mean of their group."""
    total = 0.0
    for group in (HIGH, LOW):
        members = [logs[name] for name in logs if groups[name] == group]
        mean = sum(members) / len(members) if members else 0.0
        total += sum((value - mean) ** 2 for value in members)
    return total


def _nearest(name: str, logs: Mapping[str, float], before: Mapping[str, str]) -> str:
    """The group whose members are nearest to a newcomer."""
    distances = {}
    for group in (LOW, HIGH):
        members = [value for other, value in logs.items() if before.get(other) == group]
        if members:
            distances[group] = abs(logs[name] - sum(members) / len(members))
    return min(distances, key=lambda group: distances[group], default=LOW)
