"""Pods, objects and readings for the tests of the pure parts."""

from __future__ import annotations

import math
from typing import Any

from flyball.api.latencyslo import LatencySLO
from flyball.api.meta import Owner
from flyball.controllers.latencyslo.resolve import Resolved, resolve
from flyball.cpu.tower import Alternative, Decision, Reading, Reason
from flyball.kube.pods import Container, Pod
from flyball.slo import Budget, Objective
from tests.operator.objects import slo as body


def pod(workload: str, number: int = 1, *, kind: str = "Deployment", containers: tuple[Container, ...] | None = None, **labels: str) -> Pod:
    return Pod(
        namespace="default",
        name=f"{workload}-{number}",
        uid=f"uid-{workload}-{number}",
        labels={"app": "shop", **labels},
        owner=Owner(kind=kind, name=workload),
        containers=containers or (container(),),
    )


def container(name: str = "main", request: int | None = 100, limit: int | None = 1000) -> Container:
    return Container(name, request, limit)


def slo(name: str = "shop", created: str = "2026-11-21T06:00:00Z", **spec: Any) -> LatencySLO:
    raw = body(name, **spec)
    raw["metadata"] |= {"namespace": "default", "uid": f"uid-{name}", "generation": 3, "creationTimestamp": created}
    return LatencySLO.parse(raw)


def only(its: LatencySLO, *pods: Pod) -> Resolved:
    """The only workload that the object finds among the pods."""
    (found,) = resolve(its.spec.workloads, pods)
    return found


def decision(reason: Reason = Reason.SPEND, *, burn: float = 0.2, **targets: float) -> Decision:
    """A decision with these targets by group, each workload in the group of its name."""
    groups = {f"Deployment/{name}": name for name in targets}
    stay = (Alternative("stay", "keeps 2.00 cores allocated"),)
    return Decision(targets, groups, reason, f"{reason.value} it is.", "gateway", burn, "Fewer cores.", stay)


def budget(slow: float = 1, requests: float = 1000) -> Budget:
    return Budget(requests, slow, requests * 0.01, 2.0, 1.0)


def reading(name: str = "gateway", *, its: Budget | None = None, good: float = 99.9, total: float = 100, age: float = 5) -> Reading:
    return Reading(Objective(name, 0.99, 0.2, 600), its or budget(), good, total, 60.0, age)


NAN = math.nan
