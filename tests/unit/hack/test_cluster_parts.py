"""The parts of the local cluster that need no cluster: layouts, tools, certificates, images, components, preflight."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from hack.cluster import cgroups, components, images, layout, monitoring, pki, preflight, tools
from hack.cluster.errors import ClusterError
from hack.cluster.layout import Flavour, Layout
from hack.cluster.process import Process, poll, unproxied


@pytest.fixture
def its(tmp_path: Path) -> Layout:
    return Layout("test", Flavour.NODE, 3, tmp_path)


def test_neighbours_share_nothing(tmp_path: Path) -> None:
    one, other = (Layout("a", Flavour.NODE, index, tmp_path) for index in (0, 1))
    for name in ("host_ip", "node_ip", "node_net", "pod_net", "service_net", "service_ip", "interface", "cgroup", "api_url"):
        assert getattr(one, name) != getattr(other, name), name


def test_an_interface_name_fits_the_kernel() -> None:
    assert all(len(Layout("x", Flavour.API, index, Path()).interface) <= 15 for index in range(layout.RANGES))


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "..", "-a", "a-", "x" * 33])
def test_a_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="no name for a cluster"):
        layout.home(name)


def test_a_tools_digest_follows_its_sources_and_flags(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("package main")
    tool = tools.Tool("x", 1, module=tmp_path)
    before = tool.digest()
    (tmp_path / "main.go").write_text("package main // changed")
    assert tool.digest() != before
    assert tools.Tool("x", 1, module=tmp_path, tags="netgo").digest() != tool.digest()


def test_a_tool_that_is_there_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_CACHE", str(tmp_path))
    binary = tmp_path / "bin" / f"k6-{tools.TOOLS['k6'].digest()}" / "k6"
    binary.parent.mkdir(parents=True)
    binary.touch()
    monkeypatch.setenv("PATH", "")
    assert tools.path("k6") == binary


def test_a_tool_that_does_not_compile_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module broken\n\ngo 1.26.0\n")
    (module / "main.go").write_text("package main\n\nfunc main() { no }\n")
    monkeypatch.setenv("FLYBALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(tools.TOOLS, "broken", tools.Tool("broken", 1, module=module))
    said: list[str] = []
    with pytest.raises(ClusterError, match="undefined: no"):
        tools.path("broken", said.append)
    assert said == ["broken: compiling (about 1 s from an empty Go cache)"]
    assert not list((tmp_path / "cache" / "bin").iterdir())


def test_an_old_go_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "GO", (9, 99))
    with pytest.raises(ClusterError, match=r"Go 9\.99 or newer; .* is go1"):
        tools._go()


def test_certificates_serve_what_they_are_for(its: Layout) -> None:
    pki.write(its)
    ca = x509.load_pem_x509_certificate((its.pki / "ca.crt").read_bytes())
    server = x509.load_pem_x509_certificate((its.pki / "apiserver.crt").read_bytes())
    server.verify_directly_issued_by(ca)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert its.node_ip in map(str, names.get_values_for_type(x509.IPAddress))
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    assert (its.pki / "ca.key").stat().st_mode & 0o077 == 0
    config = json.loads(its.kubeconfig("admin").read_text())
    assert config["clusters"][0]["cluster"]["server"] == its.api_url


def test_an_image_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!")
    program.chmod(0o755)
    one, two = (images.pack(tmp_path / f"{name}.tar", "a/b:1", {"bin/program": program}, entrypoint=["/bin/program"]) for name in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_an_image_holds_what_it_says(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!")
    program.chmod(0o755)
    archive = images.pack(tmp_path / "a.tar", "a/b:1", {"opt/x/program": program}, entrypoint=["/opt/x/program"], links={"bin/p": "/opt/x/program"})
    with tarfile.open(archive) as image:
        (manifest,) = json.load(image.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(image.extractfile(manifest["Config"]))  # type: ignore[arg-type]
        layer = image.extractfile("layer.tar").read()  # type: ignore[union-attr]
        with tarfile.open(fileobj=image.extractfile("layer.tar")) as content:
            assert content.getmember("opt/x/program").mode == 0o755
            assert content.getmember("bin/p").linkname == "/opt/x/program"
            assert content.getmember("tmp").mode == 0o1777
    assert manifest["RepoTags"] == ["a/b:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]


def test_configuration_files_are_well_formed(its: Layout) -> None:
    for text in (components.kubelet_config(its), components.proxy_config(its), components.cni_config(its), monitoring.config(its, 5)):
        assert yaml.safe_load(text)
    assert json.loads(components.kubelet_config(its))["cgroupRoot"] == "/flyball-3"


def test_no_component_listens_where_the_machine_could_be_reached(its: Layout) -> None:
    for command in (components.etcd(its), components.apiserver(its), components.controller_manager(its), components.scheduler(its)):
        for argument in command:
            if argument.startswith(("--bind-address", "--listen-client-urls", "--listen-peer-urls")):
                assert "127.0.0.1" in argument or its.node_ip in argument


@pytest.mark.skipif(os.geteuid() != 0, reason="says why it cannot run, which is another sentence without root")
def test_a_machine_that_cannot_is_told_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in (preflight.why_not(Flavour.API) or "")
    monkeypatch.undo()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "needs Linux" in (preflight.why_not(Flavour.API) or "")
    monkeypatch.undo()
    monkeypatch.setattr(tools, "GO", (9, 99))
    monkeypatch.setenv("FLYBALL_CACHE", str(tmp_path))
    assert "Go 9.99 or newer" in (preflight.why_not(Flavour.API) or "")
    monkeypatch.setenv("PATH", "")
    assert "no apt-get" in (preflight.why_not(Flavour.NODE) or "")


def test_a_process_is_found_again_and_no_other(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process = Process.of(child.pid)
    assert process is not None
    process.save(tmp_path / "pid")
    assert Process.load(tmp_path / "pid") == process
    (tmp_path / "pid").write_text(f"{child.pid} 1")  # the same PID, another life
    assert Process.load(tmp_path / "pid") is None
    process.end(grace_seconds=5)
    assert not process.alive()
    child.wait()


def test_a_program_that_needs_shared_libraries_is_known_as_such(tmp_path: Path) -> None:
    assert not images.static(Path("/bin/ls"))
    assert not images.static(tmp_path / "none")
    (tmp_path / "static").write_bytes(b"\x7fELF")
    assert images.static(tmp_path / "static")


def test_a_clusters_programs_know_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://192.0.2.1:3128")
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    monkeypatch.setenv("KEPT", "1")
    environment = unproxied()
    assert environment["KEPT"] == "1"
    assert not {"HTTPS_PROXY", "http_proxy"} & environment.keys()


def v1_hierarchy(mount: Path, name: str) -> Path:
    """A folder that looks like the root of a cgroup v1 hierarchy."""
    folder = mount / name
    folder.mkdir()
    (folder / "cgroup.procs").touch()
    return folder


def test_a_machine_without_cpu_controller_is_told_so(tmp_path: Path) -> None:
    v1_hierarchy(tmp_path, "memory")
    with pytest.raises(ClusterError, match=r"missing here: cpu, cpuset, pids\."):
        cgroups.check(tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu cpuset memory pids")
    cgroups.check(tmp_path)
    (tmp_path / "cgroup.controllers").write_text("memory pids")
    with pytest.raises(ClusterError, match=r"missing here: cpu, cpuset\."):
        cgroups.check(tmp_path)


def test_a_kernel_without_quotas_is_named(tmp_path: Path) -> None:
    for name in cgroups.CONTROLLERS:
        v1_hierarchy(tmp_path, name)
    with pytest.raises(ClusterError, match=r"cpu\.cfs_quota_us"):
        cgroups.check(tmp_path)


def test_polling_ends() -> None:
    assert not poll(lambda: False, 0.05)
    assert poll(lambda: True, 0)
