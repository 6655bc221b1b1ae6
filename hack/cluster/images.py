"""Container images without a registry: a docker-archive of one layer, packed from files of this machine.

Same files, same bytes: nothing in the archive depends on when or by whom it was made.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hack.cluster.errors import ClusterError

BUSYBOX_IMAGE = "docker.io/flyball/busybox:1"
"""Busybox with every applet; it serves as the pause container too."""

_FOLDERS = ("dev", "etc", "proc", "root", "run", "sys", "tmp", "var")
_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"


def busybox(archive: Path) -> Path:
    """Pause and busybox in one image (2 MB)."""
    binary = Path("/bin/busybox")
    if not static(binary):
        raise ClusterError("Pods need a /bin/busybox without shared libraries: `apt-get install busybox-static` (it takes the place of `busybox`).")
    applets = subprocess.run([binary, "--list"], capture_output=True, text=True, check=True).stdout.split()
    links = {f"bin/{applet}": "busybox" for applet in applets if applet != "busybox"}
    return pack(archive, BUSYBOX_IMAGE, {"bin/busybox": binary}, entrypoint=(), command=("/bin/sleep", "2147483647"), links=links)


def static(program: Path) -> bool:
    """Whether a program is there and needs no dynamic linker: a container brings none."""
    try:
        # The linker's path stands in a segment of its own near the start of the file.
        return b"/ld-" not in program.read_bytes()[:4096]
    except FileNotFoundError:
        return False


def pack(
    archive: Path,
    tag: str,
    files: Mapping[str, Path],
    *,
    entrypoint: Sequence[str],
    command: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
    user: str = "",
) -> Path:
    """Write `archive`, an image called `tag` that holds `files` (place in the image -> file here) and symbolic `links`.

    The programs in it must be static or bring their libraries along.
    """
    layer = _layer(files, links or {})
    digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint), "Cmd": list(command), "User": user, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [digest]},
        "history": [{"created": "1970-01-01T00:00:00Z"}],
    }
    described = json.dumps(config).encode()
    name = f"{hashlib.sha256(described).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as out:
        for member, content in ((name, described), ("layer.tar", layer), ("manifest.json", manifest)):
            out.addfile(_entry(member, size=len(content)), io.BytesIO(content))
    return archive


def _layer(files: Mapping[str, Path], links: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as layer:
        parents = {str(parent) for place in (*files, *links) for parent in Path(place).parents} - {"."}
        for folder in sorted({*_FOLDERS, *parents}):
            entry = _entry(folder, mode=0o1777 if folder == "tmp" else 0o755)
            entry.type = tarfile.DIRTYPE
            layer.addfile(entry)
        for place, text in (
            ("etc/passwd", _PASSWD),
            ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
            ("etc/nsswitch.conf", "hosts: files dns\n"),
        ):
            layer.addfile(_entry(place, size=len(text)), io.BytesIO(text.encode()))
        for place, source in sorted(files.items()):
            with source.open("rb") as content:
                layer.addfile(_entry(place, mode=source.stat().st_mode & 0o777, size=source.stat().st_size), content)
        for place, target in sorted(links.items()):
            entry = _entry(place, mode=0o777)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            layer.addfile(entry)
    return buffer.getvalue()


def _entry(name: str, mode: int = 0o644, size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size, entry.mtime = mode, size, 0
    return entry
