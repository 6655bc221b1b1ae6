"""Crowd: whether others have the CPUs, so that what a container uses is less than what it wants. Then the captain does not cut.

No throttling says so: beside two compilations on two cores the demo's quotas fell with its use, and the backlog met them: 26 % of a minute's requests
were slow. Pure. Departs from Autothrottle, whose Captain has no such rule; facts in docs/designs/0010-limit-free.md.
"""

from __future__ import annotations

import math

# With a third of the time waited, what one thread used is at most a third below what it wanted.
CROWDED_FROM = 1.0 / 3.0
# The captain's longest mean that rises with use: one that a crowd has held down has come up again after so many seconds.
CROWD_SAMPLES = 10
# Where CPUs stand idle, tasks wait for one another: two processes of one container that wake together on one CPU wait half of their time, whoever
# else is there. Ours: with a tenth of a second's CPU time to spare nobody is kept from what it wants for long.
IDLE_FROM = 0.1


def remember(waits: tuple[float, ...], waited: float, elapsed: float, idle: float, *, throttled: bool) -> tuple[float, ...]:
    """The waits of the last samples with one more, in seconds a second; empty while nothing waited.

    NaN of `waited` (seconds) is unknown and counts as nothing; so does a sample with throttling, since the kernel counts the time that tasks wait
    for a quota among the rest. `idle` is the share of the node's CPU time that nobody used, NaN where unknown.
    """
    counts = math.isfinite(waited) and not throttled and not idle >= IDLE_FROM
    newest = max(0.0, waited) / elapsed if counts else 0.0
    return (*waits, newest)[-CROWD_SAMPLES:] if newest or any(waits) else ()


def crowded(waits: tuple[float, ...], usages: tuple[float, ...]) -> bool:
    """Whether tasks waited for so much of the last seconds that usage (cores, newest last) says little about what was wanted."""
    if not waits:
        return False
    waited = sum(waits)
    return waited >= CROWDED_FROM * (waited + sum(usages[-CROWD_SAMPLES:]))
