"""Caches: filled by lists, kept by events, checked against the API server; and which events ask for a look."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from flyball.controllers.latencyslo.controller import Controller
from flyball.controllers.latencyslo.plans import Plans
from flyball.controllers.predictiveautoscaler.controller import Controller as Replicas
from flyball.kube.client import Kube, NotFound
from flyball.kube.pods import PodCache
from flyball.runtime.metrics import Metrics
from flyball.runtime.queue import WorkQueue
from flyball.runtime.watches import GRACE_SECONDS, POD_DELAY_SECONDS, Watches
from tests.operator.objects import slo
from tests.unit.faketime import clock, run

Body = dict[str, Any]
SHOP = ("default", "shop")
SLOS, PLANS, PODS = "/apis/flyball.dev/v1alpha1/latencyslos", "/apis/flyball.dev/v1alpha1/throttleplans", "/api/v1/pods"
SCALERS = "/apis/flyball.dev/v1alpha1/predictiveautoscalers"


class Lists:
    """Answers lists of whole kinds, and objects by name."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[Body]] = {SLOS: [], SCALERS: [], PLANS: [], PODS: []}
        self.during: Any = lambda: None

    async def items(self, path: str, *, metadata_only: bool = False) -> list[Body]:
        if path not in self.bodies:
            raise NotFound(404, "the server could not find the requested resource")
        return [{"metadata": body["metadata"]} if metadata_only else body for body in self.bodies[path]]

    async def get(self, path: str) -> Body:
        for kind, bodies in self.bodies.items():
            for body in bodies:
                if path.endswith(f"/{kind.rsplit('/', 1)[1]}/{body['metadata']['name']}"):
                    return body
        raise NotFound(404, "not found")


class Caches:
    """The part of a controller that watches feed."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Body] = {}
        self.plans = Plans(cast(Kube, None), Metrics())
        self.pods = PodCache()


class Scene:
    def __init__(self) -> None:
        self.lists, self.caches = Lists(), Caches()
        self.queue: WorkQueue[tuple[str, str]] = WorkQueue(clock)
        self.replicas, self.replicas_queue = Caches(), WorkQueue[tuple[str, str]](clock)
        self.watches = Watches(
            cast(Kube, self.lists), cast(Controller, self.caches), self.queue, cast(Replicas, self.replicas), self.replicas_queue, clock
        )
        self.missed: list[tuple[str, int]] = []
        self.watches.misses = lambda kind, count: self.missed.append((kind, count))

    def asked(self) -> float | None:
        """Seconds until the look that was asked for; asks are forgotten."""
        due = self.queue._due.get(SHOP)
        self.queue.forget(SHOP)
        return None if due is None else due - clock()


def objective(version: int = 5, generation: int = 1, **more: Any) -> Body:
    body = slo()
    body["metadata"] |= {"namespace": "default", "uid": "u", "resourceVersion": str(version), "generation": generation, **more}
    return body


def plan(version: int = 5, target: int = 10) -> Body:
    return {"metadata": {"namespace": "default", "name": "shop", "resourceVersion": str(version)}, "spec": {"target": target}}


def pod(version: int = 5, name: str = "cart-1", phase: str = "Running", **labels: str) -> Body:
    metadata = {"namespace": "default", "name": name, "uid": name, "labels": {"app": "shop", **labels}, "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": {"containers": [{"name": "main"}]}, "status": {"phase": phase}}


def ready(version: int) -> Body:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-21T06:00:00Z"}
    return {**pod(version), "status": {"phase": "Running", "conditions": [condition]}}


def test_lists_fill_the_caches() -> None:
    async def main() -> None:
        scene = Scene()
        scene.lists.bodies |= {SLOS: [objective()], PLANS: [plan()], PODS: [pod()]}
        await scene.watches.fill()
        assert scene.watches.synced
        assert set(scene.caches.objects) == set(scene.caches.plans._specs) == {SHOP}
        assert len(list(scene.caches.pods.of("default"))) == 1
        assert scene.asked() == 0

    run(main())


def test_a_predictive_autoscaler_asks_for_a_look_in_its_own_lane() -> None:
    async def main() -> None:
        scene = Scene()
        await scene.watches.fill()
        scene.watches.take("predictiveautoscalers", "ADDED", objective())
        assert set(scene.replicas.objects) == {SHOP}
        assert SHOP in scene.replicas_queue._due
        assert scene.asked() is None
        scene.watches.take("predictiveautoscalers", "DELETED", objective(9))
        assert not scene.replicas.objects

    run(main())


def test_a_missing_kind_is_told_with_the_cure() -> None:
    async def main() -> None:
        scene = Scene()
        del scene.lists.bodies[PLANS]
        with pytest.raises(NotFound, match=r"does not serve throttleplans: install the CRDs \(flyball crds apply\)"):
            await scene.watches.fill()
        assert not scene.watches.synced

    run(main())


@pytest.mark.parametrize(
    ("what", "kind", "change", "body", "wait"),
    [
        ("a new spec", "latencyslos", "MODIFIED", objective(6, 2), 0),
        ("our own status", "latencyslos", "MODIFIED", objective(6), None),
        ("the end of it has begun", "latencyslos", "MODIFIED", objective(6, deletionTimestamp="2026-11-21T06:00:00Z"), 0),
        ("another under the same name", "latencyslos", "MODIFIED", objective(6, uid="v"), 0),
        ("it is gone", "latencyslos", "DELETED", objective(6), 0),
        ("an older state", "latencyslos", "MODIFIED", objective(4, 9), None),
        ("our own plan", "throttleplans", "MODIFIED", plan(6), None),
        ("somebody else's edit", "throttleplans", "MODIFIED", plan(6, 20), POD_DELAY_SECONDS),
        ("the plan is gone", "throttleplans", "DELETED", plan(6), POD_DELAY_SECONDS),
        ("a pod whose status alone changed", "pods", "MODIFIED", pod(6), None),
        ("a pod with another label", "pods", "MODIFIED", pod(6, tier="web"), POD_DELAY_SECONDS),
        ("a pod that ended", "pods", "MODIFIED", pod(6, phase="Succeeded"), POD_DELAY_SECONDS),
        ("a pod that became ready", "pods", "MODIFIED", ready(6), None),
        ("a new pod", "pods", "ADDED", pod(6, "cart-2"), POD_DELAY_SECONDS),
        ("a pod is gone", "pods", "DELETED", pod(6), POD_DELAY_SECONDS),
    ],
)
def test_what_asks_for_a_look(what: str, kind: str, change: str, body: Body, wait: float | None) -> None:
    async def main() -> None:
        scene = Scene()
        scene.lists.bodies |= {SLOS: [objective()], PLANS: [plan()], PODS: [pod()]}
        await scene.watches.fill()
        scene.asked()
        scene.watches.take(kind, change, body)
        assert scene.asked() == wait, what

    run(main())


def test_what_a_watch_missed_is_mended() -> None:
    async def main() -> None:
        scene = Scene()
        scene.lists.bodies |= {SLOS: [objective()], PLANS: [plan()], PODS: [pod(), pod(name="cart-2")]}
        await scene.watches.fill()
        scene.asked()
        scene.lists.bodies |= {SLOS: [objective(9, 2)], PLANS: [], PODS: [pod(name="cart-2")]}
        begun = clock()
        await scene.watches.check()
        assert clock() - begun == 3 * GRACE_SECONDS
        assert scene.caches.objects[SHOP]["metadata"]["generation"] == 2
        assert scene.caches.plans._specs == {}
        assert [its.name for its in scene.caches.pods.of("default")] == ["cart-2"]
        assert scene.missed == [("latencyslos", 1), ("throttleplans", 1), ("pods", 1)]
        assert scene.asked() is not None
        assert scene.watches.silent() is None, "once is a race"

    run(main())


def test_a_watch_that_is_late_has_missed_nothing() -> None:

    async def main() -> None:
        scene = Scene()
        scene.lists.bodies[SLOS] = [objective()]
        await scene.watches.fill()
        scene.lists.bodies[SLOS] = [objective(9, 2)]
        checking = asyncio.create_task(scene.watches.check())
        await asyncio.sleep(GRACE_SECONDS / 2)
        scene.watches.take("latencyslos", "MODIFIED", objective(9, 2))
        await checking
        assert scene.missed == []

    run(main())


def test_a_watch_that_misses_twice_running_is_dead() -> None:
    async def main() -> None:
        scene = Scene()
        scene.lists.bodies[PODS] = [pod()]
        await scene.watches.fill()
        for version in (6, 7):
            scene.lists.bodies[PODS] = [pod(version)]
            await scene.watches.check()
        assert scene.watches.silent() == "the watch of pods misses changes"
        await scene.watches.check()
        assert scene.watches.silent() is None

    run(main())


def test_an_object_that_cannot_be_read_keeps_no_other_out_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        scene = Scene()
        odd = pod(name="odd")
        odd["spec"]["containers"] = [{"image": "nameless"}]
        scene.lists.bodies |= {SLOS: [objective()], PLANS: [plan()], PODS: [odd, pod()]}
        await scene.watches.fill()
        assert [its.name for its in scene.caches.pods.of("default")] == ["cart-1"]
        assert scene.watches.synced
        for version in range(6, 9):
            odd["metadata"]["resourceVersion"] = str(version)
            scene.watches.take("pods", "MODIFIED", odd)
        scene.watches.take("pods", "MODIFIED", {"kind": "Pod"})
        scene.watches.take("pods", "ADDED", pod(6, "cart-2"))
        assert len(list(scene.caches.pods.of("default"))) == 2
        await scene.watches.check()

    run(main())
    assert [message.split(" is left out")[0] for message in caplog.messages if "left out" in message] == ["pods default/odd", "pods None/None"]


def test_the_late_end_of_an_object_does_not_take_its_successor_along() -> None:
    async def main() -> None:
        scene = Scene()
        await scene.watches.fill()
        scene.watches.take("latencyslos", "ADDED", objective(5, uid="old"))
        scene.watches.take("latencyslos", "ADDED", objective(9, uid="new"))
        scene.watches.take("latencyslos", "DELETED", objective(8, uid="old"))
        assert scene.caches.objects[SHOP]["metadata"]["uid"] == "new"
        scene.watches.take("latencyslos", "DELETED", objective(10, uid="new"))
        assert not scene.caches.objects

    run(main())


def test_an_object_that_is_made_anew_while_its_end_is_mended_stays() -> None:
    async def main() -> None:
        scene = Scene()
        scene.lists.bodies[SLOS] = [objective(5, uid="old")]
        await scene.watches.fill()

        async def gone(path: str) -> Body:
            scene.watches.take("latencyslos", "ADDED", objective(9, uid="new"))
            raise NotFound(404, "not found")

        scene.lists.bodies[SLOS] = []
        scene.lists.get = gone  # type: ignore[method-assign]
        await asyncio.sleep(1)
        await scene.watches.check()
        assert scene.caches.objects[SHOP]["metadata"]["uid"] == "new"

    run(main())
