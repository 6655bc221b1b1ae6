"""Command lines and configuration files of the Kubernetes components. Pure: a layout in, arguments and texts out.

Flags with a reason that is not plain are explained here; all of them were run on Kubernetes 1.36 with cgroup v1.
"""

from __future__ import annotations

import json

from hack.cluster.layout import Layout

CLIENT_RATE = ("--kube-api-qps=200", "--kube-api-burst=400")
"""The defaults (20, 30) make a test wait for the client's own brake."""


def etcd(layout: Layout) -> list[str]:
    client, peer = f"http://127.0.0.1:{layout.etcd_port}", f"http://127.0.0.1:{layout.etcd_peer_port}"
    return [
        "etcd",
        "--name=flyball",
        f"--data-dir={layout.data}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=flyball={peer}",
        "--unsafe-no-fsync",  # the data lie in memory anyway
        "--log-level=warn",
        "--auto-compaction-retention=5m",
        "--quota-backend-bytes=1073741824",
    ]


def apiserver(layout: Layout) -> list[str]:
    pki = layout.pki
    return [
        "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{layout.etcd_port}",
        # Not loopback: with the lease reconciler the Service `kubernetes` then works from pods.
        f"--bind-address={layout.node_ip}",
        f"--advertise-address={layout.node_ip}",
        "--endpoint-reconciler-type=lease",
        f"--secure-port={layout.api_port}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-key-file={pki}/service-accounts.pub",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={layout.service_net}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        "--enable-aggregator-routing=true",
        "--v=1",
    ]


def controller_manager(layout: Layout) -> list[str]:
    pki, config = layout.pki, layout.kubeconfig("controllers")
    return [
        "kube-controller-manager",
        *_served(layout, layout.controllers_port, str(config)),
        f"--service-account-private-key-file={pki}/service-accounts.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        f"--flex-volume-plugin-dir={layout.data}/flex",  # else it makes a folder below /usr/libexec
        "--use-service-account-credentials=true",
    ]


def scheduler(layout: Layout) -> list[str]:
    return ["kube-scheduler", *_served(layout, layout.scheduler_port, str(layout.kubeconfig("scheduler")))]


def _served(layout: Layout, port: int, kubeconfig: str) -> list[str]:
    """What controller manager and scheduler have in common."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--client-ca-file={layout.pki}/ca.crt",
        f"--tls-cert-file={layout.pki}/apiserver.crt",
        f"--tls-private-key-file={layout.pki}/apiserver.key",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--leader-elect=false",
        *CLIENT_RATE,
        "--v=1",
    ]


def kubelet(layout: Layout) -> list[str]:
    return [
        "kubelet",
        f"--config={layout.home}/kubelet.yaml",
        f"--kubeconfig={layout.kubeconfig('kubelet')}",
        f"--root-dir={layout.data}/kubelet",
        f"--cert-dir={layout.data}/kubelet-certificates",
        f"--node-ip={layout.node_ip}",
        f"--hostname-override={layout.node_name}",
        # Deprecated, and still what cAdvisor dials: without it the container rows lose their labels.
        f"--containerd={layout.containerd_socket}",
        "--housekeeping-interval=1s",  # fresh CPU samples every second instead of every 10
        "--v=2",
    ]


def kubelet_config(layout: Layout) -> str:
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.node_ip,
        "port": layout.kubelet_port,
        "readOnlyPort": 0,
        "healthzPort": 0,
        "failCgroupV1": False,  # the default refuses cgroup v1 since 1.35
        "cgroupDriver": "cgroupfs",  # no systemd is needed
        "cgroupRoot": f"/{layout.cgroup}",
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True, "cacheTTL": "30s"},
            "x509": {"clientCAFile": f"{layout.pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{layout.pki}/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{layout.pki}/kubelet-server.key",
        "podLogsDir": f"{layout.data}/pod-logs",
        "volumePluginDir": f"{layout.data}/volume-plugins",
        "resolvConf": "",
        "clusterDomain": "cluster.local",
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "enforceNodeAllocatable": [],
        # Positive, as the kubelet demands, and so small that a busy machine evicts nothing.
        "evictionHard": {"memory.available": "10Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "serializeImagePulls": False,
        "nodeStatusUpdateFrequency": "10s",
        "syncFrequency": "1m",
    }
    return json.dumps(config, indent=1)


def proxy(layout: Layout) -> list[str]:
    return ["kube-proxy", f"--config={layout.home}/proxy.yaml", "--v=1"]


def proxy_config(layout: Layout) -> str:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(layout.kubeconfig("proxy"))},
        "clusterCIDR": layout.pod_net,
        "hostnameOverride": layout.node_name,
        "bindAddress": layout.node_ip,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # Zeros: write no sysctl of the machine.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "iptables": {"syncPeriod": "30s", "minSyncPeriod": "0s", "localhostNodePorts": False},
        "nodePortAddresses": [layout.node_net],
    }
    return json.dumps(config, indent=1)


def containerd_config(layout: Layout, sandbox_image: str) -> str:
    data = layout.data
    return f'''version = 2
root = "{data}/containerd/root"
state = "{data}/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", \
"io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{layout.containerd_socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{data}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox_image}"
  restrict_oom_score_adj = true  # without CAP_SYS_RESOURCE a negative value ends runc
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{layout.home}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{data}/runc"
'''


def cni_config(layout: Layout) -> str:
    ipam = {
        "type": "host-local",
        "dataDir": f"{layout.data}/ipam",
        "ranges": [[{"subnet": layout.pod_net}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": ipam},
        {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
    ]
    return json.dumps({"cniVersion": "0.4.0", "name": "flyball", "plugins": plugins}, indent=1)
