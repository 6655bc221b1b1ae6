"""From the Dockerfile to a docker-archive.

With docker: `docker build`, `docker save`. Without: buildah with chroot isolation, which needs root and no daemon, on a base image that is made
here of Debian packages (mmdebstrap), because without an engine there is seldom a registry to pull python:3.11-slim from. The Dockerfile is the same.
The base and buildah's storage lie in the cache, keyed by what went into them, so that the machine's own containers are not touched.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_TAG = "localhost/flyball:dev"

# Debian 12 is the release whose python3 is 3.11, the oldest that Flyball supports; the image then proves that as well.
SUITE = "bookworm"
# libstdc++6 because numpy needs it; Debian's own images have it, as apt does as well.
PACKAGES = ("python3", "python3-venv", "ca-certificates", "libstdc++6")
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")

INPUTS = ("Dockerfile", ".dockerignore", "pyproject.toml", "constraints.txt", "README.md", "LICENSE", "operator")
"""What the Dockerfile copies, and itself."""


class ImageError(Exception):
    """The image cannot be built; the message says what to do."""


def archive(output: Path, tag: str = DEFAULT_TAG, extras: Sequence[str] = ()) -> Path:
    """Build the image `tag` with these extras and write it to `output`; an archive of the same sources is kept. Raises ImageError."""
    _check(extras)
    stamp = output.with_suffix(".digest")
    wanted = digest(tag, extras)
    if output.exists() and stamp.exists() and stamp.read_text() == wanted:
        return output
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)
    if engine_answers():
        _run("docker", "build", "--quiet", *_build_args(extras), "--tag", tag, str(ROOT))
        _run("docker", "save", "--output", str(output), tag)
    else:
        _with_buildah(output, tag, extras)
    stamp.write_text(wanted)
    return output


def _check(extras: Sequence[str]) -> None:
    if extras:
        known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        for extra in extras:
            if extra not in known:
                raise ImageError(f"There is no extra {extra!r}; there are {', '.join(known)}.")


def digest(tag: str, extras: Sequence[str] = ()) -> str:
    """Everything that decides what is in the archive, as hexadecimal digits."""
    seen = hashlib.sha256("\n".join([tag, *extras, *_recipe()]).encode())
    for file in _inputs():
        seen.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return seen.hexdigest()


def engine_answers() -> bool:
    """Whether a docker engine, not only its client, is here."""
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _inputs() -> Iterator[Path]:
    for name in INPUTS:
        path = ROOT / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.is_file() and "__pycache__" not in file.parts)


def _recipe() -> tuple[str, ...]:
    return (SUITE, *PACKAGES, *LEFT_OUT)


def _build_args(extras: Sequence[str]) -> list[str]:
    return ["--build-arg", f"EXTRAS={' '.join(extras)}"] if extras else []


def _with_buildah(output: Path, tag: str, extras: Sequence[str]) -> None:
    if os.geteuid() != 0:
        raise ImageError("No docker engine answers, and buildah needs root here: start docker, or run this as root.")
    _install("buildah", "mmdebstrap")
    cache = _cache() / "image"
    # Storage of our own, flags before the command; overlay because vfs would copy every layer whole.
    buildah = ("buildah", "--root", str(cache / "storage"), "--runroot", str(cache / "run"), "--storage-driver", "overlay")
    base = f"localhost/flyball-base:{hashlib.sha256(' '.join(_recipe()).encode()).hexdigest()[:12]}"
    if subprocess.run([*buildah, "inspect", "--type", "image", base], capture_output=True, check=False).returncode:
        _make_base(buildah, base, cache)
    # pip inside the build trusts what this machine trusts, also behind a proxy with its own authority; a mount leaves nothing in the image.
    certificates = ["--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"] if Path("/etc/ssl/certs").is_dir() else []
    arguments = ["--isolation", "chroot", *certificates, "--build-arg", f"BASE_IMAGE={base}", *_build_args(extras), "--tag", tag, str(ROOT)]
    _run(*buildah, "bud", *arguments)
    try:
        _run(*buildah, "push", "--quiet", tag, f"docker-archive:{output}:{tag}")
    finally:
        _run(*buildah, "rmi", tag)


def _make_base(buildah: tuple[str, ...], base: str, cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / "base.tar"
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    _run("mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(PACKAGES)}", *excluded, SUITE, str(root), *_mirrors())
    recipe = cache / "base.Dockerfile"
    recipe.write_text(f"FROM scratch\nADD {root.name} /\n")
    _run(*buildah, "bud", "--isolation", "chroot", "--tag", base, "--file", str(recipe), str(cache))
    root.unlink()


def _mirrors() -> list[str]:
    """The package sources that this machine itself uses, when it runs the same release; otherwise mmdebstrap's own choice."""
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    return [str(sources)] if sources.exists() and SUITE in sources.read_text() else []


def _install(*programs: str) -> None:
    missing = [program for program in programs if not shutil.which(program)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise ImageError(f"Building the image without docker needs {' and '.join(missing)}: install them with your package manager.")
    _run("apt-get", "update", "-q")
    _run("apt-get", "install", "-q", "-y", "--no-install-recommends", *missing)


def _cache() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("FLYBALL_CACHE") or base / "flyball")


def _run(*command: str) -> None:
    """Run a command, saying what and how long; its output is shown only when it fails."""
    started = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    name = next((part for part in command[1:] if not part.startswith(("-", "/")) and part != "overlay"), "")
    print(f"image: {command[0]} {name}, {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise ImageError(f"`{command[0]} {name}` failed with exit code {done.returncode}:\n{tail}")
