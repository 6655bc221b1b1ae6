"""A real metrics-server beside a cluster: CPU and memory of pods for `kubectl top` and for HorizontalPodAutoscalers."""

from __future__ import annotations

import json

from hack.cluster.layout import Layout

API = "/apis/metrics.k8s.io/v1beta1"
NAME = "metrics-server"
PORT = 10261
RESOLUTION_SECONDS = 10
"""The least that metrics-server takes."""


def command(layout: Layout, binary: str) -> list[str]:
    pki, config = layout.pki, layout.kubeconfig("admin")
    return [
        binary,
        *(f"--{part}kubeconfig={config}" for part in ("", "authentication-", "authorization-")),
        f"--bind-address={layout.node_ip}",
        f"--secure-port={PORT}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--metric-resolution={RESOLUTION_SECONDS}s",
        "--kubelet-request-timeout=5s",  # must be less than the resolution
    ]


def manifests(layout: Layout) -> str:
    """What sends the API server's questions there: a Service without a selector, its one address, and the APIService."""
    service = {"name": NAME, "namespace": "kube-system"}
    labels = {"kubernetes.io/service-name": NAME}
    port = {"name": "https", "port": PORT, "protocol": "TCP"}
    items = [
        {"apiVersion": "v1", "kind": "Service", "metadata": service, "spec": {"ports": [{**port, "port": 443, "targetPort": PORT}]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**service, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [layout.node_ip], "conditions": {"ready": True}}],
            "ports": [port],
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                # The certificate is the API server's own, for its addresses and not for this Service's name.
                "insecureSkipTLSVerify": True,
                "service": {**service, "port": 443},
            },
        },
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
