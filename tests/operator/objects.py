"""Objects for the tests of the operator: applications and their objectives, and what is read back of them."""

from __future__ import annotations

import json
from typing import Any

from hack.cluster import Cluster
from tests.api_objects import minimal_slo


def deployment(name: str, replicas: int = 1, cpu: str = "1", request: str = "100m", app: str = "shop") -> dict[str, Any]:
    """A Deployment whose pods the minimal LatencySLO selects."""
    container = {"name": "main", "image": "app", "resources": {"limits": {"cpu": cpu}, "requests": {"cpu": request}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"name": name}},
            "template": {"metadata": {"labels": {"name": name, "app": app}}, "spec": {"containers": [container]}},
        },
    }


def slo(name: str = "shop", **spec: Any) -> dict[str, Any]:
    """The minimal LatencySLO, with these fields of its spec."""
    body = minimal_slo(name)
    del body["metadata"]["namespace"]
    body["spec"] |= spec
    return body


def fixed(percent: str) -> dict[str, Any]:
    return {"type": "Fixed", "throttlePercent": percent}


class Namespace:
    """A namespace of a cluster, as the administrator."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def apply(self, *bodies: dict[str, Any]) -> None:
        self.cluster.kubectl("apply", "-n", self.name, "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(bodies)}))

    def patch(self, kind: str, name: str, body: dict[str, Any], *more: str) -> None:
        self.cluster.kubectl("patch", kind, name, "-n", self.name, "--type=merge", "-p", json.dumps(body), *more)

    def delete(self, kind: str, name: str, *more: str) -> None:
        self.cluster.kubectl("delete", kind, name, "-n", self.name, *more)

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            body: dict[str, Any] = json.loads(self.cluster.get(path))
        except OSError:
            return None
        return body

    def plan(self, name: str = "shop") -> dict[str, Any] | None:
        """The ThrottlePlan's spec."""
        body = self._get(f"/apis/flyball.dev/v1alpha1/namespaces/{self.name}/throttleplans/{name}")
        return body["spec"] if body else None

    def targets(self, name: str = "shop") -> dict[str, int]:
        """Workload -> target of the plan."""
        plan = self.plan(name) or {"workloads": []}
        return {f"{its['owner']['kind']}/{its['owner']['name']}": its["throttlePermille"] for its in plan["workloads"]}

    def slo(self, name: str = "shop") -> dict[str, Any]:
        return self._get(f"/apis/flyball.dev/v1alpha1/namespaces/{self.name}/latencyslos/{name}") or {}

    def status(self, name: str = "shop") -> dict[str, Any]:
        status: dict[str, Any] = self.slo(name).get("status", {})
        return status

    def condition(self, kind: str, name: str = "shop") -> tuple[str, str]:
        """Status and reason of a condition."""
        found = [its for its in self.status(name).get("conditions", ()) if its["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    def message(self, kind: str, name: str = "shop") -> str:
        return next((str(its["message"]) for its in self.status(name).get("conditions", ()) if its["type"] == kind), "")
