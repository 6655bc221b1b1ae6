"""`flyball crds`: the custom resource definitions, made from the models that this version was built with."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import click
import yaml

from flyball.api.crd import KINDS, crd
from flyball.cli.shared import kubeconfig_option, with_cluster
from flyball.kube.client import Conflict, Kube

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ESTABLISHED_SECONDS = 30.0
"""The API server serves a new kind within a second or two."""


@click.group("crds", short_help="Print or install the custom resource definitions.")
def command() -> None:
    """Print or install the custom resource definitions."""


@command.command("print")
def print_them() -> None:
    """Print the definitions as YAML, for kubectl apply --server-side -f -."""
    click.echo(yaml.safe_dump_all(definitions(), sort_keys=False, width=140, allow_unicode=True), nl=False)


@command.command()
@kubeconfig_option
@click.option("--force", is_flag=True, help="Take fields over that another tool (helm, kubectl) has written.")
def apply(kubeconfig: str | None, force: bool) -> None:
    """Install or update the definitions, and wait until the API server serves them."""
    with_cluster(kubeconfig, lambda kube: _apply(kube, force))


def definitions() -> list[dict[str, Any]]:
    """All definitions of this version."""
    return [crd(kind) for kind in KINDS]


async def _apply(kube: Kube, force: bool) -> None:
    for definition in definitions():
        name = definition["metadata"]["name"]
        try:
            await kube.apply(f"{PATH}/{name}", definition, force=force)
        except Conflict as error:
            if await _changed(kube, name, definition):
                raise click.ClickException(f"{name}: {error}. Use --force to take these fields over.") from error
            await kube.apply(f"{PATH}/{name}", definition, force=True)
        await _established(kube, name)
        click.echo(f"{name} is served")


async def _changed(kube: Kube, name: str, definition: dict[str, Any]) -> bool:
    """Whether taking the fields over would change anything: a list counts as in conflict as soon as the API server filled in a default of it."""
    wanted = await kube.apply(f"{PATH}/{name}", definition, force=True, dry_run=True)
    there = await kube.get(f"{PATH}/{name}")
    return bool(wanted["spec"] != there["spec"])


async def _established(kube: Kube, name: str) -> None:
    deadline = time.monotonic() + ESTABLISHED_SECONDS
    while time.monotonic() < deadline:
        conditions = (await kube.get(f"{PATH}/{name}")).get("status", {}).get("conditions") or ()
        if any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions):
            return
        await asyncio.sleep(0.1)
    raise click.ClickException(f"{name} was written and not served within {ESTABLISHED_SECONDS:.0f} s: {conditions}")
