"""A small application for the tower to steer: slow requests rise with the throttle target, later and noisier than one would like.

Ours, not calibrated: it shows that the loop is stable against delay, noise, surges and lost signals. What it saves is shown on real clusters.
"""

from __future__ import annotations

import copy
import math
import random
from dataclasses import dataclass, field

from flyball.cpu import tower
from flyball.slo import Cell, Ledger, Objective, cell_start

TICK = 15.0

CAPTAIN_SECONDS = 15.0
"""Time in which the captains come two thirds of the way to a higher target; a lower one they follow within a second or two."""


@dataclass
class Plant:
    """`knee`: target (of the group that uses most) at which 1 % of requests is slow; `floor`: slow share with no throttling at all;
    `lookback`: seconds that a reading covers."""

    seed: int = 1
    rate: float = 25.0
    knee: float = 0.08
    floor: float = 0.0005
    lookback: float = 30.0
    stuck_above: float = math.inf
    """Target above which nearly all requests cease to end, and with them the chance to be counted as slow."""
    elsewhere: float = 0.0
    """Share of requests that another cause makes slow, whatever is throttled."""
    at_zero: float = 0.0
    """Share of requests that is slow at a target of zero, in proportion less where a share of the grants is kept."""
    obedient: bool = True
    """Whether agents give back what they are told to."""
    objective: Objective = field(default_factory=lambda: Objective("gateway", 0.99, 0.2, 600.0))
    settings: tower.Settings = field(default_factory=tower.Settings)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.state = tower.TowerState()
        self.ledger = Ledger(self.objective)
        self.now = 1_000_000.0
        self.seconds: list[tuple[float, int, int]] = []
        self.decision: tower.Decision | None = None
        self.silent = self.stuck = False
        self.held = 0.0
        self.reasons: list[tower.Reason] = []

    @property
    def target(self) -> float:
        return max(self.decision.targets.values(), default=0.0) if self.decision else 0.0

    def slow_share(self) -> float:
        whole = self.decision is None or self.decision.release
        taken = 0.0 if self.decision is None or whole else 1.0 - self.decision.kept
        ours = min(1.0, self.floor + self.at_zero * taken + 0.01 * math.pow(self.held / self.knee, 1.5))
        return ours + self.elsewhere - ours * self.elsewhere

    def run(self, minutes: float) -> Plant:
        for _ in range(round(minutes * 60 / TICK)):
            for _ in range(round(TICK)):
                self.held = min(self.target, self.held + (self.target - self.held) / CAPTAIN_SECONDS)
                share = self.slow_share()
                self.stuck = self.held > self.stuck_above
                total = self._poisson(0.05 * self.rate if self.stuck else self.rate)
                self.seconds.append((self.now, total, sum(self.random.random() < share for _ in range(total))))
                self.now += 1.0
            self._decide()
        return self

    def minutes_above(self) -> int:
        """Minutes of the whole run in which more than 1 % of the requests was slow."""
        cells: dict[float, list[int]] = {}
        for time, total, slow in self.seconds:
            cell = cells.setdefault(cell_start(time, 60), [0, 0])
            cell[0] += total
            cell[1] += slow
        return sum(1 for total, slow in cells.values() if slow > self.objective.allowed_share * total)

    def twin(self) -> Plant:
        """One that goes on from here by itself."""
        other = copy.copy(self)
        other.random, other.seconds, other.reasons = copy.copy(self.random), list(self.seconds), list(self.reasons)
        return other

    def restart(self) -> None:
        """A new process: all it has is the checkpoint and what Prometheus remembers."""
        self.state = tower.TowerState.from_json(self.state.to_json())

    def _decide(self) -> None:
        window = [entry for entry in self.seconds if entry[0] >= self.now - self.objective.window_seconds]
        cells: dict[float, list[int]] = {}
        for time, total, slow in window:
            cell = cells.setdefault(cell_start(time, 60), [0, 0])
            cell[0] += total
            cell[1] += slow
        self.ledger = self.ledger.record([Cell(start, total - slow, total) for start, (total, slow) in cells.items()], self.now)
        recent = [entry for entry in window if entry[0] >= self.now - self.lookback]
        total, slow = sum(entry[1] for entry in recent), sum(entry[2] for entry in recent)
        age = math.inf if self.silent else 3.0
        reading = tower.Reading(self.objective, self.ledger.budget(self.now), total - slow, total, self.lookback, age)
        released = self.obedient and self.decision is not None and self.decision.release
        views = (
            tower.WorkloadView("Deployment/big", 0.2, 0.5 if released else 0.3, 0.5, 0.9 if self.stuck else self.held),
            tower.WorkloadView("Deployment/small", 0.02, 0.1 if released else 0.05, 0.1, 0.0),
        )
        self.state, self.decision = tower.decide(self.state, tower.Observation(self.now, (reading,), views), self.settings)
        self.reasons.append(self.decision.reason)

    def _poisson(self, mean: float) -> int:
        limit, count, product = math.exp(-mean), 0, self.random.random()
        while product > limit:
            count += 1
            product *= self.random.random()
        return count
