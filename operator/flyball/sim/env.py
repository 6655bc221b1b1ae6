"""The simulator as a Gymnasium environment, for people who research controllers.

An episode is one run. A step is the slow level's interval: the agent names a number per service, the plant runs on, the observation is what
Prometheus shows. `action="targets"`: throttle targets, held each second by Flyball's captains. `action="quotas"`: quotas as shares of the grant.

    env = CpuEnv(shop(), rates)
    observation, info = env.reset(seed=1)
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
"""

from __future__ import annotations

from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from flyball.cpu.tower.types import TARGET_MAX
from flyball.sim.arrivals import Arrivals
from flyball.sim.bridge import Captains
from flyball.sim.policy import Facts, Floats, Quotas, Samples, SlowObservation
from flyball.sim.run import Run, Settings
from flyball.sim.spec import Application

GLOBAL_FEATURES = 4
SERVICE_FEATURES = 3
CLIP = 10.0
"""Features are ratios near 1; what is ten times its yardstick says no more than ten."""
PENALTY = 10.0
"""Reward lost per unit of burn above 1 (and cores are a share of the grant): a minute at twice the allowed slow share costs ten grants."""

STEP_MOST = 60
"""Seconds. The slow level's observation goes back a minute behind the step's beginning, and scrapes are kept for a good two minutes."""


class CpuEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Observation: requests per second over the trace's highest, slow share over the allowed, p99 over the objective, budget left; then by service
    use, quota (shares of the grant) and throttle ratio. Unknown: 0. Reward: minus the quota's share of the grant, minus PENALTY a unit of burn
    above 1 among the requests that ended in the step."""

    def __init__(
        self,
        application: Application,
        rates: Floats,
        settings: Settings = Settings(),  # noqa: B008
        *,
        action: Literal["targets", "quotas"] = "targets",
        step_seconds: int = 15,
    ) -> None:
        if action not in ("targets", "quotas"):
            raise ValueError(f"action is targets or quotas, not {action!r}")
        if not 1 <= step_seconds <= STEP_MOST:
            raise ValueError(f"a step is 1 to {STEP_MOST} s long, not {step_seconds}: scrapes are kept for not much longer")
        self._application, self._rates, self._settings = application, np.asarray(rates, np.float64), settings
        self._action, self._step_seconds = action, step_seconds
        services = len(application.services)
        self.action_space = spaces.Box(0.0, TARGET_MAX if action == "targets" else 1.0, (services,), np.float32)
        self.observation_space = spaces.Box(-CLIP, CLIP, (GLOBAL_FEATURES + SERVICE_FEATURES * services,), np.float32)
        self._run: Run | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin a run; without a seed the next of this environment's own."""
        super().reset(seed=seed)
        number = seed if seed is not None else int(self.np_random.integers(1, 2**31))
        self._hand = _Hand(self._action, self._step_seconds)
        self._run = Run(self._application, Arrivals(self._rates, number), self._hand, number, self._settings)
        self._second = 0
        return self._observation(), {}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Run to the next observation under `action`."""
        if self._run is None:
            raise RuntimeError("call reset() before the first step()")
        run = self._run
        self._hand.take(np.clip(np.asarray(action, np.float64), self.action_space.low, self.action_space.high))  # type: ignore[attr-defined]
        before, quota = run.plant.finished, 0.0
        end = min(self._second + self._step_seconds, len(self._rates))
        steps = end - self._second
        for second in range(self._second, end):
            run.second(second)
            quota += float(np.sum(run.plant.quota[run.plant.active])) / steps
        self._second = end
        late = run.requests.slow(before, run.plant.finished)
        slow = float(np.mean(late)) if len(late) else 0.0
        burn = slow / run.objective.allowed_share
        reward = -quota / float(np.sum(run.plant.grant[run.plant.active])) - PENALTY * max(0.0, burn - 1.0)
        info = {"cores": quota, "slow_share": slow, "requests": len(late)}
        return self._observation(), reward, end >= len(self._rates), False, info

    def _observation(self) -> NDArray[np.float32]:
        seen = self._hand.seen
        services = len(self._application.services)
        if seen is None or self._run is None:
            return np.zeros(GLOBAL_FEATURES + SERVICE_FEATURES * services, np.float32)
        slow = (seen.total - seen.good) / max(1.0, seen.total) / self._run.objective.allowed_share
        highest = max(1e-9, float(self._rates.max()))
        first = [seen.requests_per_second / highest, slow, seen.p99_seconds / self._application.objective_seconds, seen.budget.left]
        values = np.concatenate([first, seen.usage / seen.grant, seen.quota / seen.grant, seen.throttle_ratio])
        features: NDArray[np.float32] = np.clip(np.nan_to_num(values, nan=0.0, posinf=CLIP, neginf=-CLIP), -CLIP, CLIP).astype(np.float32)
        return features


class _Hand:
    """The policy through which an agent of reinforcement learning acts."""

    tick_seconds = 1.0

    def __init__(self, action: str, slow_seconds: int) -> None:
        self.name, self.slow_seconds = action, float(slow_seconds)
        self.seen: SlowObservation | None = None

    def start(self, facts: Facts) -> Quotas | None:
        self._facts, self._captains = facts, Captains(facts)
        self._action = np.zeros(len(facts.grant)) if self.name == "targets" else np.ones(len(facts.grant))
        return None

    def take(self, action: Floats) -> None:
        self._action = action[self._facts.service]

    def fast(self, samples: Samples) -> Quotas | None:
        if self.name == "targets":
            return self._captains.decide(samples, self._action)
        return Quotas(self._action * self._facts.grant)

    def slow(self, observation: SlowObservation) -> None:
        self.seen = observation
