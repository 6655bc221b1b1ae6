"""The namespaces that one cluster lives in, and how processes get into them.

Mounts, network, PIDs, IPC and host name are the cluster's own; a veth pair joins it to the machine. The machine's sysctls, iptables, /run and
/var stay as they were, and ending PID 1 ends everything at once.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.cluster import cgroups
from hack.cluster.errors import ClusterError
from hack.cluster.layout import Flavour, Layout
from hack.cluster.process import Process, poll, unproxied

INSIDE = "node0"
"""The cluster's end of the veth pair."""

HIDDEN = ("/run", "/var/log", "/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet")
"""Folders of the machine that a node would write into."""

SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What the kubelet insists on. It is shown files that hold these values and so never writes the machine's own."""


_started: list[subprocess.Popen[bytes]] = []
"""Kept, because a Popen that is collected while its program runs warns, and a cluster outlives the call that starts it."""


class Sandbox:
    """The namespaces of one cluster."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._pid_file = layout.home / "pids" / "unshare"

    def start(self) -> None:
        layout = self._layout
        layout.data.mkdir(parents=True, exist_ok=True)
        layout.logs.mkdir(exist_ok=True)
        spec = layout.home / "inside.json"
        ready = layout.home / "inside.ready"
        ready.unlink(missing_ok=True)
        spec.write_text(
            json.dumps(
                {
                    "tmpfs": [*self._mount_points(), str(layout.data)],
                    "files": self._sysctls(),
                    "interface": INSIDE,
                    "address": f"{layout.node_ip}/24",
                    "gateway": layout.host_ip,
                    "ready": str(ready),
                }
            )
        )
        cgroups.make(layout.cgroup)
        namespaces = (
            "--mount",
            "--propagation",
            "private",
            "--net",
            "--pid",
            "--fork",
            "--kill-child=SIGKILL",
            "--mount-proc",
            "--ipc",
            "--uts",
        )
        command = ["unshare", *namespaces, sys.executable, "-S", str(Path(__file__).with_name("inside.py")), str(spec), str(layout.index)]
        log = layout.logs / "inside.log"
        with log.open("ab") as output:
            unshare = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/")
        _started.append(unshare)
        process = Process.of(unshare.pid)
        if process:
            process.save(self._pid_file)
        if process is None or not poll(lambda: unshare.poll() is not None or process.children(), 10):
            raise ClusterError("`unshare` made no namespaces within 10 s.")
        if unshare.poll() is not None:
            raise ClusterError(f"This machine gave no namespaces of our own: {log.read_text().strip()}")
        self._join()
        if not poll(lambda: ready.exists() or unshare.poll() is not None, 15) or not ready.exists():
            raise ClusterError(f"The cluster's namespaces could not be set up: {log.read_text().strip()}")

    def alive(self) -> bool:
        return Process.load(self._pid_file) is not None

    def spawn(self, name: str, command: Sequence[str]) -> Process:
        """Start a long-running program inside, as a child of PID 1; its output goes to logs/NAME.log."""
        log, noted = self._layout.logs / f"{name}.log", self._layout.home / "pids" / f"{name}.inside"
        noted.unlink(missing_ok=True)
        # Not left as a child of nsenter: that one stops itself when its child is stopped, and then never reaps it.
        orphan = ["setsid", "--fork", "sh", "-c", 'echo $$ >"$0" && exec "$@"', str(noted), *command]
        with log.open("ab") as output:
            subprocess.run(
                self._enter(orphan), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=unproxied(), cwd="/", timeout=30, check=False
            )
        if not poll(lambda: noted.exists() and noted.read_text().endswith("\n"), 10, step=0.005):
            raise ClusterError(f"{name} did not start; its log: {tail(log)}")
        inside = noted.read_text().strip()
        program = next((child for child in self._init().children() if child.pid_inside() == inside), None)
        if program is None:
            raise ClusterError(f"{name} ended while starting; its log ends with:\n{tail(log)}")
        program.save(self._layout.home / "pids" / name)
        return program

    def run(self, command: Sequence[str], timeout: float = 60) -> str:
        """Run a short command inside and return what it printed. Raises ClusterError with its error output."""
        done = subprocess.run(self._enter(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise ClusterError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def stop(self) -> None:
        """End everything inside and remove what the machine saw of it. Safe to repeat, and after a crash at any point of `start`."""
        if unshare := Process.load(self._pid_file):
            inits = unshare.children()
            unshare.signal(signal.SIGKILL)  # takes PID 1 along (--kill-child), which takes all the rest
            for init in inits:
                if not poll(lambda init=init: not init.alive(), 20):  # type: ignore[misc]
                    raise ClusterError(f"PID 1 of the cluster {self._layout.name} (process {init.pid}) does not end.")
        for started in _started:
            started.poll()  # takes note of the end, or Python warns of it at its own
        _ip("link", "delete", self._layout.interface, check=False)  # usually gone with the network namespace
        cgroups.remove(self._layout.cgroup)
        self._unmount_points()

    def _enter(self, command: Sequence[str]) -> list[str]:
        return ["nsenter", "--target", str(self._init().pid), "--mount", "--net", "--pid", "--ipc", "--uts", "--wdns=/", "--", *command]

    def _init(self) -> Process:
        """PID 1 of the cluster."""
        unshare = Process.load(self._pid_file)
        children = unshare.children() if unshare else []
        if not children:
            raise ClusterError(f"The cluster {self._layout.name} does not run.")
        return children[0]

    def _join(self) -> None:
        """Lay the veth pair and the routes from the machine to pods and Services."""
        layout = self._layout
        _ip("link", "add", layout.interface, "type", "veth", "peer", "name", INSIDE, "netns", str(self._init().pid))
        _ip("address", "add", f"{layout.host_ip}/24", "dev", layout.interface)
        _ip("link", "set", layout.interface, "up")
        for net in (layout.pod_net, layout.service_net):
            _ip("route", "add", net, "via", layout.node_ip)

    def _sysctls(self) -> dict[str, str]:
        files = {}
        folder = self._layout.home / "sysctls"
        folder.mkdir(exist_ok=True)
        for name, value in SYSCTLS.items():
            source = folder / name.replace("/", ".")
            source.write_text(value + "\n")
            files[f"/proc/sys/{name}"] = str(source)
        return files

    def _mount_points(self) -> list[str]:
        """The folders to hide; those that the machine lacks are made, and noted so that `stop` removes them."""
        missing = [folder for folder in HIDDEN if not Path(folder).exists()]
        noted = self._layout.home / "mount-points"
        noted.write_text("\n".join(missing))
        for folder in missing:
            Path(folder).mkdir()
        return list(HIDDEN)

    def _unmount_points(self) -> None:
        noted = self._layout.home / "mount-points"
        for folder in noted.read_text().split() if noted.exists() else ():
            try:
                Path(folder).rmdir()
            except OSError:
                continue  # another cluster mounts over it, or something else has moved in: theirs now


def strays() -> list[tuple[Process, Layout]]:
    """Clusters whose folder is gone, with their `unshare` processes: nothing else on the machine knows of them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            if command[0] != "unshare" or not command[-3].endswith("/hack/cluster/inside.py"):
                continue
            process = Process.of(int(entry.name))
            # As the cluster itself sees it: a container's folders are not to be found under the machine's names.
            gone = not Path(f"{entry}/root{command[-2]}").exists()
        except (OSError, IndexError):
            continue  # it has ended meanwhile, or is something else
        if process and gone:
            home = Path(command[-2]).parent
            found.append((process, Layout(home.name, Flavour.NODE, int(command[-1]), home)))
    return found


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(empty)"


def _ip(*arguments: str, check: bool = True) -> None:
    done = subprocess.run(["ip", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise ClusterError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
