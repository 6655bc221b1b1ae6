"""Finding the hierarchy, pods and containers under every driver's and runtime's names (file trees)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flyball.cgroup.discovery import bare_id, find_container, find_pods
from flyball.cgroup.errors import NoCpuController
from flyball.cgroup.layout import detect
from tests.unit.cgroup.trees import v1_tree, v2_tree

UID = "0f3c1a52-9d6e-4c1b-8f0a-1b2c3d4e5f60"
UNDERSCORED = UID.replace("-", "_")
ID = "a" * 64


def test_v1_with_a_folder_a_controller(tmp_path: Path) -> None:
    layout = detect(v1_tree(tmp_path))
    assert (layout.version, layout.cpu, layout.cpuacct) == (1, tmp_path / "cpu", tmp_path / "cpuacct")
    assert layout.cpuacct_of(tmp_path / "cpu" / "kubepods" / "x") == tmp_path / "cpuacct" / "kubepods" / "x"


def test_v1_with_both_controllers_in_one_folder(tmp_path: Path) -> None:
    layout = detect(v1_tree(tmp_path, together=True))
    assert layout.cpu == layout.cpuacct == tmp_path / "cpu,cpuacct"


def test_v2(tmp_path: Path) -> None:
    layout = detect(v2_tree(tmp_path))
    assert (layout.version, layout.cpu, layout.cpuacct) == (2, tmp_path, tmp_path)


def test_a_hybrid_mount_is_v1(tmp_path: Path) -> None:
    v2_tree(v1_tree(tmp_path) / "unified")
    assert detect(tmp_path).version == 1


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda root: None, "no cgroup tree"),
        (lambda root: (root / "cgroup.controllers").write_text("memory pids"), "no cpu controller"),
        (lambda root: [(root / "cpu").mkdir(), (root / "cpu" / "cpu.shares").write_text("1024")], "no cpuacct controller"),
    ],
)
def test_without_a_cpu_controller_a_sentence_says_what_to_do(tmp_path: Path, make, sentence: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path)
    with pytest.raises(NoCpuController, match=sentence):
        detect(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        f"kubepods/burstable/pod{UID}",
        f"kubepods/pod{UID}",
        f"kit1/kubepods/besteffort/pod{UID}",
        f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDERSCORED}.slice",
        f"kubepods.slice/kubepods-pod{UNDERSCORED}.slice",
        f"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{UNDERSCORED}.slice",
    ],
)
def test_a_pod_is_found_under_any_driver_and_prefix(tmp_path: Path, path: str) -> None:
    (tmp_path / path).mkdir(parents=True)
    (tmp_path / "system.slice" / "ssh.service").mkdir(parents=True)
    assert find_pods(tmp_path, [UID, "another"]) == {UID: tmp_path / path}


def test_a_static_pods_uid_has_no_dashes(tmp_path: Path) -> None:
    (tmp_path / "kubepods" / "burstable" / "pod5a1b2c").mkdir(parents=True)
    assert find_pods(tmp_path, ["5a1b2c"]) == {"5a1b2c": tmp_path / "kubepods" / "burstable" / "pod5a1b2c"}


def test_a_uid_that_is_part_of_another_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / f"pod{UID}0").mkdir()
    assert find_pods(tmp_path, [UID]) == {}


@pytest.mark.parametrize("name", [ID, f"cri-containerd-{ID}.scope", f"crio-{ID}.scope", f"docker-{ID}.scope"])
def test_a_container_is_found_under_any_runtime(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / ("b" * 64)).mkdir()
    assert find_container(tmp_path, ID) == tmp_path / name


def test_a_container_that_is_not_there(tmp_path: Path) -> None:
    assert find_container(tmp_path, ID) is None
    assert find_container(tmp_path / "gone", ID) is None


def test_cruns_child_is_meant_where_it_alone_carries_the_quota(tmp_path: Path) -> None:
    scope = f"crio-{ID}.scope"
    v2_tree(tmp_path, f"{scope}/container")
    v2_tree(tmp_path, scope, limit="max 100000")
    assert find_container(tmp_path, ID) == tmp_path / scope / "container"
    v2_tree(tmp_path, scope)
    assert find_container(tmp_path, ID) == tmp_path / scope


def test_the_runtimes_scheme_is_dropped() -> None:
    assert bare_id(f"containerd://{ID}") == bare_id(ID) == ID
