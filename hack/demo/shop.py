"""The shop on a cluster: its manifests, its objective, and the switch from Observe to Enforce."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import yaml

from flyball.api import duration
from hack.cluster.layout import REPOSITORY
from hack.cluster.process import poll
from hack.demo.errors import DemoError

FOLDER = REPOSITORY / "examples" / "shop"
IMAGE = "docker.io/flyball/shop:dev"
"""As examples/shop/shop.yaml names it, in full."""
NAMESPACE, NAME = "shop", "shop"
PATH = f"/apis/flyball.dev/v1alpha1/namespaces/{NAMESPACE}/latencyslos/{NAME}"
READY_SECONDS = 60.0

Kubectl = Callable[..., str]


def deploy(kubectl: Kubectl) -> None:
    """Apply the shop and wait until every Deployment is rolled out."""
    kubectl("apply", "-f", str(FOLDER / "shop.yaml"))
    kubectl("rollout", "status", "deployment", "-n", NAMESPACE, "-l", "app.kubernetes.io/part-of=shop", "--timeout=120s")


def apply_objective(kubectl: Kubectl) -> None:
    """Apply the LatencySLO, in Observe as its file says."""
    kubectl("apply", "-f", str(FOLDER / "latencyslo.yaml"))


def set_mode(kubectl: Kubectl, mode: str) -> float:
    """Change the mode as a person would; the Unix time at which the API server had it."""
    kubectl("patch", "latencyslo", NAME, "-n", NAMESPACE, "--type=merge", "-p", json.dumps({"spec": {"mode": mode}}))
    return time.time()


def objective() -> tuple[float, float]:
    """The objective in the file: threshold in seconds, and the share of requests that may be slower."""
    (stated,) = yaml.safe_load((FOLDER / "latencyslo.yaml").read_text())["spec"]["objectives"]
    return duration.seconds(stated["threshold"]), round(1 - float(stated["target"]) / 100, 6)


def wait_serving(get: Callable[[str], bytes]) -> None:
    """Wait until the gateway answers a checkout, which goes through six of the seven services. Raises DemoError when it does not.

    Asked through the API server, which reaches it wherever the cluster runs.
    """
    problem: list[str] = []

    def answers() -> bool:
        try:
            return bool(get(f"/api/v1/namespaces/{NAMESPACE}/services/gateway:http/proxy/checkout"))
        except OSError as error:
            problem[:] = [str(error)]
            return False

    if not poll(answers, READY_SECONDS, step=0.5):
        raise DemoError(f"The shop's gateway did not answer within {READY_SECONDS:.0f} s: {' '.join(problem)}")
