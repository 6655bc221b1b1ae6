"""Paths of the API's objects."""

from __future__ import annotations

from flyball.api.meta import GROUP, VERSION


def latencyslos(namespace: str | None = None) -> str:
    """The collection: of a namespace, or of the cluster."""
    return _ours("latencyslos", namespace)


def latencyslo(namespace: str, name: str) -> str:
    return f"{latencyslos(namespace)}/{name}"


def predictiveautoscalers(namespace: str | None = None) -> str:
    return _ours("predictiveautoscalers", namespace)


def predictiveautoscaler(namespace: str, name: str) -> str:
    return f"{predictiveautoscalers(namespace)}/{name}"


def throttleplans(namespace: str | None = None) -> str:
    return _ours("throttleplans", namespace)


def throttleplan(namespace: str, name: str) -> str:
    return f"{throttleplans(namespace)}/{name}"


def pods(namespace: str | None = None) -> str:
    return f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"


def lease(namespace: str, name: str) -> str:
    return f"{leases(namespace)}/{name}"


def leases(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def autoscalers(namespace: str | None = None) -> str:
    return "/apis/autoscaling/v2/" + (f"namespaces/{namespace}/" if namespace else "") + "horizontalpodautoscalers"


def autoscaler(namespace: str, name: str) -> str:
    return f"{autoscalers(namespace)}/{name}"


def scaled_objects() -> str:
    """KEDA's."""
    return "/apis/keda.sh/v1alpha1/scaledobjects"


def group_version(api_version: str) -> str:
    """Where the kinds of a group and version are listed."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def scale(api_version: str, plural: str, namespace: str, name: str) -> str:
    return f"{group_version(api_version)}/namespaces/{namespace}/{plural}/{name}/scale"


def vertical_autoscalers() -> str:
    return "/apis/autoscaling.k8s.io/v1/verticalpodautoscalers"


def events(namespace: str) -> str:
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"


def _ours(plural: str, namespace: str | None) -> str:
    return f"/apis/{GROUP}/{VERSION}/" + (f"namespaces/{namespace}/{plural}" if namespace else plural)
