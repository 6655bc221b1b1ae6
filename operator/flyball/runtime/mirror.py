"""Mirror: which version of each object of a kind a cache holds, and since when; so that a list can be held against it. Pure but for the clock.

Resource versions are compared as numbers, which Kubernetes promises since 1.35 and etcd has always made them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

Key = tuple[str, str]


class Mirror:
    """Versions of one kind's objects."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._held: dict[Key, tuple[int, float, str]] = {}
        """Version, since when, and the object's UID."""
        self._failed_checks = 0
        self.heard_at = clock()
        """When anything was last heard of the kind."""

    def take(self, change: str | None, metadata: Mapping[str, Any]) -> bool:
        """Note an object as listed or as changed; False for what is no news: an older version than the one held, or the end of another object.

        kopf handles each UID by itself, so that the end of an object may be told after its successor of the same name has come.
        """
        key, version, uid = (metadata["namespace"], metadata["name"]), int(metadata["resourceVersion"]), str(metadata.get("uid", ""))
        self.heard_at = self.now()
        held = self._held.get(key)
        if change == "DELETED":
            if held is None or (uid and held[2] and uid != held[2]):
                return False
            del self._held[key]
            return True
        if held and held[0] > version:
            return False
        self._held[key] = (version, self.heard_at, uid)
        return True

    def uid(self, key: Key) -> str:
        """The UID of the object that is held, empty where there is none."""
        held = self._held.get(key)
        return held[2] if held else ""

    def suspects(self, listed: Mapping[Key, int], since: float) -> list[Key]:
        """Objects that a list which began at `since` shows otherwise than they are held."""
        gone = [key for key, (_, at, _) in self._held.items() if key not in listed and at < since]
        return gone + [key for key, version in listed.items() if self.behind(key, version)]

    def behind(self, key: Key, version: int | None) -> bool:
        """Whether what is held is older than `version`; None: than the object's end."""
        held = self._held.get(key)
        if version is None:
            return held is not None
        return held is None or held[0] < version

    def checked(self, missed: int) -> None:
        """A check is over."""
        self._failed_checks = self._failed_checks + 1 if missed else 0

    @property
    def failing(self) -> bool:
        """Whether the last two checks found something missed: once is a race, twice is a dead watch."""
        return self._failed_checks >= 2
