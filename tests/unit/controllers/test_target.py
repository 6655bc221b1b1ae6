"""The target's selector, and who keeps a field."""

from __future__ import annotations

import pytest

from flyball.controllers.predictiveautoscaler.target import TargetError, keeper_of, parse_selector


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("app=web", {"app": "web"}, True),
        ("app=web", {"app": "shop"}, False),
        ("app==web,tier!=batch", {"app": "web"}, True),
        ("app=web,tier!=batch", {"app": "web", "tier": "batch"}, False),
        ("tier in (front,back),app", {"app": "", "tier": "back"}, True),
        ("tier in (front, back)", {"tier": "middle"}, False),
        ("tier notin (batch)", {}, True),
        ("!canary,app.kubernetes.io/name=web", {"app.kubernetes.io/name": "web"}, True),
        ("!canary", {"canary": "yes"}, False),
        ("app=", {"app": ""}, True),
    ],
)
def test_a_selector_as_scale_writes_it(text: str, labels: dict[str, str], matches: bool) -> None:
    assert parse_selector(text).matches(labels) is matches


def test_what_is_no_selector_is_told() -> None:
    with pytest.raises(TargetError, match="cannot be read"):
        parse_selector("app>web(")


@pytest.mark.parametrize(
    ("message", "keeper"),
    [
        ('Apply failed with 1 conflict: conflict with "argocd-controller" using apps/v1: .spec.replicas', "argocd-controller"),
        ('Apply failed with 1 conflict: conflict with "helm" using apps/v1: .spec.replicas', "helm"),
        ('Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas', None),
        ('Apply failed with 1 conflict: conflict with "kube-controller-manager" with subresource "scale": .spec.replicas', None),
        (
            'Apply failed with 2 conflicts: conflicts with "kubectl":\n- .spec.a\nconflicts with "kustomize-controller":\n- .spec.b',
            "kustomize-controller",
        ),
    ],
)
def test_a_manager_that_keeps_objects_as_a_repository_has_them(message: str, keeper: str | None) -> None:
    assert keeper_of(message) == keeper
