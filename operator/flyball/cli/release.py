"""`flyball release`: gives back everything that was taken, whether an operator runs or not.

Suspends the objects first, so that a running operator takes nothing anew; then deletes the plans, which is what agents act on, and puts back the
minReplicas of HorizontalPodAutoscalers that PredictiveAutoscalers raised.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from flyball.cli.autoscalers import find_autoscaler, list_autoscalers, named
from flyball.cli.shared import find_object, kubeconfig_option, list_objects, object_name, with_cluster
from flyball.controllers.shared.autoscalers import horizontal
from flyball.controllers.shared.raised import put_back
from flyball.kube import paths
from flyball.kube.client import Kube, NotFound

STEADY_SECONDS = 2.0
"""Plans must stay away this long: an operator in the midst of a look may write one more, which is deleted again."""
POLL_SECONDS = 0.25


@click.command("release", short_help="Give back everything that was taken.")
@click.argument("name", metavar="[lslo|pas/NAME]", required=False)
@click.option(
    "--all", "everything", is_flag=True, help="All LatencySLOs and PredictiveAutoscalers of the cluster, or of the namespace that -n names."
)
@click.option("-n", "--namespace", help="Namespace of the object; not needed while its name is unique in the cluster.")
@click.option("--timeout", type=float, default=30.0, show_default=True, help="Give up waiting after this many seconds.")
@kubeconfig_option
def command(name: str | None, everything: bool, namespace: str | None, timeout: float, kubeconfig: str | None) -> None:
    """Give back everything that was taken: sets spec.suspend on the objects, deletes their plans and waits until both are done, and puts back
    minReplicas of HorizontalPodAutoscalers that were raised. Replicas stay as they are.

    Agents restore quotas within a second or two of a plan's end. Set spec.suspend to false to let Flyball act again.
    """
    if bool(name) == everything:
        raise click.UsageError("Name one object (lslo/NAME or pas/NAME) or all of them (--all).")
    scaler = named(name) if name else None
    wanted = object_name(name) if name and not scaler else None
    with_cluster(kubeconfig, lambda kube: _release(kube, wanted, scaler, namespace, timeout))


async def _release(kube: Kube, name: str | None, scaler: str | None, namespace: str | None, patience: float) -> None:
    """`name`: of a LatencySLO, `scaler`: of a PredictiveAutoscaler; neither: all of both, CPU first, which is what hurts."""
    if not scaler:
        objects = [await find_object(kube, name, namespace)] if name else await list_objects(kube, namespace)
        await _suspend(kube, "lslo", paths.latencyslo, objects)
        wanted = {(raw["metadata"]["namespace"], raw["metadata"]["name"]) for raw in objects}
        # With --all, plans without an object (its deletion is under way, or someone made them by hand) go as well.
        deleted = await _delete_plans(kube, namespace, wanted if name else None, patience)
        click.echo(f"{len(objects)} LatencySLOs suspended, {len(deleted)} plans deleted: agents give back within a second or two.")
    if not name:
        found = [await find_autoscaler(kube, scaler, namespace)] if scaler else await list_autoscalers(kube, namespace)
        await _release_scalers(kube, found, namespace, scaler)


async def _release_scalers(kube: Kube, objects: Sequence[dict[str, Any]], namespace: str | None, name: str | None) -> None:
    """`name`: of the one that is released; without, floors are put back whoever raised them, also objects that are gone."""
    await _suspend(kube, "pas", paths.predictiveautoscaler, objects)
    namespace = objects[0]["metadata"]["namespace"] if name else namespace
    raised = [its for its in map(horizontal, await kube.items(paths.autoscalers(namespace))) if its.raised and name in (None, its.raised.by)]
    for its in raised:
        await kube.merge(paths.autoscaler(its.namespace, its.name), put_back(its.own_floor))
        if its.own_floor != its.floor:
            click.echo(f"hpa/{its.name} in {its.namespace}: minReplicas {its.floor} -> {its.own_floor}")
    if objects or raised:
        click.echo(f"{len(objects)} PredictiveAutoscalers suspended, {len(raised)} HorizontalPodAutoscalers put back; replicas stay.")


async def _suspend(kube: Kube, kind: str, path: Callable[[str, str], str], objects: Sequence[dict[str, Any]]) -> None:
    for raw in objects:
        its = raw["metadata"]
        label = f"{kind}/{its['name']} in {its['namespace']}"
        if raw["spec"].get("suspend"):
            click.echo(f"{label}: is suspended already")
            continue
        try:
            await kube.merge(path(its["namespace"], its["name"]), {"spec": {"suspend": True}})
        except NotFound:
            click.echo(f"{label}: was deleted meanwhile")
        else:
            click.echo(f"{label}: suspended")


async def _delete_plans(kube: Kube, namespace: str | None, wanted: set[tuple[str, str]] | None, patience: float) -> set[tuple[str, str]]:
    """Delete plans until none has been there for a while; returns those deleted."""
    deleted: set[tuple[str, str]] = set()
    started = steady_since = time.monotonic()
    while time.monotonic() - steady_since < STEADY_SECONDS:
        found = await _plans(kube, namespace, wanted)
        for plan_namespace, plan in found:
            await kube.delete(paths.throttleplan(plan_namespace, plan))
            if (plan_namespace, plan) not in deleted:
                click.echo(f"plan {plan} in {plan_namespace}: deleted")
        deleted |= found
        now = time.monotonic()
        if found:
            steady_since = now
            if now - started > patience:
                raise click.ClickException(f"Plans keep coming back after {patience:.0f} s ({', '.join('/'.join(key) for key in sorted(found))}).")
        await asyncio.sleep(POLL_SECONDS)
    return deleted


async def _plans(kube: Kube, namespace: str | None, wanted: set[tuple[str, str]] | None) -> set[tuple[str, str]]:
    try:
        plans = await kube.items(paths.throttleplans(namespace))
    except NotFound:
        return set()  # the kind is not installed: nothing was taken
    keys = {(plan["metadata"]["namespace"], plan["metadata"]["name"]) for plan in plans}
    return keys if wanted is None else keys & wanted
