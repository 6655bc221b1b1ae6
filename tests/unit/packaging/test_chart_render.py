"""The chart, rendered by real helm: what an administrator relies on before anything runs."""

from __future__ import annotations

import json
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from flyball.agent.settings import Settings as AgentSettings
from flyball.runtime.settings import Settings as OperatorSettings

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "helm" / "flyball"
URL = "prometheus.url=http://prometheus.monitoring.svc"

Object = dict[str, Any]


def helm_template(helm: Path, *settings: str, url: str = URL) -> subprocess.CompletedProcess[str]:
    flags = [part for setting in (url, *settings) if setting for part in ("--set", setting)]
    command = [str(helm), "template", "flyball", str(CHART), "--namespace", "flyball-system", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def render(helm: Path, *settings: str) -> dict[tuple[str, str], Object]:
    """The chart's objects by (kind, name)."""
    done = helm_template(helm, *settings)
    assert done.returncode == 0, done.stderr
    return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(done.stdout) if item}


def pod(objects: dict[tuple[str, str], Object], kind: str) -> Object:
    found = next(item for (its_kind, _), item in objects.items() if its_kind == kind)
    spec: Object = found["spec"]["template"]["spec"]
    return spec


def environment(spec: Object) -> dict[str, Any]:
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in spec["containers"][0]["env"]}


def test_helm_lint_finds_nothing(helm: Path) -> None:
    done = subprocess.run([helm, "lint", "--strict", str(CHART), "--set", URL], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_a_prometheus_address_the_install_stops_with_a_sentence(helm: Path) -> None:
    done = helm_template(helm, url="")
    assert done.returncode != 0
    assert "prometheus.url is required" in done.stderr
    assert "--set prometheus.url=" in done.stderr


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("maxMode=enforce", "maxMode"),
        ("prometheus.url=prometheus:9090", "url"),
        ("agent.cgroupRoot=cgroup", "cgroupRoot"),
        ("operator.replica=3", "replica"),
    ],
)
def test_a_wrong_or_misspelt_value_is_refused_by_name(helm: Path, setting: str, names: str) -> None:
    done = helm_template(helm, setting)
    assert done.returncode != 0
    assert names in done.stderr


def test_every_value_is_in_the_schema(helm: Path) -> None:
    """Defaults that the schema does not know would be refused as soon as somebody writes them down."""
    schema = json.loads((CHART / "values.schema.json").read_text())

    def known(values: Object, part: Object, where: str) -> None:
        for key, value in values.items():
            assert key in part["properties"], f"{where}{key}"
            inner = part["properties"][key]
            if isinstance(value, dict) and "properties" in inner:
                known(value, inner, f"{where}{key}.")

    known(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "")


def test_the_agent_has_no_privilege_but_uid_0_and_two_folders_of_its_node(helm: Path) -> None:
    spec = pod(render(helm), "DaemonSet")
    (container,) = spec["containers"]
    security = container["securityContext"]
    assert security["privileged"] is False
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    asked = pod(render(helm, "agent.hostPID=true"), "DaemonSet")
    assert {"hostNetwork", "hostPID", "hostIPC"} & asked.keys() == {"hostPID"}
    assert [volume["hostPath"]["path"] for volume in spec["volumes"]] == ["/sys/fs/cgroup", "/run/flyball"]


def test_agents_run_on_tainted_nodes_too_and_know_their_node(helm: Path) -> None:
    spec = pod(render(helm), "DaemonSet")
    assert {"operator": "Exists"} in spec["tolerations"]
    assert environment(spec)["FLYBALL_NODE_NAME"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}


def test_the_operator_fits_the_restricted_pod_security_level(helm: Path) -> None:
    spec = pod(render(helm), "Deployment")
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert "volumes" not in spec


def test_the_brake_and_the_address_reach_the_operator(helm: Path) -> None:
    given = environment(pod(render(helm, "maxMode=Recommend", "allowPromql=true"), "Deployment"))
    assert given["FLYBALL_PROMETHEUS_URL"] == "http://prometheus.monitoring.svc"
    assert given["FLYBALL_MAX_MODE"] == "Recommend"
    assert given["FLYBALL_ALLOW_PROMQL"] == "true"


def test_the_cross_check_can_be_turned_off(helm: Path) -> None:
    assert environment(pod(render(helm), "Deployment"))["FLYBALL_CROSS_CHECK"] == "true"
    assert environment(pod(render(helm, "operator.crossCheck=false"), "Deployment"))["FLYBALL_CROSS_CHECK"] == "false"


@pytest.mark.parametrize(("kind", "settings"), [("Deployment", OperatorSettings), ("DaemonSet", AgentSettings)])
def test_every_variable_in_the_pods_is_a_setting_of_the_program(helm: Path, kind: str, settings: type[OperatorSettings | AgentSettings]) -> None:
    known = {f"FLYBALL_{field.name.upper()}" for field in fields(settings)}
    assert set(environment(pod(render(helm), kind))) <= known


@pytest.mark.parametrize(("kind", "settings"), [("Deployment", OperatorSettings), ("DaemonSet", AgentSettings)])
def test_probes_and_scrapes_go_where_the_program_listens(helm: Path, kind: str, settings: type[OperatorSettings | AgentSettings]) -> None:
    (port,) = (field.default for field in fields(settings) if field.name == "listen_port")
    workload = next(item for (its_kind, _), item in render(helm).items() if its_kind == kind)
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": port}]
    assert workload["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(port)


@pytest.mark.parametrize("component", ["operator", "agent"])
def test_the_roles_hold_the_rules_of_the_files_and_nothing_else(helm: Path, component: str) -> None:
    objects = render(helm)
    for kind, scope in (("ClusterRole", "cluster"), ("Role", "namespace")):
        rules = yaml.safe_load((CHART / "rbac" / f"{component}-{scope}.yaml").read_text())
        assert objects[kind, f"flyball-{component}"]["rules"] == rules


def test_nobody_may_write_pods(helm: Path) -> None:
    """In this version requests are not moved: reading pods is all that either part needs."""
    for (kind, name), item in render(helm).items():
        for rule in item["rules"] if kind in {"ClusterRole", "Role"} else ():
            if any(resource.split("/")[0] in {"pods", "*"} for resource in rule["resources"]):
                assert set(rule["verbs"]) <= {"get", "list", "watch"}, name


def test_every_binding_names_an_account_that_the_chart_makes(helm: Path) -> None:
    objects = render(helm)
    for (kind, name), item in objects.items():
        if kind in {"ClusterRoleBinding", "RoleBinding"}:
            (subject,) = item["subjects"]
            assert ("ServiceAccount", subject["name"]) in objects, name
            assert subject["namespace"] == "flyball-system"


def test_pod_monitors_come_behind_their_flag(helm: Path) -> None:
    assert not [name for kind, name in render(helm) if kind == "PodMonitor"]
    made = [item for (kind, _), item in render(helm, "metrics.podMonitor.enabled=true").items() if kind == "PodMonitor"]
    assert {item["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] for item in made} == {"operator", "agent"}


def test_a_digest_wins_over_the_tag(helm: Path) -> None:
    digest = "sha256:" + "0" * 64
    spec = pod(render(helm, "image.repository=registry.example/flyball", "image.tag=x", f"image.digest={digest}"), "Deployment")
    assert spec["containers"][0]["image"] == f"registry.example/flyball@{digest}"


def test_an_old_cluster_is_refused(helm: Path) -> None:
    command = [str(helm), "template", "flyball", str(CHART), "--set", URL, "--kube-version", "1.32.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "incompatible with Kubernetes v1.32.0" in done.stderr
