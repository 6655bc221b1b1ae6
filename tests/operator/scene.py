"""A controller with everything around it in memory and time in the test's hand: minutes of the loop in milliseconds."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import aiohttp

from flyball.api.meta import Mode
from flyball.controllers.latencyslo.controller import Controller
from flyball.kube import paths
from flyball.kube.client import Kube
from flyball.kube.events import Recorder
from flyball.runtime.metrics import Metrics
from flyball.runtime.settings import Settings
from flyball.signals import NoValue, Prometheus, SignalError
from tests.operator.fake_kube import FakeKube
from tests.operator.objects import slo
from tests.operator.prometheus import Answers

KEY = ("default", "shop")
PLAN = paths.throttleplan(*KEY)
STATUS = f"{paths.latencyslo(*KEY)}/status"
TICK = 15.0


class Client(Prometheus):
    """The real client without the wire."""

    def __init__(self, answers: Answers) -> None:
        super().__init__("http://prometheus", cast(aiohttp.ClientSession, None), clock=answers._clock)
        self._answers = answers
        self.away = False

    async def _post(self, endpoint: str, form: dict[str, str]) -> dict[str, Any]:
        if self.away:
            raise SignalError(NoValue.UNREACHABLE, "Prometheus is away.")
        return self._answers.answer(endpoint, form)


class Scene:
    """One namespace, `default`, with pods and LatencySLOs that the watches have delivered."""

    def __init__(self, max_mode: Mode = Mode.ENFORCE) -> None:
        self.now = 1_800_000_000.0
        self.kube = FakeKube()
        self.answers = Answers(lambda: self.now)
        self.prometheus = Client(self.answers)
        self.metrics = Metrics()
        self.settings = Settings(prometheus_url="http://prometheus", max_mode=max_mode)
        self.restart()

    def restart(self) -> None:
        """A new operator, whose watches deliver what the API server has."""
        objects, pods = (dict(self.controller.objects), self.controller.pods) if hasattr(self, "controller") else ({}, None)
        kube = cast(Kube, self.kube)
        self.controller = Controller(kube, self.prometheus, Recorder(kube, "test"), self.metrics, self.settings, lambda: self.now)
        self.controller.objects = objects
        if pods:
            self.controller.pods = pods
        if plan := self.plan:
            self.controller.plans.take(KEY, plan)

    def pod(self, workload: str, number: int = 1, *, cpu: str = "1", request: str = "100m", gone: bool = False, **labels: str) -> None:
        name = f"{workload}-5d9f7-{number}"
        owner = {"controller": True, "kind": "ReplicaSet", "name": f"{workload}-5d9f7"}
        metadata = {
            "namespace": "default",
            "name": name,
            "uid": name,
            "labels": {"app": "shop", "pod-template-hash": "5d9f7", **labels},
            "ownerReferences": [owner],
        }
        container = {"name": "main", "resources": {"limits": {"cpu": cpu}, "requests": {"cpu": request}}}
        self.controller.pods.update({"metadata": metadata, "spec": {"containers": [container]}}, deleted=gone)

    def slo(self, name: str = "shop", *, created: str = "2026-11-21T06:00:00Z", **spec: Any) -> None:
        """Create or change a LatencySLO."""
        key = ("default", name)
        before = self.controller.objects.get(key)
        body = slo(name, **spec)
        generation = before["metadata"]["generation"] + 1 if before else 1
        body["metadata"] |= {"namespace": "default", "uid": f"uid-{name}", "generation": generation, "creationTimestamp": created}
        if before and "status" in before:
            body["status"] = before["status"]
        self.controller.objects[key] = body

    def look(self, name: str = "shop") -> None:
        asyncio.run(self.controller.look(("default", name)))
        self._echo(name)

    def pass_time(self, seconds: float) -> None:
        """Look every tick for so long."""
        end = self.now + seconds
        while self.now < end:
            self.now += TICK
            self.look()

    def _echo(self, name: str) -> None:
        """The watch brings back what was written."""
        key = ("default", name)
        written = self.kube.objects.get(f"{paths.latencyslo(*key)}/status")
        if written and key in self.controller.objects:
            self.controller.objects[key] = {**self.controller.objects[key], "status": written["status"]}
        plan = self.kube.objects.get(paths.throttleplan(*key))
        self.controller.plans.take(key, plan["spec"] if plan else None)

    @property
    def plan(self) -> dict[str, Any] | None:
        body = self.kube.objects.get(PLAN)
        return body["spec"] if body else None

    @property
    def status(self) -> dict[str, Any]:
        """As last written."""
        status: dict[str, Any] = self.kube.objects[STATUS]["status"]
        return status

    @property
    def target(self) -> int:
        """Highest target of the plan, in thousandths."""
        return max(workload["throttlePermille"] for workload in (self.plan or {"workloads": []})["workloads"])

    def condition(self, kind: str) -> tuple[str, str]:
        return next((its["status"], its["reason"]) for its in self.status["conditions"] if its["type"] == kind)

    def reasons(self) -> list[str]:
        return [its["reason"] for its in self.status.get("decisions", ())]

    def writes(self, path: str) -> int:
        return sum(where == path for _, where, _ in self.kube.writes)
