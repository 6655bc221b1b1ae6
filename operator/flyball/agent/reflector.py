"""Reflector: keeps one cache in step with the API server, by a list and then a watch, again and again.

Objects are parsed into slim views at once and handed to a sink; the raw JSON is dropped. A lost watch is taken up again where it was, an
expired one (410) starts with a new list; both back off from 0.5 to 15 s with jitter, so that agents whose watches one restart of the API server
broke do not return in step.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from flyball.agent.apiclient import GONE, ApiClient, ApiError
from flyball.agent.pods import MalformedObject

log = logging.getLogger(__name__)

BACKOFF_FIRST, BACKOFF_LAST = 0.5, 15.0
# After a restart of the API server all watches expire at once, and a list costs it far more than a watch: those lists are spread over this long.
# What is acted on meanwhile is as old as it was; it may be 300 s old (Settings.lease_timeout_seconds).
RELIST_SECONDS = 5.0

View = TypeVar("View")
Taken_contra = TypeVar("Taken_contra", contravariant=True)


class Sink(Protocol[Taken_contra]):
    """Where a reflector's views go. Keys are (namespace, name, uid)."""

    def seen(self, view: Taken_contra) -> None:
        """An object appeared or changed."""

    def gone(self, key: Key) -> None:
        """An object is no more, or can no longer be read."""


Key = tuple[str, str, str]


@dataclass(slots=True)
class Reflector(Generic[View]):
    """One resource. `watch_seconds`: how long one watch lasts; its end proves that the server is there."""

    client: ApiClient
    path: str
    parse: Callable[[dict[str, Any]], View]
    sink: Sink[View]
    heard: Callable[[float], None]
    watch_seconds: float
    params: dict[str, str] = field(default_factory=dict)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    _known: set[Key] = field(default_factory=set)

    async def run(self) -> None:
        """Reflect until cancelled."""
        version, failures = "", 0
        while True:
            try:
                if not version:
                    version = await self._list()
                version = await self._watch(version)
                failures = 0
            except ApiError as error:
                pause = pause_seconds(failures, random.random(), expired=error.status == GONE)
                log.log(logging.INFO if error.status == GONE else logging.WARNING, "%s: %s; again in %.1f s", self.path, error, pause)
                await self.sleep(pause)
                failures += 1
                # An unknown failure may have lost events: only a dropped connection (0) keeps its place.
                version = version if error.status == 0 else ""

    async def _list(self) -> str:
        """Without a resourceVersion: of the newest state. The API server's cache (`0`) may lag behind what this agent, or the one before it, has
        seen: an opt-out or a lowered limit would be undone, and an older Lease taken for a renewed one. It also ignores `limit` and answers whole."""
        found: set[Key] = set()
        version = ""
        async for page in self.client.pages(self.path, **self.params):
            for raw in page.get("items") or ():
                found.add(self._seen(raw))
            version = page["metadata"]["resourceVersion"]
        for key in self._known - found:
            self.sink.gone(key)
        self._known = found
        self.heard(time.monotonic())
        self.synced.set()
        return version

    async def _watch(self, version: str) -> str:
        """Watch once; the version to go on from."""
        async for kind, raw in self.client.watch(self.path, version, self.watch_seconds, **self.params):
            version = raw["metadata"]["resourceVersion"]
            if kind == "DELETED":
                key = _key(raw)
                self._known.discard(key)
                self.sink.gone(key)
            elif kind != "BOOKMARK":
                self._known.add(self._seen(raw))
            self.heard(time.monotonic())
        self.heard(time.monotonic())
        return version

    def _seen(self, raw: dict[str, Any]) -> Key:
        key = _key(raw)
        try:
            self.sink.seen(self.parse(raw))
        except MalformedObject as error:
            # In doubt, towards capacity: what cannot be read is not acted on.
            log.error("%s %s/%s is passed over: %s", self.path, key[0], key[1], error)
            self.sink.gone(key)
        return key


def pause_seconds(failures: int, chance: float, *, expired: bool) -> float:
    """Seconds to wait after a failure that so many came before; `chance`, 0 to 1, is what tells agents apart."""
    backoff = min(BACKOFF_LAST, BACKOFF_FIRST * 2.0 ** min(failures, 16))
    return backoff * (0.5 + chance) + (RELIST_SECONDS * chance if expired else 0.0)


def _key(raw: dict[str, Any]) -> Key:
    meta = raw["metadata"]
    return meta.get("namespace", ""), meta["name"], meta["uid"]
