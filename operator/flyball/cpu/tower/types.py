"""What goes into the tower and what comes out. All values carry their time; nothing here knows of Kubernetes or Prometheus."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball.cpu.tower.arms import Arms
from flyball.cpu.tower.blame import Blame
from flyball.slo import Budget, Objective

TARGET_MAX = 0.30
"""Highest throttle target. At 0.5 the captain holds a quota at a twentieth above the mean of what is used (`captain.ABOVE_MEAN`) and no more: where
load then rises by two thirds within 11 s, workers that wait for each other stand still. At 0.4 Train-Ticket's noisy trace ran into surges every
six to ten minutes and took 19.40 cores, at 0.35 and 0.3 17.49 and 17.05 (docs/designs/0008-cpu-control.md)."""

TARGET_SCALE = 0.50
TARGET_BEYOND = 0.70
"""Target of the group that uses most, before TARGET_MAX cuts it: TARGET_SCALE times pressure squared, and TARGET_BEYOND times its eighth power. The
largest are at their limit from a pressure of 0.71 on; the others come closer to it up to 1, where those that use a thirtieth are there too."""

CHECKPOINT_VERSION = 1


class Reason(enum.StrEnum):
    """Why targets are what they are."""

    START = "Start"
    """Nothing is known yet: no throttling tolerated."""
    SPEND = "Spend"
    """Budget to spare: targets rise."""
    SAVE = "Save"
    """The budget burns faster than planned: targets fall."""
    HOLD = "Hold"
    """About right, or too few requests to tell."""
    GUARD = "Guard"
    """A surge of slow requests, or a standstill in which they do not end: no throttling tolerated, at once."""
    OVERDRAWN = "Overdrawn"
    """The window's budget is spent: no throttling tolerated until it recovers."""
    SIGNALS_LOST = "SignalsLost"
    """Requests have been unknown for too long: towards capacity."""
    INSUFFICIENT_TRAFFIC = "InsufficientTraffic"
    """Too few requests for the budget to be shown met: everything is given back meanwhile."""
    FIXED = "Fixed"
    """The user named the target."""
    REGROUPED = "Regrouped"
    """Targets moved because workloads joined, left or changed groups."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One objective as it is known now."""

    objective: Objective
    budget: Budget
    good: float
    """Good requests in the latest reading."""
    total: float
    seconds: float
    """Time that the latest reading covers."""
    age_seconds: float
    """How long ago it ended; infinite when there has been none."""

    @property
    def slow(self) -> float:
        return max(0.0, self.total - self.good)

    @property
    def burn(self) -> float:
        """Slow requests over allowed ones of the latest reading; NaN without requests."""
        return self.slow / self.total / self.objective.allowed_share if self.total > 0 else math.nan

    @property
    def usable(self) -> bool:
        return all(map(math.isfinite, (self.good, self.total, self.seconds, self.age_seconds))) and self.total >= 0


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """One workload's CPU over the last minute, in cores; NaN where unknown."""

    name: str
    usage: float = math.nan
    quota: float = math.nan
    grant: float = math.nan
    throttle_ratio: float = math.nan


@dataclass(frozen=True, slots=True)
class Observation:
    """All that the tower sees at one time (Unix seconds)."""

    time: float
    readings: tuple[Reading, ...]
    workloads: tuple[WorkloadView, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """A choice that was not made and what it would have brought."""

    choice: str
    effect: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Targets by group and workload, and why."""

    targets: Mapping[str, float]
    """Group -> throttled share of wall periods, 0 to TARGET_MAX."""
    groups: Mapping[str, str]
    """Workload -> group."""
    reason: Reason
    message: str
    governing: str | None = None
    burn_rate: float = math.nan
    """Burn rate of the latest reading of the governing objective."""
    expected: str = ""
    alternatives: tuple[Alternative, ...] = ()
    kept: float = 0.0
    """Share of each grant below which no quota goes, 0 to 1."""
    release: bool = False
    """Whether everything is to be given back for now. A target of zero still takes what looks unused, and in a surge nobody knows what that is."""

    def permille(self, group: str) -> int:
        """A group's target as plans carry it."""
        return round(1000 * self.targets[group])

    @property
    def kept_permille(self) -> int:
        return round(1000 * self.kept)


@dataclass(frozen=True, slots=True)
class TowerState:
    """What the tower remembers between decisions."""

    pressure: float = 0.0
    """One scalar from 0 (no throttling tolerated) to 1 (the highest targets)."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Workload -> group, for hysteresis."""
    ceiling: float = 1.0
    """Somewhat less than the pressure that was too much not long ago; forgotten slowly."""
    hold_until: float = 0.0
    """Unix time before which pressure does not rise."""
    cut_until: float = 0.0
    """Unix time before which a cut is not followed by another: the readings still hold what was before it."""
    guard_until: float = 0.0
    """Unix time until which everything is given back."""
    last_time: float = 0.0
    last_good_reading: float = 0.0
    """Unix time at which requests were last known."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Objective -> requests a second of the last minutes, for a standstill to be seen against."""
    arms: Arms = field(default_factory=Arms)
    """What the policy `bandit` has seen; empty under others."""
    blame: Blame = field(default_factory=Blame)
    """What was in force, and which slow requests that excuses."""
    kept: float = 0.0
    """Share of each grant that is kept, where a pressure of 0 burns too much still."""

    def to_json(self) -> dict[str, Any]:
        """A small versioned object for a checkpoint."""
        return {
            "version": CHECKPOINT_VERSION,
            "pressure": self.pressure,
            "kept": self.kept,
            "groups": dict(self.groups),
            "ceiling": self.ceiling,
            "holdUntil": self.hold_until,
            "cutUntil": self.cut_until,
            "guardUntil": self.guard_until,
            "lastTime": self.last_time,
            "lastGoodReading": self.last_good_reading,
            "rates": dict(self.rates),
            **({"arms": self.arms.to_json()} if self.arms.seen else {}),
            "blame": self.blame.to_json(),
        }

    @classmethod
    def from_json(cls, stored: object) -> TowerState:
        """The state that was stored; a fresh, safe one when that is of another version or no such object."""
        if not isinstance(stored, dict) or stored.get("version") != CHECKPOINT_VERSION:
            return cls()
        try:
            numbers = [float(stored[key]) for key in ("pressure", "ceiling", "holdUntil", "cutUntil", "guardUntil", "lastTime", "lastGoodReading")]
            kept = float(stored.get("kept", 0.0))
            groups = {str(workload): str(group) for workload, group in stored["groups"].items()}
            rates = {str(objective): float(rate) for objective, rate in stored.get("rates", {}).items()}
            arms = Arms.from_json(stored["arms"]) if "arms" in stored else Arms()
            blame = Blame.from_json(stored["blame"]) if "blame" in stored else Blame()
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()
        if not all(map(math.isfinite, (*numbers, kept, *rates.values()))):
            return cls()
        pressure, ceiling, hold_until, cut_until, guard_until, last_time, last_good = numbers
        pressure, kept, ceiling = (min(1.0, max(0.0, value)) for value in (pressure, kept, ceiling))
        return cls(pressure, groups, ceiling, hold_until, cut_until, guard_until, last_time, last_good, rates, arms, blame, kept)


@dataclass(frozen=True, slots=True)
class Settings:
    """How the tower steers. The defaults serve; each says what it trades."""

    policy: str = "budget"
    fixed_target: float = 0.0
    """Policy `fixed`: the target of every group."""
    burn_aim: float = 0.5
    """Burn rate that a minute is steered to. At 1 the budget is spent exactly and half of the minutes lie above the objective; at 0.5 and 1,500
    requests a minute (15 slow ones allowed) chance alone puts one minute in a hundred above. An objective over an hour or more is steered to
    `Budget.pace` instead: minutes above it may be made up for by others, and what counts is how much is spent."""
    burn_aim_spent: float = 0.3
    """The same for an objective that says how many minutes may lie above, once most of them did ..."""
    burn_aim_unspent: float = 0.6
    """... and while none of the window did. At 5 % over an hour, with the small cuts of an hour, this takes 2 % fewer cores than 0.5 with the cuts of
    minutes does, and has 68 minutes of 3,150 above for its 40 (docs/designs/0008)."""
    rise_per_minute: float = 0.22
    """Rise of pressure when nothing at all is slow, less in proportion as burn nears the aim: from 0 to a target of 5 % in 70 s. A step shows in the
    readings some 40 s later (scrape, look-back, and the captains' own pace), so that twice this overshoots by more than one cut takes back."""
    probe_share: float = 0.25
    """Above what was too much not long ago, pressure rises at this share of its rate: load changes, and so does what is too much."""
    ceiling_per_minute: float = 0.03
    """How fast it is forgotten."""
    ceiling_lowest: float = 0.14
    """Pressure whose target (1.2 %) is too small to be blamed for slow requests."""
    cut_at_most: float = 0.6
    """Largest share of pressure that one decision takes away, the guard apart."""
    guard_burn: float = 3.0
    """Burn rate of the latest reading at which the guard fires, if it surely is above 1: half a minute of it puts the whole minute above."""
    guard_burn_hour: float = 6.0
    """The same for an objective over an hour or more: a minute of it is a tenth of what an hour may spend. At 3 the guard fired one to three times in
    three hours on Train-Ticket and Social-Network's noisy trace; giving everything back and starting anew cost .4 to .8 cores each time."""
    guard_hold_seconds: float = 60.0
    """How long everything is given back after the guard, and a whole look-back at least: until the readings are free of the surge."""
    doubt: float = 0.1
    """A step is taken when chance alone would show such a count, or a more extreme one, less often than this."""
    enough: float = 1.0
    """Requests that a look-back may have slow, below which nothing is begun; below a quarter of it what was begun rests. One slow request is too much
    then, and a container's use says little about what the next request wants: at .1 and 1 requests a second 21 and 7 % were slow at targets of
    zero, none at the grants (`tests.benchmarks.cpu.disturbances`). At 99 % one allowed request is 100 a minute."""
    reserve: float = 0.3
    """Share of the budget that is kept: below it, the aim shrinks in proportion, to nothing when the budget is spent."""
    stale_seconds: float = 90.0
    """Readings older than this are held on to; older than twice this, targets go to zero."""
