"""The target's scale and selector, and who keeps a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from flyball.api.predictiveautoscaler import ScaleTarget
from flyball.controllers.predictiveautoscaler.target import TargetError, Targets, keeper_of, parse_selector
from flyball.kube import paths
from flyball.kube.client import Kube, KubeError
from tests.operator.fake_kube import FakeKube


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


def test_a_selector_of_more_terms_and_values_than_our_own_objects_may_have_is_read_as_well() -> None:
    values, terms = [f"v{number}" for number in range(40)], [f"l{number}=x" for number in range(40)]
    its = parse_selector(f"tier in ({','.join(values)}),{','.join(terms)},!gone,zone!=a")
    labels = {"tier": "v39", "zone": "b", **{f"l{number}": "x" for number in range(40)}}
    assert its.matches(labels)
    assert its.exact == ("l0", "x")
    for other in ({"tier": "v40"}, {"l39": "y"}, {"gone": ""}, {"zone": "a"}):
        assert not its.matches({**labels, **other})


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


class Server(FakeKube):
    """Notes which version was asked for; has seen none above `newest`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str | None] = []
        self.newest = 10**9

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        version = (query or {}).get("resourceVersion")
        self.asked.append(version)
        if version and int(version) > self.newest:
            raise KubeError(504, "Too large resource version")
        return await super().get(path, query)


TARGET = ScaleTarget(kind="Deployment", name="web")
SCALE = paths.scale("apps/v1", "deployments", "shop", "web")


def targets(version: str = "7") -> tuple[Targets, Server]:
    kube = Server()
    kube.objects[SCALE] = {"metadata": {"resourceVersion": version}, "spec": {"replicas": 2}, "status": {"selector": "app=web"}}
    return Targets(cast(Kube, kube)), kube


async def test_a_read_asks_for_nothing_older_than_what_was_read_or_written_last() -> None:
    its, kube = targets()
    scale = await its.read(TARGET, "shop")
    await its.read(TARGET, "shop")
    kube._version = 40
    await its.write(TARGET, "shop", scale, 3)
    assert (await its.read(TARGET, "shop")).replicas == 3
    assert kube.asked == [None, "7", "41"]


async def test_a_version_that_the_server_has_not_seen_is_not_insisted_on() -> None:
    its, kube = targets("700")
    await its.read(TARGET, "shop")
    kube.newest = 5
    kube.objects[SCALE]["metadata"]["resourceVersion"] = "4"
    assert (await its.read(TARGET, "shop")).replicas == 2
    await its.read(TARGET, "shop")
    assert kube.asked == [None, "700", None, "4"]


async def test_after_a_failed_read_the_next_one_takes_no_cache_for_it() -> None:
    its, kube = targets()
    await its.read(TARGET, "shop")
    kube.fault = KubeError(500, "etcd is away")
    with pytest.raises(KubeError):
        await its.read(TARGET, "shop")
    kube.fault = None
    await its.read(TARGET, "shop")
    assert kube.asked == [None, "7", None]
