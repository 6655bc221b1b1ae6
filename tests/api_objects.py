"""Objects for tests: the smallest valid ones, and ones that use every field."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

API_VERSION = "flyball.dev/v1alpha1"
ABSENT: Any = object()


def minimal_slo(name: str = "shop", namespace: str = "default") -> dict[str, Any]:
    """A LatencySLO with what is required and nothing else."""
    return {
        "apiVersion": API_VERSION,
        "kind": "LatencySLO",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "objectives": [
                {
                    "name": "gateway",
                    "target": "99",
                    "threshold": "200ms",
                    "indicator": {"histogram": {"metric": "http_request_duration_seconds"}},
                }
            ],
            "workloads": [{"name": "shop", "selector": {"matchLabels": {"app": "shop"}}}],
        },
    }


def full_slo(name: str = "shop", namespace: str = "default") -> dict[str, Any]:
    """A LatencySLO that uses every field that this version has."""
    slo = minimal_slo(name, namespace)
    slo["spec"] = {
        "mode": "Enforce",
        "suspend": False,
        "objectives": [
            {
                "name": "gateway",
                "target": "99.95",
                "threshold": "200ms",
                "window": "1h30m",
                "minutesAbovePercent": "5",
                "indicator": {
                    "histogram": {
                        "metric": "http_request_duration_seconds",
                        "unit": "Milliseconds",
                        "matchers": {"service": "gateway"},
                        "badMatchers": {"code": "5..", "grpc_status": "Internal|Unavailable"},
                    }
                },
            },
            {"name": "mesh", "target": "99", "threshold": "1.5s", "window": "30d", "indicator": {"preset": {"name": "istio", "workload": "cart"}}},
            {
                "name": "free",
                "target": "0.001",
                "threshold": "1h",
                "window": "720h",
                "indicator": {"promql": {"good": "sum(good_total)", "total": "sum(all_total)"}},
            },
        ],
        "workloads": [
            {
                "name": "by-label",
                "selector": {
                    "matchLabels": {"app.kubernetes.io/part-of": "shop", "app": "cart"},
                    "matchExpressions": [
                        {"key": "tier", "operator": "In", "values": ["web", "api"]},
                        {"key": "batch", "operator": "DoesNotExist"},
                    ],
                },
                "containers": [
                    {"name": "*", "control": "Auto", "cpu": {"min": "0.05"}},
                    {"name": "istio-proxy", "control": "Off", "cpu": {"min": "10m"}},
                ],
            },
            {
                "name": "by-name",
                "targetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "redis.cart"},
                "containers": [{"name": "redis", "control": "Auto", "cpu": {"min": "1000"}}],
            },
        ],
        "policy": {"type": "Fixed", "throttlePercent": "7.5"},
        "actuators": {"quota": "Auto", "burst": "Off", "weight": "Auto", "requests": {"policy": "Keep", "min": "50m"}},
        "canary": {"percent": 50, "duration": "1m"},
    }
    return slo


def full_status() -> dict[str, Any]:
    """A status that uses every field."""
    now = "2026-11-21T06:00:00Z"
    return {
        "observedGeneration": 3,
        "mode": "Enforce",
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Reconciled",
                "message": "All is well.",
                "lastTransitionTime": now,
                "observedGeneration": 3,
            }
        ],
        "governing": "gateway",
        "objectives": [
            {
                "name": "gateway",
                "requests": 100_000,
                "slowRequests": 400,
                "slowSharePercent": "0.4",
                "burnRate": "0.73",
                "budgetLeftPercent": "61.5",
                "minutesAbove": 2,
                "thresholdUsed": "200ms",
                "hint": "Add a bucket at 0.2.",
                "sampleTime": now,
            }
        ],
        "workloads": [
            {
                "owner": {"kind": "Deployment", "name": "cart"},
                "group": "high",
                "pods": 2,
                "throttlePermille": 40,
                "usedMilli": 310,
                "allocatedMilli": 480,
                "grantedMilli": 1000,
                "weightMilli": 80,
            }
        ],
        "cores": {"usedMilli": 310, "allocatedMilli": 480, "grantedMilli": 1000},
        "savedPercent": 52,
        "decisions": [
            {
                "time": now,
                "reason": "BudgetAmple",
                "message": "The budget burns at 0.73; targets go up.",
                "governing": "gateway",
                "burnRate": "0.73",
                "budgetLeftPercent": "61.5",
                "targets": [{"group": "high", "throttlePermille": 40, "previousPermille": 30}],
                "alternatives": ["hold: nothing saved"],
                "expected": "40 millicores less",
                "observed": "35 millicores less",
            }
        ],
        "checkpoint": '{"version": 1}',
    }


def minimal_pas(name: str = "web", namespace: str = "default") -> dict[str, Any]:
    """A PredictiveAutoscaler with what is required and nothing else."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PredictiveAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"name": "web"},
            "maxReplicas": 10,
            "demands": [{"name": "requests", "counter": {"metric": "http_requests_total"}}],
        },
    }


def full_pas(name: str = "web", namespace: str = "default") -> dict[str, Any]:
    """A PredictiveAutoscaler that uses every field."""
    pas = minimal_pas(name, namespace)
    pas["spec"] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web.front"},
        "mode": "Enforce",
        "suspend": False,
        "via": "HPAFloor",
        "minReplicas": 1,
        "maxReplicas": 10,
        "demands": [
            {
                "name": "requests",
                "counter": {"metric": "http_requests_total", "matchers": {"service": "web"}},
                "capacity": "120.5",
            },
            {"name": "mesh", "preset": {"name": "linkerd", "workload": "web"}},
            {"name": "jobs", "promql": {"rate": "sum(rate(jobs_total[1m]))"}, "capacity": "0.5"},
        ],
        "utilizationPercent": 60,
        "readyAfter": "1m30s",
        "quantile": "97.5",
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 30,
                "selectPolicy": "Min",
                "policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 600,
                "selectPolicy": "Disabled",
                "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}],
            },
        },
        "scaleToZeroAfter": "15m",
        "schedules": [
            {
                "name": "office",
                "days": ["Mon", "Fri"],
                "start": "08:00",
                "end": "18:30",
                "timeZone": "America/Argentina/Buenos_Aires",
                "minReplicas": 3,
            }
        ],
        "cost": {"replicaHour": "0.12", "maxPerHour": "3", "shortMinute": "0.5"},
    }
    return pas


def full_pas_status() -> dict[str, Any]:
    """A status that uses every field."""
    time = "2026-03-01T10:00:00Z"
    return {
        "observedGeneration": 1,
        "mode": "Enforce",
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Reconciled",
                "message": "StatefulSet/web.front is looked after.",
                "lastTransitionTime": time,
                "observedGeneration": 1,
            }
        ],
        "governing": "requests",
        "replicas": {"current": 3, "ready": 2, "wanted": 4, "wish": 5, "reactive": 3, "proactive": 5, "floor": 3},
        "readyAfterSeconds": 90,
        "demands": [
            {
                "name": "requests",
                "served": "310.5",
                "capacity": "120.5",
                "capacityLearned": False,
                "forecastReason": "Ok",
                "usefulFrom": time,
                "forecasts": [{"seconds": 300, "demand": "400.1", "upper": "480", "skillPercent": 12}],
            }
        ],
        "hpaFloor": 2,
        "decisions": [
            {
                "time": time,
                "reason": "Forecast",
                "message": "The demand to come needs 5, that of now 3.",
                "previous": 3,
                "replicas": 4,
                "demand": "310.5",
                "forecast": "480",
                "observed": "401 a second were served, 4 replicas were ready.",
            }
        ],
    }


def full_plan(name: str = "shop", namespace: str = "default") -> dict[str, Any]:
    """A ThrottlePlan that uses every field."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ThrottlePlan",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "action": "Control",
            "quota": False,
            "burst": False,
            "weight": True,
            "keepPermille": 250,
            "canaryPercent": 10,
            "workloads": [
                {
                    "owner": {"kind": "Deployment", "name": "cart"},
                    "selector": {
                        "matchLabels": {"app": "shop"},
                        "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["batch"]}],
                    },
                    "group": "high",
                    "throttlePermille": 300,
                    "containers": [{"name": "*", "control": "Auto", "minMilli": 10}, {"name": "istio-proxy", "control": "Off", "minMilli": 50}],
                }
            ],
        },
    }


def changed(obj: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the object with the field at `path` (`spec.objectives.0.target`) set; ABSENT takes it away.

    Steps of the path that do not exist yet become objects.
    """
    copy = deepcopy(obj)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = copy
    for step in steps:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return copy
