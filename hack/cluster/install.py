"""What the chart would install, without helm: CRDs, namespace, service accounts and their rights, for the demo and the tests.

The rights come from helm/flyball/rbac, the files that the chart itself reads.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from hack.cluster.cluster import Cluster
from hack.cluster.errors import ClusterError
from hack.cluster.layout import REPOSITORY

NAMESPACE = "flyball-system"
OPERATOR, AGENT = "flyball-operator", "flyball-agent"
GROUP = "rbac.authorization.k8s.io"


def install_flyball(cluster: Cluster) -> None:
    """Install CRDs, namespace and rights; returns once the API server serves the CRDs."""
    crds = sorted((REPOSITORY / "crds").glob("*.yaml"))
    if not crds:
        raise ClusterError("crds/ is empty; `make generate` writes it.")
    # Another installer of the same cluster (helm, say) may own fields of an older version; this checkout's CRDs win.
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(REPOSITORY / "crds"))
    cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests()}))
    for crd in crds:
        name = yaml.safe_load(crd.read_text())["metadata"]["name"]
        cluster.kubectl("wait", f"crd/{name}", "--for=condition=Established", "--timeout=30s")


def manifests() -> list[dict[str, object]]:
    """Namespace, service accounts, roles and bindings of operator and agent."""
    items: list[dict[str, object]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}]
    for account, part in ((OPERATOR, "operator"), (AGENT, "agent")):
        items.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": NAMESPACE}})
        items += _granted(account, "ClusterRole", {}, _rules(f"{part}-cluster"))
        items += _granted(account, "Role", {"namespace": NAMESPACE}, _rules(f"{part}-namespace"))
    return items


def _granted(account: str, kind: str, where: dict[str, str], rules: list[dict[str, object]]) -> list[dict[str, object]]:
    """A role with `rules` and its binding to the account."""
    common = {"apiVersion": f"{GROUP}/v1", "metadata": {"name": account, **where}}
    role = {"apiGroup": GROUP, "kind": kind, "name": account}
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
    return [{**common, "kind": kind, "rules": rules}, {**common, "kind": f"{kind}Binding", "roleRef": role, "subjects": subjects}]


def _rules(name: str) -> list[dict[str, object]]:
    file: Path = REPOSITORY / "helm" / "flyball" / "rbac" / f"{name}.yaml"
    rules: list[dict[str, object]] = yaml.safe_load(file.read_text())
    return rules
