"""How a run is laid out: which policy meets which piece of the trace, in which order. Pure.

All blocks of a round are under the same piece of the trace, so that policies are compared under one load; the rounds' pieces lie evenly over the
trace (rise, peak, fall), and each round begins with another policy, so that none is always the one behind the most careless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

SPARE_SECONDS = 6
"""The load and the policy go on past a block's end: its last requests have their answer or their time-out (5 s) under the same conditions."""

TAIL_SECONDS = 10
"""What the load generator has been told to send beyond that, so that it never ends before it is stopped."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Seconds of each part of a run."""

    rounds: int
    block: int
    settle: int
    """Before each block, under its policy and load, not scored. At least a minute for Autothrottle to take its first decision."""
    observe: int
    """What the simulator is fitted on."""
    idle: int
    """Without load, before it: what the shop uses whatever comes."""
    warm_up_run: int
    """Length of each of the twelve runs of Autothrottle's warm-up in the simulator; the paper's are an hour."""

    @property
    def load_seconds(self) -> int:
        """Length of a block's load."""
        return self.settle + self.block + SPARE_SECONDS + TAIL_SECONDS

    def estimate_seconds(self, policies: int) -> int:
        """How long the blocks take, about: with each goes the start of the load and giving back."""
        return self.rounds * policies * (self.settle + self.block + SPARE_SECONDS + 5)


FULL = Shape(rounds=3, block=300, settle=60, observe=120, idle=15, warm_up_run=3600)
QUICK = Shape(rounds=1, block=90, settle=60, observe=120, idle=15, warm_up_run=3600)


def order(policies: Sequence[str], number: int) -> list[str]:
    """The policies of a round, each round beginning one further."""
    first = number % len(policies)
    return [*policies[first:], *policies[:first]]


def piece(trace: Sequence[int], number: int, rounds: int, seconds: int) -> list[int]:
    """The round's piece of the trace, one value a second: the rounds' middles lie evenly over the trace, which begins anew where it ends."""
    middle = (2 * number + 1) * len(trace) // (2 * rounds)
    start = (middle - seconds // 2) % len(trace)
    return list(islice(cycle(trace), start, start + seconds))
