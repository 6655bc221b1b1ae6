"""Foreign: other people's writes to a value that the agent holds, told apart from the kubelet's own after a change of the pod's spec.

Each track keeps one, and so does each pod's weight. Pure.
"""

from __future__ import annotations

import math

# After a change of spec or status the kubelet rewrites the value within 0.2 s (measured), after a refused one within its retry of 10 s.
ADOPT_SECONDS = 60.0
# Three foreign writes within five minutes: somebody else keeps writing, and to fight only makes the value flap.
CONTESTED_WRITES = 3
CONTESTED_SECONDS = 300.0


class Foreign:
    """Writes of others. `now` is monotonic, in seconds."""

    __slots__ = ("_adopt_until", "_times")

    def __init__(self) -> None:
        self._adopt_until = -math.inf
        self._times: list[float] = []

    def expect(self, now: float) -> None:
        """The pod's spec or resize status changed: what is rewritten for a while is the kubelet's."""
        self._adopt_until = now + ADOPT_SECONDS

    def wrote(self, now: float) -> bool:
        """Somebody else's value was found; whether that is drift."""
        if now < self._adopt_until:
            return False
        self._times.append(now)
        return True

    def contested(self, now: float) -> bool:
        """Whether somebody keeps writing. Answering yes forgets, so that a later attempt starts afresh."""
        self._times = [at for at in self._times if now - at < CONTESTED_SECONDS]
        if len(self._times) < CONTESTED_WRITES:
            return False
        self._times.clear()
        return True
