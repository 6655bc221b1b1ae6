"""Values of the replica plan: what is seen, what is wanted, what is decided. Frozen, without I/O.

Demand is work per second (requests, messages) as it was served; a capacity is the demand that one replica carries at the wanted utilisation.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


class Reason(enum.StrEnum):
    """Why so many replicas are wanted. The names are those of the condition Scaling's reasons."""

    DEMAND = "Demand"  # the demand of now needs them
    FORECAST = "Forecast"  # the demand to come needs more than that of now
    SATURATED = "Saturated"  # replicas are so busy that served demand no longer tells what is asked
    SCHEDULE = "Schedule"  # a schedule's floor
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"
    COST = "CostCeiling"
    STEP_LIMIT = "StepLimit"  # behaviour allows only a part of the way now
    STABILISING = "Stabilising"  # fewer would do, but not for long enough
    TOLERANCE = "WithinTolerance"
    SIGNALS_LOST = "SignalsLost"  # nobody knows the demand: hold what is there, growing only
    ROLLOUT = "RolloutRunning"  # growing on demand only
    IDLE = "Idle"  # scaled to zero
    DISABLED = "ScaledToZero"  # by somebody else, though the minimum is above


class Unit(enum.StrEnum):
    """What a step limit counts in."""

    PODS = "Pods"
    PERCENT = "Percent"


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `value` (replicas, or percent of the replicas before) within `period_seconds`, as in an HPA's `behavior`."""

    unit: Unit
    value: int
    period_seconds: float


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How fast replicas may come or go. Several policies: the one that allows most counts, or least where `careful`."""

    policies: tuple[Policy, ...]
    stabilisation_seconds: float
    careful: bool = False
    disabled: bool = False


OUT = Behaviour((Policy(Unit.PERCENT, 100, 15.0), Policy(Unit.PODS, 4, 15.0)), 0.0)
"""HPA's default for growing (Kubernetes documentation, "Default behavior")."""
IN = Behaviour((Policy(Unit.PERCENT, 100, 15.0),), 300.0)
"""HPA's default for shrinking."""


@dataclass(frozen=True, slots=True)
class Need:
    """One demand: what is served now, what is forecast, and what one replica carries of it."""

    name: str
    demand: float
    """Served per second, as of `age_seconds` ago; NaN where nobody knows."""
    capacity: float
    """Demand per second that one replica carries at the wanted utilisation; NaN until it is learned."""
    age_seconds: float = 0.0
    forecast: float | None = None
    """Largest demand from now until a replica that is asked for now is ready, at the wanted quantile. None: there is no usable forecast."""
    why: str = ""
    """Why there is no forecast, a sentence."""
    largest: float = 0.0
    """Largest demand in the history that the forecast was learned from: a plan that has just started has not seen the peaks itself."""
    shares: NDArray[np.float64] | None = field(default=None, compare=False)
    """Where a short minute has a price: share of minutes in which demand was above `misses.RATIOS` times what was expected; None until learned."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What is seen at one look."""

    time: float
    """Unix seconds."""
    needs: tuple[Need, ...]
    current: int
    """Replicas that the target is asked for (`spec.replicas`)."""
    ready: int
    utilisation: float = math.nan
    """CPU used by the ready replicas over what their specs grant, 0 to 1 and above; NaN where nobody knows."""
    rolling: bool = False
    """A rollout of the target runs."""
    floor: int = 0
    """Replicas that schedules ask for, for now or for when a replica asked for now is ready."""

    @property
    def starting(self) -> int:
        return max(0, self.current - self.ready)


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What is wanted. The defaults are HPA's where it has them."""

    minimum: int = 1
    """0 allows scaling to zero."""
    maximum: int = 10
    headroom: float = 0.0
    """Added to the demand of now, as a share; what a capacity leaves below full use is headroom already."""
    tolerance: float = 0.1
    """A replica goes only when demand would have to grow by this share to need it again (HPA's tolerance)."""
    saturated_at: float = 0.9
    """Utilisation from which served demand no longer shows what is asked: queues grow without bound towards 1, and at .9 a queue holds nine."""
    utilisation: float = 0.7
    """Wanted utilisation: how many replicas saturation asks for."""
    stale_seconds: float = 120.0
    """A demand older than this is unknown: eight scrapes of 15 s, and what HPA waits for before it holds is of the same size."""
    idle_seconds: float = 300.0
    """Time without any demand after which zero replicas are wanted, where the minimum is 0."""
    most_growth: float = 3.0
    """A forecast above this multiple of the largest demand of late is not believed: bursts come, but no pattern foretells one never seen."""
    short_price: float | None = None
    """What a minute with too few replicas costs, in replica-minutes; None: what is expected is enough (see `misses`)."""
    cost_ceiling: int | None = None
    """Replicas that the money allows; counts as a maximum, never below the minimum or below one."""
    out: Behaviour = OUT
    into: Behaviour = IN


@dataclass(frozen=True, slots=True)
class PlanState:
    """What is remembered from look to look; small, and safe to lose: an empty state only waits before it shrinks."""

    wishes: tuple[tuple[float, int], ...] = ()
    """(time, replicas wanted before stabilisation), as far back as the longer stabilisation."""
    changes: tuple[tuple[float, int], ...] = ()
    """(time, replicas added or taken), as far back as the longest policy period."""
    peaks: dict[str, float] = field(default_factory=dict)
    """Demand -> the largest seen, fading over weeks."""
    peaks_at: float = math.nan
    last_demand_at: float = math.nan
    """When demand was last above zero."""
    since: float = math.nan
    """Time since which nobody missed a look: nothing is taken away before it is known for a stabilisation what is needed."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Replicas wanted, and how it came to that."""

    replicas: int
    """To be asked for now, within bounds and step limits."""
    wish: int
    """Before stabilisation and step limits, within bounds."""
    reactive: int | None
    """Replicas for the demand of now; None where nobody knows it."""
    proactive: int | None
    """Replicas for the demand to come; None without a usable forecast."""
    reasons: tuple[Reason, ...]
    """The first is what decided."""
    message: str
    saturated: bool = False
    """Served demand is no measure now: neither the forecast nor a capacity may learn from it."""
    governing: str = ""
    """Name of the demand that needs most."""
    doubts: tuple[str, ...] = ()
    """Why forecasts were not used, sentences."""
