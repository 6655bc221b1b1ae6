"""One local cluster: start, use, break on purpose, stop."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from hack.cluster import components, images, leftovers, metrics, monitoring, pki, preflight, tools
from hack.cluster import layout as layouts
from hack.cluster.component import READY_SECONDS, Component
from hack.cluster.errors import ClusterError
from hack.cluster.layout import Flavour, Layout
from hack.cluster.monitoring import Prometheus
from hack.cluster.process import unproxied
from hack.cluster.sandbox import Sandbox


class Cluster:
    """A running local cluster."""

    def __init__(self, layout: Layout, progress: Callable[[str], None]) -> None:
        self._layout = layout
        self._progress = progress
        self._sandbox = Sandbox(layout)
        self.name = layout.name
        self.flavour = layout.flavour
        self.kubeconfig = layout.kubeconfig("admin")
        """The administrator's kubeconfig."""
        self.api_url = layout.api_url
        self.ca_file = layout.pki / "ca.crt"
        self.host_ip = layout.host_ip
        """This machine's address as pods and Prometheus see it: programs on the machine that they must reach bind to it."""
        self.node_name = layout.node_name
        self.cgroup_root = layout.cgroup
        """Folder under each cgroup hierarchy below which the node's pods lie."""
        self.logs = layout.logs

    @classmethod
    def start(
        cls, name: str = "local", flavour: Flavour = Flavour.NODE, progress: Callable[[str], None] | None = None, *, owned: bool = False
    ) -> Cluster:
        """Start a cluster; one of the same name that a crash left behind is cleared away first.

        An `owned` one is cleared away by the next start or `cluster-down` once the process that started it has died; any other stays until it is
        stopped by name. Raises ClusterError with a sentence when the machine cannot, a cluster of that name runs, or a component does not come up
        (logs stay below build/cluster/NAME/logs).
        """
        say = progress or _to_stderr
        preflight.prepare(flavour, say)
        tools.path("kit", say)
        with leftovers.one_at_a_time():
            leftovers.clear(say)
            if cls.find(name):
                raise ClusterError(f"A cluster called {name} is running; `python -m hack.cluster down --name {name}` stops it.")
            leftovers.remove(name)
            layout = layouts.choose(name, flavour)
            layout.save()
            leftovers.sign(layout, owned)
            cluster = cls(layout, say)
            try:
                cluster._sandbox.start()
            except BaseException:
                cluster.stop(keep_logs=True)
                raise
        try:
            cluster._bring_up()
        except BaseException:
            cluster.stop(keep_logs=True)
            raise
        return cluster

    @classmethod
    def find(cls, name: str) -> Cluster | None:
        """The running cluster of that name, if there is one."""
        layout = layouts.load(name)
        if layout is None or not Sandbox(layout).alive():
            return None
        return cls(layout, _to_stderr)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop(keep_logs=kind is not None)

    def stop(self, keep_logs: bool = False) -> None:
        """End the cluster and remove every trace of it but, if wished, its logs."""
        leftovers.dismantle(self._layout, keep_logs)

    def component(self, name: str) -> Component:
        """`etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, `containerd`, `kubelet`, `kube-proxy`, `prometheus`,
        `metrics-server`."""
        layout, kit = self._layout, str(tools.path("kit"))
        commands: dict[str, Callable[[], list[str]]] = {
            "etcd": lambda: [kit, *components.etcd(layout)],
            "kube-apiserver": lambda: [kit, *components.apiserver(layout)],
            "kube-controller-manager": lambda: [kit, *components.controller_manager(layout)],
            "kube-scheduler": lambda: [kit, *components.scheduler(layout)],
            "containerd": lambda: ["containerd", "--config", f"{layout.home}/containerd.toml"],
            "kubelet": lambda: [kit, *components.kubelet(layout)],
            "kube-proxy": lambda: [kit, *components.proxy(layout)],
            "prometheus": lambda: monitoring.command(layout),
            "metrics-server": lambda: metrics.command(layout, str(tools.path("metrics-server"))),
        }
        return Component(layout, self._sandbox, name, commands[name])

    def kubectl(self, *arguments: str, input: str | None = None, check: bool = True, timeout: float = 120) -> str:
        """Run kubectl as the administrator; returns what it printed, errors included. Raises ClusterError when it failed and `check`."""
        command = [str(tools.path("kit")), "kubectl", f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self._layout.home}/kubectl-cache"]
        source = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if check else subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
            env=unproxied(),
            **source,
        )
        if check and done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return str(done.stdout)

    def token(self, namespace: str, service_account: str) -> str:
        """A token of a service account, valid for a day."""
        return self.kubectl("create", "token", service_account, "-n", namespace, "--duration=24h").strip()

    def kubeconfig_for(self, namespace: str, service_account: str) -> Path:
        """A kubeconfig that acts as a service account and has its rights alone."""
        token = self.token(namespace, service_account)
        return pki.write_kubeconfig(self._layout, f"{namespace}-{service_account}", {"token": token})

    def load_image(self, archive: Path) -> None:
        """Import a docker-archive into the node."""
        socket = str(self._layout.containerd_socket)
        self._sandbox.run(["ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", str(archive.resolve())], timeout=300)

    def prometheus(
        self, scrape_interval_seconds: int = 5, static_targets: Mapping[str, Sequence[str]] | None = None, history_days: int = 0
    ) -> Prometheus:
        """Start a Prometheus that scrapes annotated pods, the kubelet, and `static_targets` (job -> HOST:PORT).

        With `history_days` it takes samples with times of so many days ago as well.
        """
        tools.path("prometheus", self._progress)
        (self._layout.home / "prometheus.yaml").write_text(monitoring.config(self._layout, scrape_interval_seconds, history_days))
        monitoring.write_targets(self._layout, static_targets or {})
        prometheus = Prometheus(self._layout, self.component("prometheus"))
        prometheus.start()
        return prometheus

    def metrics_server(self) -> Component:
        """Start a metrics-server, which HorizontalPodAutoscalers read CPU from; returns once the API server serves its answers."""
        tools.path("metrics-server", self._progress)
        server = self.component("metrics-server")
        server.start()
        self.kubectl("apply", "-f", "-", input=metrics.manifests(self._layout))
        server.wait(lambda: json.loads(self.get(f"{metrics.API}/nodes"))["items"])
        return server

    def get(self, path: str) -> bytes:
        """A raw GET of the API as the administrator."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.load_cert_chain(self._layout.pki / "admin.crt", self._layout.pki / "admin.key")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        with opener.open(f"{self.api_url}{path}", timeout=5) as answer:
            body: bytes = answer.read()
            return body

    def wait_for_api(self, seconds: float = READY_SECONDS) -> None:
        """Wait until the API server says that it is ready, e.g. after it was killed."""
        self.component("kube-apiserver").wait(lambda: self.get("/readyz"), seconds)

    def _bring_up(self) -> None:
        started = time.monotonic()

        def step(text: str) -> None:
            self._progress(f"cluster {self.name}: {text} ({time.monotonic() - started:.1f} s)")

        pki.write(self._layout)
        self.component("etcd").start()  # the API server waits for it
        if self.flavour is Flavour.NODE:
            self._start_containerd()
        self.component("kube-apiserver").start()
        if self.flavour is Flavour.NODE:
            containerd = self.component("containerd")
            containerd.wait(lambda: self._sandbox.run(["ctr", "--address", str(self._layout.containerd_socket), "version"]))
            self.load_image(images.busybox(self._layout.home / "images" / "busybox.tar"))
        self.wait_for_api()
        step("API server ready")
        self.component("kube-controller-manager").start()
        self.component("kube-scheduler").start()
        if self.flavour is Flavour.NODE:
            self._start_node()
            step("node ready")
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self.component("kube-controller-manager").wait(lambda: self.get(account))
        step("up")

    def _start_containerd(self) -> None:
        home = self._layout.home
        (home / "cni").mkdir(exist_ok=True)
        (home / "cni" / "10-flyball.conflist").write_text(components.cni_config(self._layout))
        (home / "containerd.toml").write_text(components.containerd_config(self._layout, images.BUSYBOX_IMAGE))
        self.component("containerd").start()

    def _start_node(self) -> None:
        (self._layout.home / "kubelet.yaml").write_text(components.kubelet_config(self._layout))
        (self._layout.home / "proxy.yaml").write_text(components.proxy_config(self._layout))
        self.component("kubelet").start()
        self.component("kube-proxy").start()

        def ready() -> bool:
            node = json.loads(self.get(f"/api/v1/nodes/{self.node_name}"))
            conditions = {condition["type"]: condition["status"] for condition in node["status"]["conditions"]}
            return conditions.get("Ready") == "True" and not node["spec"].get("taints")

        self.component("kubelet").wait(ready)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
