"""PID 1 of a cluster: makes the mounts and the network of its namespaces, then reaps whatever is orphaned.

Run as `python -S inside.py SPEC INDEX` by `sandbox`, in fresh mount, network, PID, IPC and UTS namespaces; the index is for those who look for
clusters by their command lines. It imports the standard library alone, and so holds about 10 MB. When it dies, the kernel ends every process of the
cluster.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main(spec_file: str) -> None:
    spec = json.loads(Path(spec_file).read_text())
    _mounts(spec["tmpfs"], spec["files"])
    _network(spec["interface"], spec["address"], spec["gateway"])
    Path(spec["ready"]).touch()
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.5)  # nothing to reap now; children of others arrive when their parents die


def _mounts(tmpfs: list[str], files: dict[str, str]) -> None:
    run("mount", "--make-rshared", "/")  # the kubelet wants shared mounts; they stay within this namespace
    for folder in tmpfs:
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    for target, source in files.items():
        if Path(target).exists():
            run("mount", "--bind", source, target)


def _network(interface: str, address: str, gateway: str) -> None:
    run("ip", "link", "set", "lo", "up")
    end = time.monotonic() + 10
    while not Path(f"/proc/sys/net/ipv4/conf/{interface}").exists():
        if time.monotonic() > end:
            raise SystemExit(f"{interface} was not put into the namespace within 10 s")
        time.sleep(0.02)
    run("ip", "address", "add", address, "dev", interface)
    run("ip", "link", "set", interface, "up")
    run("ip", "route", "add", "default", "via", gateway)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")  # of this network namespace only


def run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")


if __name__ == "__main__":
    main(sys.argv[1])
