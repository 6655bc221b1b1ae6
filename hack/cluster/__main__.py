"""`python -m hack.cluster`: a local cluster for people."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hack.cluster import Cluster, ClusterError, Flavour, layout, leftovers, tools


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.cluster", description="A real Kubernetes on this machine, without docker.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a cluster and leave it running")
    up.add_argument(
        "--flavour", type=Flavour, choices=list(Flavour), default=Flavour.NODE, metavar="api|node", help="api: no node; node: one real node"
    )
    down = commands.add_parser("down", help="stop a cluster and remove every trace of it")
    down.add_argument("--all", action="store_true", help="every cluster of this checkout, whatever its name")
    for command in (up, down):
        command.add_argument("--name", default="local", help="which cluster (default: local)")
    commands.add_parser("status", help="the clusters of this checkout")
    build = commands.add_parser("tools", help="compile tools and print where they lie")
    build.add_argument("tool", nargs="+", choices=sorted(tools.TOOLS))
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "up":
            _up(arguments.name, arguments.flavour)
        case "down":
            _down(leftovers.names() if arguments.all else [arguments.name])
        case "status":
            for name in leftovers.names():
                found = Cluster.find(name)
                print(f"{name}\t{'running, ' + found.flavour.value if found else 'stopped; its logs or leftovers remain'}")
        case "tools":
            for name in arguments.tool:
                print(tools.path(name))
    return 0


def _up(name: str, flavour: Flavour) -> None:
    cluster = Cluster.start(name, flavour)
    folder = layout.REPOSITORY / "build" / "cluster"
    config, kubectl = folder / "kubeconfig", folder / "kubectl"
    _unlink_shortcuts()
    config.symlink_to(cluster.kubeconfig)
    kubectl.write_text(f'#!/bin/sh\nexec {tools.path("kit")} kubectl --kubeconfig={cluster.kubeconfig} "$@"\n')
    kubectl.chmod(0o755)
    here = Path(os.path.relpath(folder))
    print(f"cluster {name} is up: {cluster.api_url}")
    print(f"  {here}/kubectl get nodes,pods -A        (or KUBECONFIG={here}/kubeconfig with a kubectl of your own)")
    print("  make cluster-down                       removes every trace of it")


def _down(names: list[str]) -> None:
    with leftovers.one_at_a_time():
        for name in names:
            print(f"cluster {name}: {'removed' if leftovers.remove(name) else 'was not there'}")
        leftovers.clear(print)
    _unlink_shortcuts()


def _unlink_shortcuts() -> None:
    for name in ("kubeconfig", "kubectl"):
        (layout.REPOSITORY / "build" / "cluster" / name).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
