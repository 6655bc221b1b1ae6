"""`flyball status`: a table of all objects."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import click

from flyball.api.conditions import ConditionType, Status
from flyball.api.latencyslo import LatencySLO
from flyball.cli import autoscalers
from flyball.cli.shared import kubeconfig_option, list_objects, parse, with_cluster
from flyball.cli.table import table
from flyball.kube.client import Kube

HEADER = (
    "NAMESPACE",
    "NAME",
    "MODE",
    "STATE",
    "BUDGET LEFT",
    "BURN",
    "SLOW",
    "MIN ABOVE",
    "USED",
    "ALLOCATED",
    "GRANTED",
    "SAVED",
    "TARGETS",
    "LAST DECISION",
)
NOTHING = "-"
REPEAT_SECONDS = 5.0
"""--watch: the operator writes numbers every 30 s and decisions at once."""


@click.command("status", short_help="A table of all objects.")
@kubeconfig_option
@click.option("-n", "--namespace", help="Objects of one namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Objects of all namespaces (the default).")
@click.option("-w", "--watch", is_flag=True, help=f"Print again every {REPEAT_SECONDS:.0f} s until Ctrl-C.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Form of the output.")
def command(kubeconfig: str | None, namespace: str | None, all_namespaces: bool, watch: bool, output: str) -> None:
    """A table of all objects: mode, state, error budget, CPU in cores, throttle targets, the last decision."""
    if namespace and all_namespaces:
        raise click.UsageError("Use -n or -A, not both.")
    if watch and output == "json":
        raise click.UsageError("--watch prints tables; leave -o json away.")
    while True:
        objects, others = with_cluster(kubeconfig, lambda kube: _both(kube, namespace))
        if output == "json":
            click.echo(json.dumps([{"metadata": _named(raw), "status": raw.get("status", {})} for raw in (*objects, *others)], indent=2))
            return
        if watch:
            click.clear()
        if objects or not others:
            click.echo(render(objects, datetime.now(UTC)))
        if others:
            click.echo(("\n" if objects else "") + autoscalers.render(others))
        if not watch:
            return
        time.sleep(REPEAT_SECONDS)


async def _both(kube: Kube, namespace: str | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return await list_objects(kube, namespace), await autoscalers.list_autoscalers(kube, namespace)


def render(objects: list[dict[str, Any]], now: datetime) -> str:
    """The table of these objects, by namespace and name."""
    if not objects:
        return "There are no LatencySLOs."
    rows = [_row(parse(raw), now) for raw in sorted(objects, key=lambda raw: (raw["metadata"]["namespace"], raw["metadata"]["name"]))]
    return table(HEADER, rows)


def _row(slo: LatencySLO, now: datetime) -> tuple[str, ...]:
    its = slo.status
    objective = next((one for one in its.objectives if one.name == its.governing), its.objectives[0] if its.objectives else None)
    cores = its.cores
    return (
        slo.metadata.namespace,
        slo.metadata.name,
        its.mode or NOTHING,
        state(slo),
        f"{objective.budget_left_percent} %" if objective else NOTHING,
        objective.burn_rate if objective else NOTHING,
        f"{objective.slow_share_percent} %" if objective else NOTHING,
        str(objective.minutes_above) if objective else NOTHING,
        *((f"{milli / 1000:.2f}" for milli in (cores.used_milli, cores.allocated_milli, cores.granted_milli)) if cores else (NOTHING,) * 3),
        f"{its.saved_percent} %" if its.saved_percent is not None else NOTHING,
        targets(slo) or NOTHING,
        f"{its.decisions[-1].reason}, {ago(its.decisions[-1].time, now)}" if its.decisions else NOTHING,
    )


def state(slo: LatencySLO) -> str:
    """One word: the first thing that is not as it should be, else Ready."""
    if slo.spec.suspend:
        return "Suspended"
    conditions = {condition.type: condition for condition in slo.status.conditions}
    for kind in (ConditionType.READY, ConditionType.SIGNALS_AVAILABLE):
        if kind in conditions and conditions[kind].status is not Status.TRUE:
            return conditions[kind].reason
    if (conflict := conditions.get(ConditionType.CONFLICTED)) and conflict.status is Status.TRUE:
        return conflict.reason
    return "Ready" if conditions else "Unseen"


def targets(slo: LatencySLO) -> str:
    """Each group's target in percent of throttled periods."""
    by_group = {workload.group: workload.throttle_permille for workload in slo.status.workloads}
    return " ".join(f"{group}={permille / 10:g}%" for group, permille in sorted(by_group.items()))


def ago(moment: str, now: datetime) -> str:
    """How long ago, in the largest unit that fits: 12s, 3m, 5h, 2d."""
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{seconds}s ago"


def _named(raw: dict[str, Any]) -> dict[str, str]:
    return {"namespace": raw["metadata"]["namespace"], "name": raw["metadata"]["name"]}
