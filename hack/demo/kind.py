"""The demo on kind, where a docker engine answers: Flyball from its image and chart, Prometheus as a pod.

Untested against a real kind: no machine of the project has had a docker engine so far (docs/designs/0005-demo.md). The load generator runs as a
container beside the nodes, so that neither Go nor a route into docker's network is needed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from hack.cluster.layout import REPOSITORY
from hack.cluster.process import poll
from hack.demo import shop
from hack.demo.environment import Progress
from hack.demo.errors import DemoError
from hack.demo.processes import Processes

IMAGE = "flyball:dev"
K6_IMAGE = "grafana/k6:1.8.1"
NODE_PORT, PROMETHEUS_PORT = 30080, 19090
NEEDED = ("docker", "kind", "kubectl", "helm")


class Kind:
    """A kind cluster of its own, with a kubeconfig of its own."""

    def __init__(self, processes: Processes, folder: Path, name: str, progress: Progress) -> None:
        self._name = f"flyball-{name}"
        self._processes = processes
        self._folder = folder
        self._progress = progress
        self._kubeconfig = folder / "kind.kubeconfig"
        self._up = False
        self.prometheus_url = f"http://127.0.0.1:{PROMETHEUS_PORT}"
        self.gateway = f"{self._name}-worker:{NODE_PORT}"

    def up(self) -> None:
        if missing := [command for command in NEEDED if not shutil.which(command)]:
            raise DemoError(f"A docker engine answers, so the demo runs on kind; it needs {', '.join(missing)} on the PATH.")
        self._progress("kind: creating the cluster")
        self._up = True  # before the command: one that failed leaves nodes behind
        self._run(
            "kind", "create", "cluster", "--name", self._name, "--config", str(REPOSITORY / "kind-config.yaml"), "--kubeconfig", str(self._kubeconfig)
        )
        self.kubectl("apply", "-f", str(Path(__file__).with_name("kind-prometheus.yaml")))
        self.kubectl("rollout", "status", "deployment/prometheus", "-n", "monitoring", "--timeout=180s")
        self._forward_prometheus()

    def deploy_shop(self) -> None:
        self._image(shop.IMAGE.removeprefix("docker.io/"), shop.FOLDER)
        shop.deploy(self.kubectl)
        ports = {"spec": {"type": "NodePort", "ports": [{"name": "http", "port": 8080, "nodePort": NODE_PORT}]}}
        self.kubectl("patch", "service", "gateway", "-n", shop.NAMESPACE, "-p", json.dumps(ports))

    def k6(self) -> list[str]:
        same_place = [word for folder, mode in ((self._folder, "rw"), (shop.FOLDER, "ro")) for word in ("--volume", f"{folder}:{folder}:{mode}")]
        # "kind" is the network that kind puts its nodes on; the container writes its records as the person who runs the demo.
        options = ["--rm", "--network", "kind", "--user", f"{os.getuid()}:{os.getgid()}", "--env", "K6_CSV_TIME_FORMAT", *same_place]
        return ["docker", "run", *options, K6_IMAGE]

    def start_flyball(self) -> None:
        self._image(IMAGE, REPOSITORY)
        repository, tag = IMAGE.split(":")
        values = [f"image.repository={repository}", f"image.tag={tag}", "prometheus.url=http://prometheus.monitoring.svc:9090"]
        chosen = [word for value in values for word in ("--set", value)]
        place = ["--namespace", "flyball-system", "--create-namespace", "--kubeconfig", str(self._kubeconfig), "--wait", "--timeout", "3m"]
        self._run("helm", "install", "flyball", str(REPOSITORY / "helm" / "flyball"), *place, *chosen)

    def get(self, path: str) -> bytes:
        try:
            return self.kubectl("get", "--raw", path).encode()
        except DemoError as error:
            raise OSError(str(error)) from error

    def kubectl(self, *arguments: str) -> str:
        return self._run("kubectl", "--kubeconfig", str(self._kubeconfig), *arguments)

    def check(self) -> None:
        self._processes.check("forward-prometheus")

    def usage(self) -> str:
        return f"kubectl --kubeconfig {self._kubeconfig} get pods -n shop\n  kind delete cluster --name {self._name}   removes it"

    def stop_flyball(self) -> None:
        self._run("helm", "uninstall", "flyball", "--namespace", "flyball-system", "--kubeconfig", str(self._kubeconfig), "--wait")

    def down(self, keep_logs: bool) -> None:
        if self._up:
            if keep_logs:
                self._run("kind", "export", "logs", str(self._processes.logs / "kind"), "--name", self._name)
            self._progress("kind: deleting the cluster")
            self._run("kind", "delete", "cluster", "--name", self._name, "--kubeconfig", str(self._kubeconfig))
            self._up = False

    def _image(self, tag: str, folder: Path) -> None:
        self._progress(f"docker: building {tag}")
        self._run("docker", "build", "-t", tag, str(folder))
        self._run("kind", "load", "docker-image", tag, "--name", self._name)

    def _forward_prometheus(self) -> None:
        name = "forward-prometheus"
        place = ["-n", "monitoring", "service/prometheus", f"{PROMETHEUS_PORT}:9090"]
        self._processes.start(name, ["kubectl", "--kubeconfig", str(self._kubeconfig), "port-forward", *place])
        if not poll(lambda: f"127.0.0.1:{PROMETHEUS_PORT}" in self._processes.tail(name), 30):
            raise DemoError(f"kubectl port-forward to Prometheus did not come up; its log ends with:\n{self._processes.tail(name)}")

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=os.environ)
        if done.returncode:
            raise DemoError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
        return done.stdout
