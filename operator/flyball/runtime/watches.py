"""Caches of our kinds and of pods, filled by a list, kept by kopf's watches, and checked against the API server every now and then.

kopf runs in a thread with a loop of its own: embedded in ours it takes over the signals and, at its end, cancels tasks that are not its own. Its
handlers are plain on.event; no timers, no indices, no finalizers. A list before it starts tells when the caches are whole, which on.event cannot.
The check finds what a watch missed: a deletion between two of its lists, or a stream that fell silent.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import kopf

from flyball.api.meta import GROUP, VERSION
from flyball.controllers.latencyslo.controller import Controller, Key
from flyball.controllers.predictiveautoscaler.controller import Controller as Replicas
from flyball.kube import paths
from flyball.kube.client import Kube, NotFound
from flyball.runtime.mirror import Mirror
from flyball.runtime.queue import WorkQueue

log = logging.getLogger(__name__)

POD_DELAY_SECONDS = 1.0
"""A rollout changes many pods at once; one look serves them all."""

CHECK_SECONDS = 120.0
"""Time between two checks: a list of metadata costs the API server little, and a missed deletion is rare and harmless for that long."""

GRACE_SECONDS = 10.0
"""What a list has seen, a healthy watch delivers within this time, kopf's own back-off (5 s) included."""

STOP_SECONDS = 5.0

UNREAD_MOST = 1000
"""Objects that could not be read and that the log names; whoever makes more of them is not told of each."""

KINDS = {
    "latencyslos": (GROUP, VERSION),
    "predictiveautoscalers": (GROUP, VERSION),
    "throttleplans": (GROUP, VERSION),
    "pods": ("", "v1"),
}


class WatchesEnded(Exception):
    """kopf ended though nobody told it to; the message says why."""


class Watches:
    """Feeds the controllers' caches and asks for looks."""

    def __init__(
        self,
        kube: Kube,
        controller: Controller,
        queue: WorkQueue[Key],
        replicas: Replicas,
        replicas_queue: WorkQueue[Key],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._controller = controller
        self._queue = queue
        self._replicas = replicas
        self._replicas_queue = replicas_queue
        self._take = {
            "latencyslos": self._latencyslo,
            "predictiveautoscalers": self._autoscaler,
            "throttleplans": self._throttleplan,
            "pods": self._pod,
        }
        self.mirrors = {kind: Mirror(clock) for kind in KINDS}
        self._unread: set[tuple[str, str, str]] = set()
        """Kind, namespace and name of what could not be read, and was told."""
        self.synced = False
        """Whether the caches were filled once."""
        self.misses: Callable[[str, int], None] = lambda kind, count: None
        """Called when a check found objects that the watch had missed."""

    async def fill(self) -> None:
        """Fill the caches from lists. Raises KubeError, with a sentence when the kinds are not installed."""
        for kind in KINDS:
            try:
                bodies = await self._kube.items(_path(kind))
            except NotFound as error:
                raise NotFound(404, f"The cluster does not serve {kind}: install the CRDs (flyball crds apply).") from error
            for body in bodies:
                self.take(kind, None, body)
        self.synced = True

    def take(self, kind: str, change: str | None, body: Any) -> None:
        """Take in an object as listed (change None) or as a watch event says. One that cannot be read is left out and told once; never raises."""
        try:
            if self.mirrors[kind].take(change, body["metadata"]):
                self._take[kind](change, body)
            self._unread.discard((kind, *_key(body)))
        except Exception as error:  # a loop's edge: anybody may make such an object, and all others wait behind it
            self._leave_out(kind, body, error)

    def _leave_out(self, kind: str, body: Any, error: Exception) -> None:
        metadata = body.get("metadata") or {}
        key = (kind, str(metadata.get("namespace")), str(metadata.get("name")))
        if key not in self._unread and len(self._unread) < UNREAD_MOST:
            self._unread.add(key)
            log.warning("%s %s/%s is left out, it cannot be read: %r", *key, error)

    async def watch(self, stop: asyncio.Event) -> None:
        """Run kopf until `stop`. Raises WatchesEnded when it ends before."""
        loop, ended, flag = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        trouble: list[BaseException] = []

        def deliver(kind: str, change: str | None, body: Any) -> None:
            loop.call_soon_threadsafe(self.take, kind, change, body)

        def run() -> None:
            try:
                asyncio.run(kopf.operator(registry=registry(self._kube, deliver), standalone=True, clusterwide=True, stop_flag=flag))
            except BaseException as error:  # a thread's edge: whatever it was, the main loop hears of it
                trouble.append(error)
            finally:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(ended.set)

        # A daemon: a kopf that does not end in time must not keep the process.
        threading.Thread(target=run, name="kopf", daemon=True).start()
        stopped = asyncio.create_task(stop.wait())
        over = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait([stopped, over], return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                raise WatchesEnded(f"the watches ended: {trouble[0] if trouble else 'kopf stopped by itself'}")
        finally:
            flag.set()
            await asyncio.wait([over], timeout=STOP_SECONDS)
            for task in (stopped, over):
                task.cancel()

    async def check(self) -> None:
        """Compare the caches with the API server, and mend them. Raises KubeError."""
        for kind, mirror in self.mirrors.items():
            since = mirror.now()
            listed = {_key(body): int(body["metadata"]["resourceVersion"]) for body in await self._kube.items(_path(kind), metadata_only=True)}
            suspects = mirror.suspects(listed, since)
            if suspects:
                await asyncio.sleep(GRACE_SECONDS)
            missed = [key for key in suspects if mirror.behind(key, listed.get(key))]
            for key in missed:
                await self._mend(kind, key)
            mirror.checked(len(missed))
            if missed:
                log.warning("the watch of %s had missed %d objects, among them %s", kind, len(missed), "/".join(missed[0]))
                self.misses(kind, len(missed))

    def silent(self) -> str | None:
        """Which watch is dead: it missed something in two checks running."""
        return next((f"the watch of {kind} misses changes" for kind, mirror in self.mirrors.items() if mirror.failing), None)

    async def _mend(self, kind: str, key: Key) -> None:
        uid = self.mirrors[kind].uid(key)
        try:
            self.take(kind, "MODIFIED", await self._kube.get(f"{_path(kind, key[0])}/{key[1]}"))
        except NotFound:
            self.take(kind, "DELETED", {"metadata": {"namespace": key[0], "name": key[1], "uid": uid, "resourceVersion": "0"}})

    def _latencyslo(self, change: str | None, body: Any) -> None:
        _keep(self._controller.objects, self._queue, change, body)

    def _autoscaler(self, change: str | None, body: Any) -> None:
        _keep(self._replicas.objects, self._replicas_queue, change, body)

    def _throttleplan(self, change: str | None, body: Any) -> None:
        key = _key(body)
        # What we wrote ourselves is known. Somebody else may have edited or deleted it; the look compares, and drops the orphan of a vanished object.
        if self._controller.plans.take(key, None if change == "DELETED" else body["spec"]):
            self._queue.add(key, POD_DELAY_SECONDS)

    def _pod(self, change: str | None, body: Any) -> None:
        before, now = self._controller.pods.update(body, deleted=change == "DELETED")
        if before == now or (before and before.same_work(now)):
            return
        for key in self._controller.objects:
            if key[0] == body["metadata"]["namespace"]:
                self._queue.add(key, POD_DELAY_SECONDS)


def registry(kube: Kube, deliver: Callable[[str, str | None, Any], None]) -> kopf.OperatorRegistry:
    """kopf's handlers; built by a function, so that each test has fresh ones."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def _login(**_: Any) -> kopf.ConnectionInfo:
        return await kube.login()

    @kopf.on.startup(registry=handlers)
    async def _configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        configure(settings)

    def watch(kind: str) -> None:
        @kopf.on.event(*KINDS[kind], kind, id=kind, registry=handlers)
        async def _event(event: Any, **_: Any) -> None:
            deliver(kind, event["type"], event["object"])

    for kind in KINDS:
        watch(kind)
    return handlers


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


def _path(kind: str, namespace: str | None = None) -> str:
    listed = {
        "latencyslos": paths.latencyslos,
        "predictiveautoscalers": paths.predictiveautoscalers,
        "throttleplans": paths.throttleplans,
        "pods": paths.pods,
    }
    return listed[kind](namespace)


def _keep(objects: dict[Key, Any], queue: WorkQueue[Key], change: str | None, body: Any) -> None:
    """Take in an object of ours, and ask for a look if that is news."""
    key = _key(body)
    before = objects.get(key)
    if change == "DELETED":
        objects.pop(key, None)
    else:
        objects[key] = body
        # Our own status writes come back as events; only a new generation, or a deletion, is news.
        if before and _spec_version(before) == _spec_version(body):
            return
    queue.add(key)


def _key(body: Any) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _spec_version(body: Any) -> tuple[Any, ...]:
    metadata = body["metadata"]
    return metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp")
