"""Certificates and kubeconfigs of one cluster, made at its start and thrown away with it."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hack.cluster.layout import Layout

LIFETIME = datetime.timedelta(days=30)
"""Longer than any test cluster lives, shorter than a forgotten key is welcome."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def write(self, folder: Path, name: str) -> None:
        _write(folder / f"{name}.crt", self.certificate.public_bytes(serialization.Encoding.PEM))
        _write(folder / f"{name}.key", _pem(self.key))


def authority(name: str) -> Issued:
    """A self-signed certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return Issued(key, builder.sign(key, hashes.SHA256()))


def issue(ca: Issued, user: str, groups: tuple[str, ...] = (), hosts: tuple[str, ...] = ()) -> Issued:
    """A certificate for a Kubernetes user in `groups`; with `hosts` (names or addresses) it serves them too."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, user)])
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
    builder = (
        _builder(subject, ca.certificate.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return Issued(key, builder.sign(ca.key, hashes.SHA256()))


def write(layout: Layout) -> None:
    """All certificates, keys and kubeconfigs of the cluster, below its home."""
    folder = layout.pki
    folder.mkdir(parents=True, exist_ok=True)
    ca, front_proxy = authority("flyball-local-ca"), authority("flyball-local-front-proxy-ca")
    ca.write(folder, "ca")
    front_proxy.write(folder, "front-proxy-ca")
    service = "kubernetes.default.svc"
    hosts = (
        "localhost",
        "127.0.0.1",
        layout.node_ip,
        layout.service_ip,
        "kubernetes",
        "kubernetes.default",
        service,
        f"{service}.cluster.local",
    )
    node = f"system:node:{layout.node_name}"
    issue(ca, "kube-apiserver", hosts=hosts).write(folder, "apiserver")
    issue(ca, "kube-apiserver-kubelet-client", ("system:masters",)).write(folder, "apiserver-kubelet-client")
    issue(front_proxy, "front-proxy-client").write(folder, "front-proxy-client")
    issue(ca, node, ("system:nodes",), (layout.node_name, layout.node_ip)).write(folder, "kubelet-server")
    accounts = ec.generate_private_key(ec.SECP256R1())
    _write(folder / "service-accounts.key", _pem(accounts))
    public = accounts.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write(folder / "service-accounts.pub", public)
    for name, user, groups in (
        ("admin", "flyball-admin", ("system:masters",)),
        ("controllers", "system:kube-controller-manager", ()),
        ("scheduler", "system:kube-scheduler", ()),
        ("kubelet", node, ("system:nodes",)),
        ("proxy", "system:kube-proxy", ()),
    ):
        issue(ca, user, groups).write(folder, name)
        credentials = {"client-certificate-data": _encoded(folder / f"{name}.crt"), "client-key-data": _encoded(folder / f"{name}.key")}
        write_kubeconfig(layout, name, credentials)


def write_kubeconfig(layout: Layout, user: str, credentials: dict[str, str]) -> Path:
    """A kubeconfig (JSON is YAML) with the given credentials of `user`."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "flyball",
        "clusters": [{"name": "flyball", "cluster": {"server": layout.api_url, "certificate-authority-data": _encoded(layout.pki / "ca.crt")}}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "flyball", "context": {"cluster": "flyball", "user": user}}],
    }
    file = layout.kubeconfig(user)
    _write(file, json.dumps(config, indent=1).encode())
    return file


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    # An hour back, so that a clock that is stepped does not make the certificate one from the future.
    return builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + LIFETIME)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _write(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)
