"""A PredictiveAutoscaler's controller with everything around it in memory and time in the test's hand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, cast

import numpy as np

from flyball.api.meta import Mode
from flyball.controllers.predictiveautoscaler.ahead import Ahead
from flyball.controllers.predictiveautoscaler.controller import Controller
from flyball.controllers.predictiveautoscaler.forecasts import Forecasts
from flyball.forecast import Forecast, Reason
from flyball.kube import paths
from flyball.kube.client import Conflict, Kube
from flyball.kube.events import Recorder
from flyball.kube.pods import PodCache
from flyball.runtime.metrics import Metrics
from flyball.runtime.settings import Settings
from flyball.signals.demand import DemandQuery
from tests.api_objects import minimal_pas
from tests.operator.fake_kube import FakeKube
from tests.operator.prometheus import Answers
from tests.operator.scene import Client

KEY = ("default", "web")
SCALE = paths.scale("apps/v1", "deployments", "default", "web")
STATUS = f"{paths.predictiveautoscaler(*KEY)}/status"
HPA = paths.autoscaler("default", "web")
HPAS = paths.autoscalers("default")
TICK = 15.0


class Cluster(FakeKube):
    """A scale keeps its selector, an HPA what others wrote, is listed as it was written and read by a list of one, and a field may have a keeper."""

    def __init__(self) -> None:
        super().__init__()
        self.keeper: str | None = None

    async def apply(self, path: str, body: Mapping[str, Any], *, force: bool = False) -> dict[str, Any]:
        if self.keeper and not force and (path == SCALE or path.startswith(f"{HPAS}/")) and self._differs(path, body["spec"]):
            raise Conflict(409, f'Apply failed with 1 conflict: conflict with "{self.keeper}" using apps/v1: .spec.replicas')
        before = self.objects.get(path, {})
        stored = await super().apply(path, body)
        if path == SCALE:
            self.objects[path] = {**before, "spec": {**before.get("spec", {}), **body["spec"]}}
        if path.startswith(f"{HPAS}/"):
            self.put_hpa(_applied(before, body))
        return stored

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        if path != HPAS:
            return await super().get(path, query)
        await self._arrive()
        name = (query or {})["fieldSelector"].removeprefix("metadata.name=")
        return {"items": [deepcopy(self.objects[where]) for where in [f"{HPAS}/{name}"] if where in self.objects]}

    def _differs(self, path: str, spec: Mapping[str, Any]) -> bool:
        return any(self.objects[path]["spec"].get(field) != value for field, value in spec.items())

    def put_hpa(self, body: dict[str, Any]) -> None:
        """As the cluster's list and the namespace's have it."""
        name = body["metadata"]["name"]
        self.objects[f"{HPAS}/{name}"] = self.objects[f"{paths.autoscalers()}/{name}"] = body


def _applied(before: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """As server-side apply does it: what we owned and no longer name goes, what others wrote stays."""
    metadata = before.get("metadata", {})
    others = {key: value for key, value in metadata.get("annotations", {}).items() if not key.startswith("flyball.dev/")}
    annotations = {**others, **body["metadata"].get("annotations", {})}
    return {**before, "metadata": {**metadata, "annotations": annotations}, "spec": {**before.get("spec", {}), **body["spec"]}}


class Told(Forecasts):
    """Forecasts that a test dictates."""

    def __init__(self) -> None:
        async def nothing(query: DemandQuery, start: float, end: float) -> dict[float, float]:
            return {}

        super().__init__(nothing, 0.0)
        self.value: float | None = None
        """Demand ahead at every distance and quantile; None: no forecast."""
        self.reason = Reason.OK
        self.made_at = 0.0
        self.noted: list[float] = []

    def note(self, series: tuple[str, str, str], now: float, value: float) -> None:
        self.noted.append(value)

    def ahead(self, series: tuple[str, str, str]) -> Ahead | None:
        if self.value is None:
            return None
        flat = np.full((1, 2, 2), self.value, np.float32)
        skill = np.full((1, 2), 0.3, np.float32)
        forecast = Forecast(
            time=self.made_at,
            step_seconds=60,
            horizons=np.array([1, 60]),
            quantiles=np.array([0.5, 0.99]),
            point=flat[:, :, 0],
            values=flat,
            skill_last=skill,
            skill_yesterday=skill,
            usable=np.array([self.reason in (Reason.OK, Reason.NO_SKILL, Reason.SHIFTED)]),
            reasons=(self.reason,),
            expert_names=("level",),
            weights=np.ones((1, 2, 1), np.float32),
            useful_from=np.array([math.nan]),
            peaks=np.zeros((1, 2), np.float32),
        )
        return Ahead(forecast, 0)


class Scene:
    """One Deployment `web` in namespace `default`, whose pods are ready a look after they were asked for."""

    def __init__(self, replicas: int = 2, max_mode: Mode = Mode.ENFORCE) -> None:
        self.now = 1_800_000_000.0
        self.kube = Cluster()
        self.kube.objects[SCALE] = {"spec": {"replicas": replicas}, "status": {"selector": "app=web,tier!=batch"}}
        self.answers = Answers(lambda: self.now)
        self.prometheus = Client(self.answers)
        self.metrics = Metrics()
        self.settings = Settings(prometheus_url="http://prometheus", max_mode=max_mode)
        self.forecasts = Told()
        self.pods = PodCache()
        self.cpu = "1"
        self.revision = "5d9f7"
        self.restart()

    def restart(self) -> None:
        """A new operator, to which the watches have delivered what there is."""
        objects = dict(self.controller.objects) if hasattr(self, "controller") else {}
        kube, clock = cast(Kube, self.kube), lambda: self.now
        self.controller = Controller(kube, self.prometheus, Recorder(kube, "test"), self.metrics, self.settings, self.pods, self.forecasts, clock)
        self.controller.objects = objects

    def pas(self, name: str = "web", *, created: str = "2026-11-21T06:00:00Z", **spec: Any) -> None:
        """Create or change a PredictiveAutoscaler; a replica carries 100 a second unless the spec says otherwise."""
        key = ("default", name)
        before = self.controller.objects.get(key)
        body = minimal_pas(name)
        body["spec"]["demands"][0]["capacity"] = "100"
        body["spec"] |= spec
        generation = before["metadata"]["generation"] + 1 if before else 1
        body["metadata"] |= {"uid": f"uid-{name}", "generation": generation, "creationTimestamp": created}
        if before and "status" in before:
            body["status"] = before["status"]
        self.controller.objects = {**self.controller.objects, key: body}

    def hpa(self, floor: int = 1, ceiling: int = 10, *, name: str = "web", **metadata: Any) -> None:
        """An HPA on the Deployment of its name."""
        spec = {"scaleTargetRef": {"kind": "Deployment", "name": name}, "minReplicas": floor, "maxReplicas": ceiling}
        self.kube.put_hpa(deepcopy({"metadata": {"namespace": "default", "name": name, **metadata}, "spec": spec}))

    def look(self, name: str = "web") -> None:
        self._start_pods()
        self.forecasts.made_at = self.now
        asyncio.run(self.controller.look(("default", name)))
        self.deliver(name)

    def deliver(self, name: str = "web") -> None:
        """The watch brings the status that was written."""
        written = self.kube.objects.get(f"{paths.predictiveautoscaler('default', name)}/status")
        if written and ("default", name) in self.controller.objects:
            body = {**self.controller.objects["default", name], "status": written["status"]}
            self.controller.objects = {**self.controller.objects, ("default", name): body}

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += TICK
            self.look()

    def _start_pods(self) -> None:
        for number in range(60):
            self.pods.update(self._pod(number), deleted=number >= self.replicas)

    def _pod(self, number: int) -> dict[str, Any]:
        container = {"name": "main", "resources": {"limits": {"cpu": self.cpu}}}
        labels = {"app": "web", "pod-template-hash": self.revision if number else "5d9f7"}
        created, ready = "2027-01-15T07:00:00Z", {"type": "Ready", "status": "True", "lastTransitionTime": "2027-01-15T07:00:40Z"}
        metadata = {"namespace": "default", "name": f"web-{number}", "uid": f"web-{number}", "labels": labels, "creationTimestamp": created}
        return {"metadata": metadata, "spec": {"containers": [container]}, "status": {"conditions": [ready]}}

    @property
    def replicas(self) -> int:
        replicas: int = self.kube.objects[SCALE]["spec"]["replicas"]
        return replicas

    @property
    def floor(self) -> int:
        floor: int = self.kube.objects[HPA]["spec"]["minReplicas"]
        return floor

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.kube.objects[STATUS]["status"]
        return status

    def condition(self, kind: str) -> tuple[str, str]:
        return next((its["status"], its["reason"]) for its in self.status["conditions"] if its["type"] == kind)

    def message(self, kind: str) -> str:
        return next(its["message"] for its in self.status["conditions"] if its["type"] == kind)

    def writes(self, path: str) -> int:
        return sum(where == path for _, where, _ in self.kube.writes)


def enforced() -> Scene:
    """Two replicas that serve 100 a second together, enforced."""
    its = Scene()
    its.pas(mode="Enforce")
    return its
