"""The demo on the local cluster: operator and agent run as processes of this machine, under the rights of their service accounts."""

from __future__ import annotations

import sys
from pathlib import Path

from hack.cluster import Cluster, ClusterError, Flavour, images, tools
from hack.cluster.install import AGENT, NAMESPACE, OPERATOR, install_flyball
from hack.cluster.layout import REPOSITORY
from hack.demo import shop
from hack.demo.environment import Progress
from hack.demo.errors import DemoError
from hack.demo.processes import Processes

SCRAPE_SECONDS = 5
"""Three scrapes between two looks of the operator."""
OPERATOR_PORT, AGENT_PORT = 9617, 9618
FLYBALL = Path(sys.executable).with_name("flyball")


class Local:
    """A cluster compiled here, in namespaces of its own."""

    def __init__(self, processes: Processes, folder: Path, name: str, progress: Progress) -> None:
        self._name = name
        self._processes = processes
        self._folder = folder
        self._token = folder / "agent.token"
        self._progress = progress
        self._started: Cluster | None = None
        self.prometheus_url = ""
        self.gateway = ""

    @property
    def _cluster(self) -> Cluster:
        if self._started is None:
            raise DemoError("The cluster has not been started.")
        return self._started

    def up(self) -> None:
        for tool in ("shop", "k6", "prometheus", "kit"):  # the small ones first, so that a mistake shows early
            tools.path(tool, self._progress)
        self._started = cluster = Cluster.start(self._name, Flavour.NODE, self._progress)
        targets = {"flyball-agent": [f"{cluster.host_ip}:{AGENT_PORT}"], "flyball-operator": [f"{cluster.host_ip}:{OPERATOR_PORT}"]}
        self.prometheus_url = cluster.prometheus(SCRAPE_SECONDS, targets).url
        install_flyball(cluster)

    def deploy_shop(self) -> None:
        archive = self._folder / "shop.tar"
        images.pack(archive, shop.IMAGE, {"shop": tools.path("shop")}, entrypoint=("/shop",), user="65534:65534")
        self._cluster.load_image(archive)
        archive.unlink()
        shop.deploy(self.kubectl)
        address = self.kubectl("get", "service", "gateway", "-n", shop.NAMESPACE, "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}")
        self.gateway = address.strip()

    def k6(self) -> list[str]:
        return [str(tools.path("k6", self._progress))]

    def start_flyball(self) -> None:
        cluster = self._cluster
        token = self._token
        token.touch(mode=0o600)
        token.write_text(cluster.token(NAMESPACE, AGENT))
        listen = ["--listen-host", cluster.host_ip, "--operator-namespace", NAMESPACE]
        agent = ["--node-name", cluster.node_name, "--api-server", cluster.api_url, "--token-file", str(token), "--ca-file", str(cluster.ca_file)]
        journal = ["--journal-dir", str(self._folder / "journal"), "--listen-port", str(AGENT_PORT)]
        self._processes.start("agent", [str(FLYBALL), "agent", *agent, *listen, *journal])
        operator = ["--kubeconfig", str(cluster.kubeconfig_for(NAMESPACE, OPERATOR)), "--prometheus-url", self.prometheus_url]
        operator += ["--lookback-seconds", "30"]  # scrapes are 5 s apart
        listen = ["--listen-host", cluster.host_ip, "--listen-port", str(OPERATOR_PORT), "--namespace", NAMESPACE]
        self._processes.start("operator", [str(FLYBALL), "operator", *operator, *listen])

    def get(self, path: str) -> bytes:
        return self._cluster.get(path)

    def kubectl(self, *arguments: str) -> str:
        return self._cluster.kubectl(*arguments, timeout=180)

    def check(self) -> None:
        self._processes.check("agent", "operator")

    def usage(self) -> str:
        config = self._cluster.kubeconfig
        return (
            f"{tools.path('kit')} kubectl --kubeconfig {config} get pods -n shop\n"
            f"  operator and agent were processes of the demo and have ended; the agent gave everything back\n"
            f"  Prometheus: {self.prometheus_url}   the shop: http://{self.gateway}/browse\n"
            f"  cd {REPOSITORY} && .venv/bin/python -m hack.cluster down --name {self._name}   removes every trace of it"
        )

    def stop_flyball(self) -> None:
        # The agent first, while the operator's Lease is fresh: giving back must not need anyone else.
        self._processes.stop("agent")
        self._processes.stop("operator")

    def down(self, keep_logs: bool) -> None:
        self._token.unlink(missing_ok=True)
        if self._started is not None:
            self._progress("removing the cluster")
            try:
                self._started.stop(keep_logs)
            except ClusterError as error:
                raise DemoError(f"The cluster was not removed: {error}") from error
            self._started = None
