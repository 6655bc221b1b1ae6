"""Whether a rollout of the target runs, told from its pods alone: no other request is made for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from flyball.kube.pods import Pod

STILL_SECONDS = 1800.0
"""Pods of two versions that nothing has moved for so long are no rollout: a StatefulSet with a partition or updates on deletion has them for ever.
Three times a Deployment's own patience (progressDeadlineSeconds, 10 minutes)."""


@dataclass(slots=True)
class Rollout:
    """What was seen of the pods' versions, look by look."""

    versions: frozenset[str] = frozenset()
    pods: frozenset[str] = frozenset()
    """UIDs."""
    moved_at: float = -math.inf
    settled: bool = False
    """These versions stand beside each other, and may: scaling, which makes and ends pods of them as well, starts no rollout again."""

    def runs(self, pods: Iterable[Pod], now: float) -> bool:
        """Whether pods of more than one version of the template are there, and something has moved of late."""
        by_uid = {pod.uid: pod.revision for pod in pods if pod.revision}
        versions, uids = frozenset(by_uid.values()), frozenset(by_uid)
        self.settled = self.settled and versions == self.versions
        if (versions, uids) != (self.versions, self.pods) or now < self.moved_at:  # a clock that went back begins anew
            self.versions, self.pods, self.moved_at = versions, uids, now
        self.settled = self.settled or now - self.moved_at >= STILL_SECONDS
        return len(versions) > 1 and not self.settled
