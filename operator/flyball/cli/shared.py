"""What the commands for people share: one connection, one way to name an object, one way to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from flyball.api.latencyslo import LatencySLO
from flyball.api.meta import InvalidObject
from flyball.kube import paths
from flyball.kube.client import Kube, KubeError, NotFound

T = TypeVar("T")

KINDS = ("lslo", "latencyslo", "latencyslos")

kubeconfig_option = click.option(
    "--kubeconfig", metavar="FILE", envvar="KUBECONFIG", help="Kubeconfig to use; default: KUBECONFIG, ~/.kube/config, or the pod's service account."
)


def with_cluster(kubeconfig: str | None, work: Callable[[Kube], Awaitable[T]]) -> T:
    """Run `work` with a connection; what goes wrong is told in one sentence."""

    async def run() -> T:
        async with await Kube.connect(kubeconfig) as kube:
            return await work(kube)

    try:
        return asyncio.run(run())
    except KubeError as error:
        raise click.ClickException(str(error)) from error


def object_name(value: str) -> str:
    """NAME of lslo/NAME or NAME."""
    kind, slash, name = value.rpartition("/")
    if slash and kind.lower() not in KINDS:
        raise click.BadParameter(f"{value!r} is neither a LatencySLO nor a PredictiveAutoscaler; write lslo/NAME or pas/NAME.")
    if not name:
        raise click.BadParameter("the name is missing; write lslo/NAME or pas/NAME.")
    return name


async def list_objects(kube: Kube, namespace: str | None) -> list[dict[str, Any]]:
    """LatencySLOs of a namespace, or of all, as the API server has them."""
    try:
        return await kube.items(paths.latencyslos(namespace))
    except NotFound as error:
        raise click.ClickException("This cluster does not know the kind LatencySLO; `flyball crds apply` installs it.") from error


async def find_object(kube: Kube, name: str, namespace: str | None) -> dict[str, Any]:
    """The LatencySLO of that name; without a namespace, the only one of that name in the cluster."""
    return only(await list_objects(kube, namespace), "LatencySLO", name, namespace)


def parse(raw: dict[str, Any]) -> LatencySLO:
    """The object as a model, for reading."""
    return read(LatencySLO.parse, "LatencySLO", raw)


def only(objects: list[dict[str, Any]], kind: str, name: str, namespace: str | None) -> dict[str, Any]:
    """The one of that name among objects of a namespace, or of all."""
    found = [raw for raw in objects if raw["metadata"]["name"] == name]
    if len(found) == 1:
        return found[0]
    if found:
        namespaces = ", ".join(sorted(raw["metadata"]["namespace"] for raw in found))
        raise click.ClickException(f"There is a {kind} {name} in each of {namespaces}; choose one with -n.")
    raise click.ClickException(f"There is no {kind} {name} in {f'namespace {namespace}' if namespace else 'this cluster'}.")


def read(model: Callable[[dict[str, Any]], T], kind: str, raw: dict[str, Any]) -> T:
    """An object as its model; one of another version is told in a sentence."""
    try:
        return model(raw)
    except InvalidObject as error:
        its = raw["metadata"]
        raise click.ClickException(f"{kind} {its['namespace']}/{its['name']} cannot be read by this version: {error}") from error
