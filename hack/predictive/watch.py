"""Looks at an object and its workload every other second, as the API server shows them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from hack.predictive.verdict import Look

EVERY_SECONDS = 2.0


def look(get: Callable[[str], bytes], namespace: str, name: str, now: float) -> Look | None:
    """What there is at `now`; None while the API server does not answer. PredictiveAutoscaler and Deployment have the same name."""
    try:
        deployment = json.loads(get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"))
        pas = json.loads(get(f"/apis/flyball.dev/v1alpha1/namespaces/{namespace}/predictiveautoscalers/{name}"))
    except OSError:
        return None
    return seen(deployment, pas, now)


def seen(deployment: Mapping[str, Any], pas: Mapping[str, Any], now: float) -> Look:
    """Both objects as one look."""
    status = pas.get("status") or {}
    replicas = status.get("replicas") or {}
    reasons = {its["type"]: its["reason"] for its in status.get("conditions") or ()}
    served = next((its.get("served") for its in status.get("demands") or ()), None)
    return Look(
        time=now,
        asked=int(deployment["spec"].get("replicas", 1)),
        ready=int((deployment.get("status") or {}).get("readyReplicas", 0)),
        reactive=replicas.get("reactive"),
        proactive=replicas.get("proactive"),
        served=float(served) if served else None,
        forecast=reasons.get("ForecastUsable", ""),
        why=reasons.get("Scaling", ""),
        ready_after=status.get("readyAfterSeconds"),
    )


class Watch:
    """Looks under way; `looks` grows."""

    def __init__(self, get: Callable[[str], bytes], namespace: str, name: str) -> None:
        self.looks: list[Look] = []
        self._get, self._namespace, self._name = get, namespace, name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            found = look(self._get, self._namespace, self._name, time.time())
            if found:
                self.looks.append(found)
