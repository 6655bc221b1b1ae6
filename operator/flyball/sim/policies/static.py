"""Static limits: every container at one share of its grant, for the whole run. The best share in hindsight is what an operator could have set."""

from __future__ import annotations

from flyball.sim.policies.parts import quotas
from flyball.sim.policy import Facts, Quotas, Samples, SlowObservation


class Static:
    """`share` of the grant; grants are twice the peak, so .5 is the peak itself."""

    tick_seconds = 1.0
    slow_seconds = 60.0

    def __init__(self, share: float) -> None:
        if not 0.0 < share <= 1.0:
            raise ValueError(f"a static limit is a share of the grant, above 0 and at most 1; this is {share}")
        self.name = f"static {share:.2f}"
        self._share = share

    def start(self, facts: Facts) -> Quotas | None:
        return quotas(self._share * facts.grant, facts)

    def fast(self, samples: Samples) -> Quotas | None:
        return None

    def slow(self, observation: SlowObservation) -> None:
        return None
