"""How the example's load goes through a day, and the counter that a program under it would have shown. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DAY = 86_400.0
FALL_SECONDS = 3600.0
"""From high to low; the example ends before."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Requests a second: low, then a rise at the same time each day, then high for hours."""

    rise: float
    """When today's rise begins, Unix seconds."""
    low: float
    high: float
    ramp_seconds: float
    high_seconds: float = 3 * 3600.0

    def at(self, time: float) -> float:
        """Requests a second at a time."""
        since = (time - self.rise) % DAY
        if since < self.ramp_seconds:
            return self.low + (self.high - self.low) * since / self.ramp_seconds
        falling = since - self.ramp_seconds - self.high_seconds
        if falling < 0:
            return self.high
        return max(self.low, self.high - (self.high - self.low) * falling / FALL_SECONDS)

    def reached(self, rate: float) -> float:
        """When today's rise passes `rate`, Unix seconds; NaN where it never does."""
        if not self.low <= rate < self.high:
            return math.nan
        return self.rise + self.ramp_seconds * (rate - self.low) / (self.high - self.low)


def totals(pattern: Pattern, start: float, end: float, step_seconds: float, seed: int = 1) -> Iterator[tuple[float, int]]:
    """(time, requests since `start`) every `step_seconds`: arrivals at random, as a Poisson process has them (normal from ten on, near enough)."""
    noise = random.Random(seed)
    total = 0
    for index in range(int((end - start) / step_seconds) + 1):
        time = start + index * step_seconds
        expected = pattern.at(time - step_seconds / 2) * step_seconds
        total += max(0, round(noise.gauss(expected, math.sqrt(expected))))
        yield time, total


def exposition(metric: str, labels: Mapping[str, str], samples: Iterator[tuple[float, int]]) -> str:
    """Samples of one counter in Prometheus' text format, each with its time."""
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    lines = [f"# TYPE {metric} untyped", *(f"{metric}{{{inside}}} {value} {round(1000 * time)}" for time, value in samples)]
    return "\n".join(lines) + "\n"
