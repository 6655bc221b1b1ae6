"""The command line on a real cluster: what people see of their objects, and how they install and give back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from flyball.cli.main import main
from hack.cluster import Cluster
from hack.cluster.install import NAMESPACE, OPERATOR, install_flyball
from hack.cluster.process import poll
from tests.operator.objects import Namespace, deployment, fixed, slo
from tests.operator.process import Operator, running
from tests.operator.prometheus import Prometheus

pytestmark = pytest.mark.cluster

SOON = 10.0


@pytest.fixture(scope="module", autouse=True)
def operator(api_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    install_flyball(api_cluster)
    prometheus = Prometheus()
    prometheus.cpu = {"Deployment/cart": (0.3, 0.5, 1.0)}
    kubeconfig = api_cluster.kubeconfig_for(NAMESPACE, OPERATOR)
    with running(Operator(tmp_path_factory.mktemp("operator"), kubeconfig, prometheus.url), 40) as process:
        yield process
    prometheus.stop()


@pytest.fixture
def shop(api_cluster: Cluster, api_namespace: str) -> Namespace:
    namespace = Namespace(api_cluster, api_namespace)
    namespace.apply(deployment("cart"), slo(mode="Enforce", policy=fixed("5")))
    assert poll(lambda: namespace.targets() == {"Deployment/cart": 50}, SOON)
    assert poll(lambda: namespace.status().get("cores"), SOON)
    return namespace


def flyball(kubeconfig: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*arguments, "--kubeconfig", str(kubeconfig)])
    return result.exit_code, result.output


def test_status_is_a_table_of_one_namespace_or_of_all(shop: Namespace) -> None:
    code, text = flyball(shop.cluster.kubeconfig, "status", "-n", shop.name)
    assert code == 0
    (row,) = text.splitlines()[1:]
    for part in (shop.name, "Enforce", "Ready", "50 %", "256m=5%", "Fixed"):
        assert part in row
    assert any(shop.name in line for line in flyball(shop.cluster.kubeconfig, "status", "-A")[1].splitlines())
    code, text = flyball(shop.cluster.kubeconfig, "status", "-n", shop.name, "-o", "json")
    (found,) = json.loads(text)
    assert found["status"]["mode"] == "Enforce"


def test_explain_finds_the_object_and_tells_why(shop: Namespace) -> None:
    code, text = flyball(shop.cluster.kubeconfig, "explain", "lslo/shop", "-n", shop.name)
    assert code == 0
    assert "Fixed" in text
    assert "Choice: throttle targets 256m 0 % -> 5 %" in text
    code, text = flyball(shop.cluster.kubeconfig, "explain", "lslo/nothing", "-n", shop.name)
    assert (code, text) == (1, f"Error: There is no LatencySLO nothing in namespace {shop.name}.\n")


def test_a_name_that_two_namespaces_have_needs_a_namespace(shop: Namespace, api_cluster: Cluster) -> None:
    other = Namespace(api_cluster, "default")
    other.apply(slo())
    try:
        code, text = flyball(shop.cluster.kubeconfig, "explain", "lslo/shop")
        assert code == 1
        assert "choose one with -n" in text
    finally:
        other.delete("lslo", "shop")


def test_release_suspends_and_deletes_the_plan_for_good(shop: Namespace) -> None:
    code, text = flyball(shop.cluster.kubeconfig, "release", "lslo/shop", "-n", shop.name)
    assert code == 0, text
    assert shop.plan() is None
    assert shop.slo()["spec"]["suspend"] is True
    code, text = flyball(shop.cluster.kubeconfig, "release", "lslo/shop", "-n", shop.name)
    assert code == 0
    assert "is suspended already" in text


def test_release_says_who_may_not(shop: Namespace) -> None:
    may_read_alone = shop.cluster.kubeconfig_for(NAMESPACE, OPERATOR)
    code, text = flyball(may_read_alone, "release", "lslo/shop", "-n", shop.name)
    assert code == 1
    assert "forbidden" in text
    assert len(text.strip().splitlines()) == 1


@pytest.fixture
def own_crds(api_cluster: Cluster) -> Iterator[None]:
    """The kinds are the test's own; afterwards they are as other tests install them."""
    yield
    kinds = ("latencyslos", "predictiveautoscalers", "throttleplans")
    api_cluster.kubectl("delete", "crd", "--ignore-not-found", *(f"{kind}.flyball.dev" for kind in kinds))
    install_flyball(api_cluster)


def test_crds_are_applied_and_somebody_elses_fields_are_taken_only_by_force(api_cluster: Cluster, own_crds: None) -> None:
    code, text = flyball(api_cluster.kubeconfig, "crds", "apply")
    assert code == 0, text
    assert text.splitlines() == [f"{kind}.flyball.dev is served" for kind in ("latencyslos", "predictiveautoscalers", "throttleplans")]
    patch = json.dumps({"spec": {"names": {"shortNames": ["plan"]}}})
    api_cluster.kubectl("patch", "crd", "throttleplans.flyball.dev", "--type=merge", "--field-manager=somebody", "-p", patch)
    code, text = flyball(api_cluster.kubeconfig, "crds", "apply")
    assert code == 1
    assert "somebody" in text
    assert "Use --force" in text
    assert flyball(api_cluster.kubeconfig, "crds", "apply", "--force")[0] == 0


def test_without_the_kinds_status_says_how_to_install_them_and_that_does(api_cluster: Cluster, own_crds: None) -> None:
    api_cluster.kubectl("delete", "crd", "latencyslos.flyball.dev")
    code, text = flyball(api_cluster.kubeconfig, "status")
    assert code == 1
    assert "`flyball crds apply` installs it" in text
    assert flyball(api_cluster.kubeconfig, "crds", "apply")[0] == 0
    assert flyball(api_cluster.kubeconfig, "status") == (0, "There are no LatencySLOs.\n")
