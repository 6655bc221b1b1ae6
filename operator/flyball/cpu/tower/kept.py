"""Below a target of zero: the share of each grant that is kept, whatever the captains would take. Pure.

A captain at target zero still follows what is used. Where that alone makes requests slow, as on a machine that others slow down, lower targets cannot
cure it and the loop would have nothing left to answer with but giving everything back and beginning anew. Kept shares go on from there: they rise
while the budget burns too fast at targets next to zero, up to the whole grant, and fall before targets rise. In a run of the demo beside other work,
without them, nine of ten minutes had targets of zero, 27 % saved and 1.95 % of the requests slow; without control .3 % were.
"""

from __future__ import annotations

from flyball.cpu.tower.budget import Proposal, minutes_since
from flyball.cpu.tower.types import Observation, Reason, Settings, TowerState

AFTER_GUARD = 0.25
"""More of the grants after a surge at targets next to zero."""

RISE_PER_MINUTE = 0.5
"""While the budget burns too fast, or is overdrawn: from nothing to everything in two minutes, as long as a reading takes to tell twice."""

FALL_PER_MINUTE = 0.25
"""Twice as slow, since each step shows in the readings a look-back later."""


def kept(before: TowerState, proposal: Proposal, observation: Observation, settings: Settings) -> tuple[float, Proposal]:
    """The share of the grants to keep from now on, 0 to 1, and the proposal that goes with it: no higher pressure before nothing is kept."""
    share, minutes = before.kept, minutes_since(before, observation.time)
    low = before.pressure <= settings.ceiling_lowest
    if proposal.reason is Reason.GUARD and low and observation.time >= before.guard_until:
        share += AFTER_GUARD
    elif proposal.reason is Reason.OVERDRAWN or (proposal.reason is Reason.SAVE and low):
        share += RISE_PER_MINUTE * minutes
    elif proposal.reason is Reason.SPEND and share > 0.0:
        share -= FALL_PER_MINUTE * minutes
        proposal = proposal.staying(min(before.pressure, proposal.pressure), "less of the grants is kept, targets stay.")
    return min(1.0, max(0.0, share)), proposal


def sentence(share: float) -> str:
    """What to say of it; empty where nothing is kept."""
    return f" At least {share:.0%} of each grant is kept." if share >= 0.0005 else ""
