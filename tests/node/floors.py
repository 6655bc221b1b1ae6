"""How much earlier an HPA's floor asks for a replica than the HPA's own metric would have: recorded from the live object, and compared.

What the HPA would do by itself is its own arithmetic (ready pods x use / wanted use, nothing within a tenth) on the utilisation that it shows: total
use does not change with the number of pods that share it, so the floor's pods do not hide what the metric asks for.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hack.cluster import Cluster
from hack.predictive.verdict import clock

EVERY_SECONDS = 1.0
TOLERANCE = 0.1
"""The controller manager's --horizontal-pod-autoscaler-tolerance, by default."""


@dataclass(frozen=True, slots=True)
class Floor:
    """An HPA at a time."""

    time: float
    floor: int
    own: int | None
    """What its own metric asks for; None in the syncs in which it shows none."""


def own_wish(hpa: Mapping[str, Any], ready: int) -> int | None:
    """Replicas by the CPU that the HPA shows. Pure."""
    (metric,) = hpa["spec"]["metrics"]
    shown = [its["resource"]["current"].get("averageUtilization") for its in hpa.get("status", {}).get("currentMetrics") or () if its]
    if not shown or shown[0] is None or not ready:
        return None
    ratio = shown[0] / metric["resource"]["target"]["averageUtilization"]
    return ready if abs(ratio - 1) <= TOLERANCE else max(1, math.ceil(ready * ratio))


def leads(seen: Sequence[Floor], rise: float, numbers: Sequence[int]) -> list[tuple[int, float, float]]:
    """(replica, when the floor asked for it, when the HPA's own metric did), seconds since the rise; NaN where it never did. Pure."""

    def first(holds: Callable[[Floor], bool]) -> float:
        return next((its.time - rise for its in seen if holds(its)), math.nan)

    def one(number: int) -> tuple[int, float, float]:
        return number, first(lambda its: its.floor >= number), first(lambda its: (its.own or 0) >= number)

    return [one(number) for number in numbers]


def table(found: Sequence[tuple[int, float, float]]) -> str:
    """For people."""
    lines = ["REPLICA  BY THE FLOOR  BY THE HPA'S OWN METRIC  LEAD"]
    for number, floor, own in found:
        lead = f"{own - floor:.0f} s" if math.isfinite(own - floor) else "-"
        lines.append(f"{number:<7}  {clock(floor):<12}  {clock(own):<23}  {lead}")
    return "\n".join(lines)


class Floors:
    """Records one HPA and its Deployment, which have the same name, once a second."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self.seen: list[Floor] = []
        self._cluster, self._namespace, self._name = cluster, namespace, name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def own(self) -> int:
        """The most that the HPA's own metric has asked for."""
        return max((its.own or 0 for its in self.seen), default=0)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            hpa = self._get("autoscaling/v2", "horizontalpodautoscalers")
            ready = int(self._get("apps/v1", "deployments").get("status", {}).get("readyReplicas", 0))
            self.seen.append(Floor(time.time(), int(hpa["spec"]["minReplicas"]), own_wish(hpa, ready)))

    def _get(self, version: str, plural: str) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self._cluster.get(f"/apis/{version}/namespaces/{self._namespace}/{plural}/{self._name}"))
        return body
