"""Programs that the local cluster and the tests need, compiled from public Go modules and kept outside the tree.

Nothing is downloaded as a binary: each tool is a Go module at a pinned version. A finished tool lies in the cache under a name that
carries a digest of all that went into it (version, sources, flags), so that a changed recipe never meets a stale binary, and two checkouts can
share one cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.errors import ClusterError

HERE = Path(__file__).resolve().parent
KUBERNETES = "1.36.3"
"""Kubernetes release of the local cluster. 1.36 is the last one whose kubelet accepts Debian 12's containerd (no CRI RuntimeConfig)."""

GO = (1, 26)
"""Oldest Go that compiles Kubernetes 1.36."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tool:
    """How one program is compiled."""

    name: str
    expected_seconds: int
    """Wall time from an empty Go cache on two cores, for the progress line."""
    module: Path | None = None
    """Folder of our own Go module; None for `package`."""
    package: str = ""
    """With a module: the package in it to compile, itself if empty. Without: `path@version` for `go install`."""
    tags: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    """Linker variables (-X): a module build knows no version of its own."""

    def ldflags(self) -> str:
        return " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in self.variables)])

    def digest(self) -> str:
        """What went into the program, as 12 hexadecimal digits."""
        seen = hashlib.sha256("\n".join([self.package, self.tags, self.ldflags()]).encode())
        for file in sorted(self.module.iterdir()) if self.module else ():
            if file.suffix in {".go", ".mod", ".sum"}:
                seen.update(file.name.encode() + b"\0" + file.read_bytes())
        return seen.hexdigest()[:12]


def _version(module: str, version: str) -> tuple[tuple[str, str], ...]:
    major, minor, _ = version.split(".")
    return ((f"{module}.gitVersion", f"v{version}"), (f"{module}.gitMajor", major), (f"{module}.gitMinor", minor))


_HELM = "helm.sh/helm/v3"
_HELM_VERSION = "v3.21.4"
_CAPABILITIES = tuple(
    (f"{_HELM}/{package}.k8sVersion{part}", value)
    for package in ("pkg/chartutil", "pkg/lint/rules")
    for part, value in (("Major", "1"), ("Minor", "36"))
)

TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "kit",
            390,
            module=HERE / "kit",
            variables=(*_version("k8s.io/component-base/version", KUBERNETES), *_version("k8s.io/client-go/pkg/version", KUBERNETES)),
        ),
        Tool(
            "prometheus",
            180,
            module=HERE / "prometheus",
            package="github.com/prometheus/prometheus/cmd/prometheus",
            tags="remove_all_sd,enable_kubernetes_sd,netgo",
        ),
        Tool("k6", 90, package="go.k6.io/k6@v1.8.1"),
        Tool(
            "helm",
            90,
            package=f"{_HELM}/cmd/helm@{_HELM_VERSION}",
            variables=((f"{_HELM}/internal/version.version", _HELM_VERSION), *_CAPABILITIES),
        ),
        Tool("metrics-server", 220, package="sigs.k8s.io/metrics-server/cmd/metrics-server@v0.9.0"),
        Tool("kindcheck", 10, module=HERE / "kindcheck"),
        Tool("shop", 20, module=HERE.parents[1] / "examples" / "shop"),
    )
}


def cache() -> Path:
    """The cache's folder: $FLYBALL_CACHE, else the user's cache folder."""
    chosen = os.environ.get("FLYBALL_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(chosen) if chosen else base / "flyball"


def path(name: str, progress: Progress | None = None) -> Path:
    """The program, compiled first if the cache has none. Raises ClusterError with a sentence when it cannot be."""
    tool, binary = TOOLS[name], _place(name)
    if binary.exists():
        return binary
    with _lock(name, progress or _to_stderr):
        if not binary.exists():
            _build(tool, binary, progress or _to_stderr)
    return binary


def why_not(name: str) -> str | None:
    """One sentence that says why the program can be neither found nor compiled, or None."""
    try:
        if not _place(name).exists():
            _go()
    except ClusterError as error:
        return str(error)
    return None


def _place(name: str) -> Path:
    return cache() / "bin" / f"{name}-{TOOLS[name].digest()}" / name


@contextmanager
def _lock(name: str, progress: Progress) -> Iterator[None]:
    """One build of a tool at a time, whichever process asks: compiling twice at once would take twice as long for both."""
    file = cache() / f"{name}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{name}: another process is compiling it; waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(tool: Tool, binary: Path, progress: Progress) -> None:
    go = _go()
    binary.parent.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{tool.name}-", dir=binary.parent.parent))
    try:
        flags = ["-trimpath", "-ldflags", tool.ldflags(), *(["-tags", tool.tags] if tool.tags else [])]
        environment = dict(os.environ, CGO_ENABLED="0", GOTOOLCHAIN="local", GOBIN=str(scratch))
        ours = ["build", *flags, "-o", str(scratch / tool.name), tool.package or "."]
        command = [go, *(ours if tool.module else ["install", *flags, tool.package])]
        _compile(tool, command, environment, scratch / "build.log", progress)
        (scratch / "build.log").unlink()
        scratch.rename(binary.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compile(tool: Tool, command: list[str], environment: dict[str, str], log: Path, progress: Progress) -> None:
    """Run the compiler, saying every ten seconds that it still works."""
    started = time.monotonic()
    progress(f"{tool.name}: compiling (about {tool.expected_seconds} s from an empty Go cache)")
    with log.open("wb") as output:
        build = subprocess.Popen(command, cwd=tool.module, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while True:
                try:
                    build.wait(timeout=10)
                    break
                except subprocess.TimeoutExpired:
                    progress(f"{tool.name}: compiling, {time.monotonic() - started:.0f} s of about {tool.expected_seconds} s")
        finally:
            build.kill()
            build.wait()
    if build.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise ClusterError(f"{tool.name} did not compile (go exited {build.returncode}):\n{tail}")
    progress(f"{tool.name}: compiled in {time.monotonic() - started:.0f} s")


def _go() -> str:
    """The Go command, checked for its version."""
    wanted = ".".join(map(str, GO))
    go = shutil.which("go") or ("/usr/local/go/bin/go" if Path("/usr/local/go/bin/go").exists() else None)
    if go is None:
        raise ClusterError(f"The local cluster is compiled with Go {wanted} or newer, and there is no `go` on the PATH.")
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True, env=dict(os.environ, GOTOOLCHAIN="local")).stdout
    found = re.match(r"go(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < GO:
        raise ClusterError(f"The local cluster is compiled with Go {wanted} or newer; {go} is {said.strip()}.")
    return go


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
