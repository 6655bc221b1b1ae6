"""Durations as Go and Kubernetes write them (200ms, 10m, 1h30m), and whole days as Prometheus does (30d)."""

from __future__ import annotations

import re
from decimal import Decimal

PATTERN = r"^([0-9]{1,7}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$"
DAYS_PATTERN = r"^[1-9][0-9]{0,2}d$"
_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


def seconds(duration: str) -> float:
    """A duration in seconds. Raises ValueError when it is none."""
    if not re.fullmatch(f"{PATTERN}|{DAYS_PATTERN}", duration):
        raise ValueError(f"{duration!r} is not a duration such as 200ms, 10m, 1h30m or 7d")
    parts = re.findall(r"([0-9.]+)(ms|[smhd])", duration)
    return float(sum(Decimal(number) * _UNITS[unit] for number, unit in parts) / 1000)


def text(value: float) -> str:
    """The shortest text for a number of seconds, to the millisecond: 0.2 -> 200ms, 90 -> 1m30s, 172800 -> 2d."""
    rest = round(value * 1000)
    if rest < 0:
        raise ValueError(f"a duration is not negative, this one is {value} s")
    if rest and rest % _UNITS["d"] == 0 and rest // _UNITS["d"] < 1000:
        return f"{rest // _UNITS['d']}d"
    parts = []
    for unit in ("h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
