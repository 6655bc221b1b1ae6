"""Durations as Go and Kubernetes write them: 200ms, 10m, 1h30m."""

from __future__ import annotations

import re

PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
_UNITS = (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def seconds(duration: str) -> float:
    """A duration in seconds. Raises ValueError when it is none."""
    if not re.fullmatch(PATTERN[1:-1], duration):
        raise ValueError(f"{duration!r} is not a duration such as 200ms, 10m or 1h30m")
    milliseconds = dict(_UNITS)
    return sum(float(number) * milliseconds[unit] for number, _, unit in re.findall(r"([0-9]+(\.[0-9]+)?)(ms|s|m|h)", duration)) / 1000


def text(value: float) -> str:
    """The shortest text for a number of seconds, to the millisecond: 0.2 -> 200ms, 90 -> 1m30s."""
    rest = round(value * 1000)
    parts = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
