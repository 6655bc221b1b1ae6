"""kopf embedded: watches of our kinds and of pods feed the caches and ask for looks. No timers, no indices, no finalizers of kopf's own.

What each setting is for: docs/designs/0003-operator.md. A registry is built by a function, so that each test has a fresh one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from flyball.api.meta import GROUP, VERSION
from flyball.controllers.latencyslo.controller import Controller, Key
from flyball.runtime.queue import WorkQueue

POD_DELAY_SECONDS = 1.0
"""A rollout changes many pods at once; one look serves them all."""

SYNC_QUIET_SECONDS = 1.0
"""Caches count as filled when kopf is ready and no event has come for this long: its initial lists are over."""

SYNC_AT_LEAST_SECONDS = 2.0


class Watches:
    """Feeds the controller's caches."""

    def __init__(self, controller: Controller, queue: WorkQueue[Key], clock: Callable[[], float] = time.monotonic) -> None:
        self._controller = controller
        self._queue = queue
        self._clock = clock
        self._started = clock()
        self._last_event = clock()
        self._synced = False
        self.ready = asyncio.Event()
        """kopf's own flag: it has logged in and runs."""

    async def synced(self) -> bool:
        """Whether the caches hold what the API server has; stays so once reached."""
        if not self._synced and self.ready.is_set():
            now = self._clock()
            self._synced = now - self._last_event >= SYNC_QUIET_SECONDS and now - self._started >= SYNC_AT_LEAST_SECONDS
        return self._synced

    def registry(self, login: Callable[[], Awaitable[kopf.ConnectionInfo]]) -> kopf.OperatorRegistry:
        """kopf's handlers."""
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def _login(**_: Any) -> kopf.ConnectionInfo:
            return await login()

        @kopf.on.startup(registry=registry)
        async def _configure(settings: kopf.OperatorSettings, **_: Any) -> None:
            configure(settings)

        @kopf.on.event(GROUP, VERSION, "latencyslos", registry=registry)
        async def _latencyslo(event: Any, **_: Any) -> None:
            self._latencyslo(event["type"], event["object"])

        @kopf.on.event(GROUP, VERSION, "throttleplans", registry=registry)
        async def _throttleplan(event: Any, **_: Any) -> None:
            self._throttleplan(event["type"], event["object"])

        @kopf.on.event("", "v1", "pods", registry=registry)
        async def _pod(event: Any, **_: Any) -> None:
            self._pod(event["type"], event["object"])

        return registry

    def _latencyslo(self, change: str | None, body: Any) -> None:
        key = self._seen(body)
        before = self._controller.objects.get(key)
        if change == "DELETED":
            self._controller.objects.pop(key, None)
        else:
            self._controller.objects[key] = body
            # Our own status writes come back as events; only a new generation, or a deletion, is news.
            if before and _spec_version(before) == _spec_version(body):
                return
        self._queue.add(key)

    def _throttleplan(self, change: str | None, body: Any) -> None:
        key = self._seen(body)
        if change == "DELETED":
            self._controller.plans.pop(key, None)
        else:
            self._controller.plans[key] = body["spec"]
        # Somebody else may have edited or deleted it; the look compares. An orphan of a vanished object is dropped by its look as well.
        self._queue.add(key, POD_DELAY_SECONDS)

    def _pod(self, change: str | None, body: Any) -> None:
        namespace, _ = self._seen(body)
        before, now = self._controller.pods.update(body, deleted=change == "DELETED")
        if before == now:
            return
        for key in self._controller.objects:
            if key[0] == namespace:
                self._queue.add(key, POD_DELAY_SECONDS)

    def _seen(self, body: Any) -> Key:
        self._last_event = self._clock()
        return body["metadata"]["namespace"], body["metadata"]["name"]


def configure(settings: kopf.OperatorSettings) -> None:
    """kopf's settings."""
    settings.posting.enabled = False  # events are our recorder's
    settings.scanning.disabled = True  # no watch of CRDs and namespaces: fewer rights
    settings.networking.request_timeout = 15
    settings.networking.error_backoffs = (1, 1, 2, 2, 3, 3, 5, 5, 5)  # bounds the blind time after an outage to 5 s
    settings.watching.server_timeout = 240
    settings.watching.chunk_size = 500
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)


def _spec_version(body: Any) -> tuple[Any, ...]:
    metadata = body["metadata"]
    return metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp")
