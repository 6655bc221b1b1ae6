"""A real Prometheus inside a cluster: pods by annotation, the kubelet's cAdvisor, and targets on the machine itself."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hack.cluster import tools
from hack.cluster.errors import ClusterError
from hack.cluster.layout import Flavour, Layout
from hack.cluster.process import poll

if TYPE_CHECKING:
    from hack.cluster.component import Component

RETENTION = "6h"
"""Longer than any demo; the data lie in memory."""

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""No proxy: the cluster's addresses are known to this machine alone."""


class Prometheus:
    """A running Prometheus. `url` is reachable from the machine and from pods."""

    def __init__(self, layout: Layout, component: Component) -> None:
        self._layout = layout
        self._component = component
        self.url = f"http://{layout.node_ip}:{layout.prometheus_port}"

    def targets(self, static: Mapping[str, Sequence[str]]) -> None:
        """Scrape these addresses (job -> HOST:PORT) outside the cluster from now on, instead of the ones before."""
        write_targets(self._layout, static)

    def start(self) -> None:
        self._component.start()
        if not poll(self._ready, 30):
            raise ClusterError(f"Prometheus was not ready within 30 s; its log: {self._layout.logs / 'prometheus.log'}")

    def stop(self) -> None:
        self._component.stop()

    def kill(self) -> None:
        self._component.kill()

    def freeze(self) -> None:
        self._component.freeze()

    def thaw(self) -> None:
        self._component.thaw()

    def _ready(self) -> bool:
        try:
            with _DIRECT.open(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def command(layout: Layout) -> list[str]:
    return [
        str(tools.path("prometheus")),
        f"--config.file={layout.home}/prometheus.yaml",
        f"--storage.tsdb.path={layout.data}/prometheus",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={layout.node_ip}:{layout.prometheus_port}",
        "--log.level=warn",
    ]


def write_targets(layout: Layout, static: Mapping[str, Sequence[str]]) -> None:
    file = layout.home / "prometheus-targets.json"
    scratch = file.with_suffix(".new")
    scratch.write_text(json.dumps([{"targets": list(addresses), "labels": {"job": job}} for job, addresses in static.items()]))
    scratch.rename(file)


def config(layout: Layout, interval_seconds: int, history_days: int = 0) -> str:
    """Prometheus' configuration (JSON is YAML). With `history_days` it takes samples that are so old, which an exporter gives with their times."""
    client = {"tls_config": {name: str(layout.pki / file) for name, file in _ADMIN.items()}}
    pods = {
        "job_name": "pods",
        "kubernetes_sd_configs": [{"role": "pod", "api_server": layout.api_url, **client}],
        "relabel_configs": [
            {"source_labels": ["__meta_kubernetes_pod_annotation_prometheus_io_scrape"], "regex": "true", "action": "keep"},
            {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Pending|Succeeded|Failed", "action": "drop"},
            {"source_labels": ["__meta_kubernetes_pod_container_init"], "regex": "true", "action": "drop"},
            {
                "source_labels": ["__meta_kubernetes_pod_annotation_prometheus_io_path"],
                "regex": "(.+)",
                "target_label": "__metrics_path__",
            },
            {
                "source_labels": ["__meta_kubernetes_pod_ip", "__meta_kubernetes_pod_annotation_prometheus_io_port"],
                "separator": ":",
                "target_label": "__address__",
            },
            *(
                {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": label}
                for source, label in (
                    ("namespace", "namespace"),
                    ("pod_name", "pod"),
                    ("pod_node_name", "node"),
                    ("pod_label_app_kubernetes_io_name", "app"),
                )
            ),
        ],
    }
    cadvisor = {
        "job_name": "cadvisor",
        "scheme": "https",
        "metrics_path": "/metrics/cadvisor",
        "static_configs": [{"targets": [f"{layout.node_ip}:{layout.kubelet_port}"], "labels": {"node": layout.node_name}}],
        "honor_timestamps": False,
        **client,
    }
    jobs = [pods, *([cadvisor] if layout.flavour is Flavour.NODE else []), _static(layout)]
    timing = f"{interval_seconds}s"
    past = {"storage": {"tsdb": {"out_of_order_time_window": f"{history_days}d"}}} if history_days else {}
    return json.dumps({"global": {"scrape_interval": timing, "scrape_timeout": timing}, "scrape_configs": jobs, **past}, indent=1)


_ADMIN = {"ca_file": "ca.crt", "cert_file": "admin.crt", "key_file": "admin.key"}


def _static(layout: Layout) -> dict[str, object]:
    files = {"files": [str(layout.home / "prometheus-targets.json")], "refresh_interval": "1s"}
    return {"job_name": "static", "file_sd_configs": [files]}


def query(url: str, expression: str) -> list[dict[str, object]]:
    """Answer of an instant query, for tests and the demo's own figures."""
    request = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    try:
        with _DIRECT.open(request, timeout=10) as answer:
            result: list[dict[str, object]] = json.load(answer)["data"]["result"]
            return result
    except OSError as error:
        raise ClusterError(f"Prometheus did not answer {expression!r}: {error}") from error
