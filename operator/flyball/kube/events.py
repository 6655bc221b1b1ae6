"""Events on objects, deduplicated: the same thing said again raises a count, and at a bounded rate.

API: events.k8s.io/v1, one Event per object, reason and message; repeats patch its series, as client-go's recorder does.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from flyball.api.meta import API_VERSION, Metadata
from flyball.kube import paths
from flyball.kube.client import Kube, KubeError, NotFound
from flyball.kube.lease import micro_time

log = logging.getLogger(__name__)

REPEAT_SECONDS = 300.0
"""A repeat is written at most this often."""
REMEMBERED = 1024
NOTE_LENGTH = 1024


@dataclass(slots=True)
class _Said:
    name: str
    written_at: float
    count: int


class Recorder:
    """Writes events; a failure is logged and never in anybody's way."""

    def __init__(self, kube: Kube, instance: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._instance = instance
        self._clock = clock
        self._said: OrderedDict[str, _Said] = OrderedDict()
        self.on_write: Callable[[], None] = lambda: None
        """Called after each write."""

    async def say(self, kind: str, about: Metadata, reason: str, note: str, *, warning: bool = False) -> None:
        """Record an event about an object of ours."""
        key = hashlib.sha256("\0".join((about.uid, reason, note)).encode()).hexdigest()[:16]
        said = self._said.get(key)
        try:
            if said is None:
                await self._create(key, kind, about, reason, note, warning)
            elif self._clock() - said.written_at >= REPEAT_SECONDS:
                await self._repeat(said, about.namespace)
            else:
                said.count += 1
        except KubeError as error:
            log.warning("event %s on %s/%s was not written: %s", reason, about.namespace, about.name, error)
            if isinstance(error, NotFound):
                self._said.pop(key, None)

    async def _create(self, key: str, kind: str, about: Metadata, reason: str, note: str, warning: bool) -> None:
        name = f"{about.name[:200]}.{key}.{time.time_ns():x}"
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": about.namespace},
            "eventTime": micro_time(),
            "reportingController": "flyball.dev/operator",
            "reportingInstance": self._instance[:128],
            "action": reason,
            "reason": reason,
            "note": note[:NOTE_LENGTH],
            "type": "Warning" if warning else "Normal",
            "regarding": {"apiVersion": API_VERSION, "kind": kind, "namespace": about.namespace, "name": about.name, "uid": about.uid},
        }
        await self._kube.create(paths.events(about.namespace), body)
        self.on_write()
        self._said[key] = _Said(name, self._clock(), 1)
        while len(self._said) > REMEMBERED:
            self._said.popitem(last=False)

    async def _repeat(self, said: _Said, namespace: str) -> None:
        said.count += 1
        series = {"series": {"count": said.count, "lastObservedTime": micro_time()}}
        await self._kube.merge(f"{paths.events(namespace)}/{said.name}", series)
        self.on_write()
        said.written_at = self._clock()
