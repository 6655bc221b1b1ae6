"""How fast replicas may come and go: stabilisation and step limits, as an HPA's `behavior` has them.

Second half of `plan.decide`: a wish in, the number allowed now out. Source: Kubernetes documentation, "Horizontal Pod Autoscaling",
scaling policies and stabilisation window; the largest wish of the window counts when shrinking, the smallest when growing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from flyball.replicas.types import Behaviour, Policy, Unit

Moments = Sequence[tuple[float, int]]


def stabilised(wishes: Moments, current: int, now: float, out: Behaviour, into: Behaviour) -> int:
    """The newest wish, held back where wishes of the windows differ; `wishes` holds the newest last."""
    low = min(wish for time, wish in wishes if time > now - out.stabilisation_seconds or time == now)
    high = max(wish for time, wish in wishes if time > now - into.stabilisation_seconds or time == now)
    # Growing waits for the smallest wish, shrinking for the largest.
    if low > current:
        return low
    return min(current, high)


def stepped(wanted: int, current: int, changes: Moments, now: float, out: Behaviour, into: Behaviour) -> int:
    """As far towards `wanted` as the policies allow now, given the changes made before."""
    if wanted > current:
        return current if out.disabled else max(current, min(wanted, _most(current, changes, now, out)))
    if wanted < current:
        return current if into.disabled else min(current, max(wanted, _least(current, changes, now, into)))
    return current


def kept(moments: Moments, now: float, seconds: float) -> tuple[tuple[float, int], ...]:
    """Those of the last `seconds`; a clock that went back forgets what would lie ahead of it."""
    return tuple((time, value) for time, value in moments if now - seconds <= time <= now)


def longest_period(*behaviours: Behaviour) -> float:
    """Seconds that changes must be remembered for."""
    return max((policy.period_seconds for behaviour in behaviours for policy in behaviour.policies), default=0.0)


def _most(current: int, changes: Moments, now: float, behaviour: Behaviour) -> int:
    def limit(policy: Policy) -> int:
        start = current - _sum(changes, now, policy.period_seconds, grown=True)
        return start + policy.value if policy.unit is Unit.PODS else math.ceil(start * (1 + policy.value / 100))

    limits = [limit(policy) for policy in behaviour.policies]
    if not limits:
        return 2**31
    # From zero no percentage leads anywhere: the first replica is always allowed.
    return max(1, min(limits) if behaviour.careful else max(limits))


def _least(current: int, changes: Moments, now: float, behaviour: Behaviour) -> int:
    def limit(policy: Policy) -> int:
        start = current + _sum(changes, now, policy.period_seconds, grown=False)
        return start - policy.value if policy.unit is Unit.PODS else math.floor(start * (1 - policy.value / 100))

    limits = [limit(policy) for policy in behaviour.policies]
    if not limits:
        return 0
    return max(0, max(limits) if behaviour.careful else min(limits))


def _sum(changes: Moments, now: float, period: float, *, grown: bool) -> int:
    return sum(abs(change) for time, change in changes if time > now - period and (change > 0) is grown)
