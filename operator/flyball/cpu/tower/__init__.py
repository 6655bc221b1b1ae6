"""Tower: once in a while, the throttle targets that cost the fewest cores while the error budget lasts. Pure.

`decide(state, observation, settings)` is all there is; policies are exchangeable behind it.
"""

from flyball.cpu.tower.tower import decide
from flyball.cpu.tower.types import Alternative, Decision, Observation, Reading, Reason, Settings, TowerState, WorkloadView

__all__ = ["Alternative", "Decision", "Observation", "Reading", "Reason", "Settings", "TowerState", "WorkloadView", "decide"]
