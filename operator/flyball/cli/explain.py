"""`flyball explain`: why an object is where it is, from its status alone."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import click

from flyball.api.conditions import Condition, ConditionType, Reason, Status
from flyball.api.latencyslo import LatencySLO
from flyball.api.latencyslo_status import DecisionRecord
from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from flyball.cli import autoscalers
from flyball.cli.shared import find_object, kubeconfig_option, object_name, parse, with_cluster
from flyball.cli.status import ago
from flyball.cli.table import table

WIDTH = 110

ADVICE = {
    Reason.INVALID: "Correct the field that the message names; `kubectl explain latencyslo.spec` says what it may hold.",
    Reason.SUSPENDED: "Set spec.suspend to false when Flyball may act again.",
    Reason.NO_PODS: "Compare spec.workloads with the pods' labels and owners: nothing of this namespace matches.",
    Reason.API_ERROR: "Compare the operator's roles with helm/flyball/rbac, and read its log.",
    Reason.NO_SERIES: "Ask Prometheus for the metric with this namespace and these matchers; the scrape may lack the label namespace.",
    Reason.STALE: "The newest sample is too old: is the target still scraped?",
    Reason.NOT_A_NUMBER: "Let the expression give a number, for example with sum().",
    Reason.SEVERAL_SERIES: "Let the expression give one series, for example with sum().",
    Reason.PROMETHEUS_UNREACHABLE: "Check the operator's --prometheus-url, network policies, and Prometheus itself. Targets are held meanwhile.",
    Reason.PROMETHEUS_ERROR: "Prometheus refused the query; the message has its words.",
    Reason.NO_BUCKET: "Add the bucket that the message names to the histogram, or raise the threshold.",
    Reason.PROMQL_NOT_ALLOWED: "Use a histogram or a preset, or have an administrator start the operator with --allow-promql.",
    Reason.BUDGET_SPENT: "Wait: nothing is throttled until the window has recovered. If it does not, the limits themselves are too low.",
    Reason.OTHER_LATENCY_SLO: "Narrow one of the two selectors.",
    Reason.VERTICAL_POD_AUTOSCALER: "Set the VerticalPodAutoscaler's updateMode to Off, or take the workload out of this object.",
    Reason.HORIZONTAL_POD_AUTOSCALER: "Scale on requests per second, or raise the limits above the HPA's target.",
    Reason.FIELD_OWNED: "The message names the other manager of the ThrottlePlan; nobody but Flyball should write it.",
    Reason.MODE_RECOMMEND: "Set spec.mode to Enforce when you trust what you see.",
    Reason.MODE_OBSERVE: "Set spec.mode to Recommend to see what would be done.",
    Reason.QUOTA_OFF: "Set spec.actuators.quota to Auto to let quotas follow the targets; weight: Auto for containers without a CPU limit.",
    Reason.OTHER_PREDICTIVE_AUTOSCALER: "Let one PredictiveAutoscaler scale the target; several demands go into one object.",
    Reason.KEDA: 'Let the ScaledObject scale on flyball_replicas{state="wanted"}, or remove it.',
    Reason.TARGET_NOT_FOUND: "Correct spec.scaleTargetRef: kind and name of an object with a scale subresource in this namespace.",
    Reason.TARGET_FORBIDDEN: "Give the operator's role the rule that the message names, as helm/flyball/rbac has it for Deployments.",
    Reason.NO_HPA: "Make a HorizontalPodAutoscaler for the target, or set spec.via to Scale.",
    Reason.NO_CAPACITY: "State capacity, or let pods have CPU requests and Prometheus scrape cAdvisor, and wait for load.",
    Reason.COLD_START: "Wait until a day has been seen, or make Prometheus keep more history.",
    Reason.NO_SKILL: "Nothing: this demand has no pattern that could be used; replicas follow the demand of now.",
    Reason.SHIFTED: "Nothing: the level has just jumped; patterns are believed again in a quarter of an hour.",
    Reason.IMPLAUSIBLE: "Nothing, unless it lasts: the message names the forecast and the largest demand of late.",
}
"""What a person can do about a reason."""

_GOOD_WHEN_FALSE = (ConditionType.CONFLICTED,)


@click.command("explain", short_help="Say why: the last decisions of one object.")
@click.argument("name", metavar="lslo|pas/NAME")
@click.option("-n", "--namespace", help="Namespace of the object; not needed while its name is unique in the cluster.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the output.")
@kubeconfig_option
def command(name: str, namespace: str | None, output: str, kubeconfig: str | None) -> None:
    """Say why: conditions with what to do about them, budgets, targets, and the last decisions with their inputs, what was
    chosen, what else was considered, and what was expected and seen.
    """
    if scaler := autoscalers.named(name):
        found = with_cluster(kubeconfig, lambda kube: autoscalers.find_autoscaler(kube, scaler, namespace))
        done = json.dumps(found.get("status", {}), indent=2) if output == "json" else "\n".join(replicas(autoscalers.parse(found), datetime.now(UTC)))
        click.echo(done)
        return
    wanted = object_name(name)
    raw = with_cluster(kubeconfig, lambda kube: find_object(kube, wanted, namespace))
    if output == "json":
        click.echo(json.dumps(raw.get("status", {}), indent=2))
    else:
        click.echo("\n".join(text(parse(raw), datetime.now(UTC))))


def text(slo: LatencySLO, now: datetime) -> Iterator[str]:
    """The explanation, line by line."""
    its = slo.status
    current = its.observed_generation == slo.metadata.generation
    capped = f" (asked for: {slo.spec.mode.value}; the operator's --max-mode caps it)" if current and its.mode != slo.spec.mode.value else ""
    yield f"LatencySLO {slo.metadata.namespace}/{slo.metadata.name}, mode {its.mode or slo.spec.mode.value}{capped}"
    if not its.conditions:
        yield ""
        yield "No operator has looked at this object yet. Is one running? See `kubectl get pods -n flyball-system`."
        return
    if not current:
        yield "The spec has changed since; what follows is about the one before."
    yield from _section("Conditions", (line for condition in its.conditions for line in _condition(condition, now)))
    yield from _section("Objectives", _objectives(slo))
    yield from _section("Workloads", _workloads(slo))
    yield from _section("Decisions, newest first", (line for record in reversed(its.decisions) for line in _decision(record, now)))


def replicas(pas: PredictiveAutoscaler, now: datetime) -> Iterator[str]:
    """The explanation of a PredictiveAutoscaler, line by line."""
    yield from autoscalers.summary(pas)
    if not pas.status.conditions:
        yield ""
        yield "No operator has looked at this object yet. Is one running? See `kubectl get pods -n flyball-system`."
        return
    if pas.status.observed_generation != pas.metadata.generation:
        yield "The spec has changed since; what follows is about the one before."
    advices = ADVICE | autoscalers.ADVICE
    yield from _section("Conditions", (line for condition in pas.status.conditions for line in _condition(condition, now, advices)))
    yield from _section("Demands", autoscalers.demands(pas))
    yield from _section("Decisions, newest first", (line for record in reversed(pas.status.decisions) for line in autoscalers.decision(record)))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield ""
    yield title
    empty = True
    for line in lines:
        empty = False
        yield f"  {line}" if line else ""
    if empty:
        yield "  none"


def _condition(condition: Condition, now: datetime, advices: Mapping[Reason, str] = ADVICE) -> Iterator[str]:
    yield f"{condition.type}={condition.status.value} ({condition.reason}, since {ago(condition.last_transition_time, now).removesuffix(' ago')})"
    yield from _wrapped(condition.message)
    good = Status.FALSE if condition.type in _GOOD_WHEN_FALSE else Status.TRUE
    if condition.status is not good and (advice := advices.get(Reason(condition.reason)) if condition.reason in list(Reason) else None):
        yield from _wrapped(f"What to do: {advice}")


def _objectives(slo: LatencySLO) -> Iterator[str]:
    specified = {objective.name: objective for objective in slo.spec.objectives}
    for its in slo.status.objectives:
        wanted = specified.get(its.name)
        minutes = f", {wanted.minutes_above_percent} % of its minutes above at most" if wanted and wanted.minutes_above_percent else ""
        promise = f"{wanted.target} % within {wanted.threshold} over {wanted.window}{minutes}" if wanted else "no longer in the spec"
        yield f"{its.name}: {promise}{' (governs)' if its.name == slo.status.governing else ''}"
        yield (
            f"    {its.slow_requests} of {its.requests} requests slow ({its.slow_share_percent} %), budget left {its.budget_left_percent} %, "
            f"burn {its.burn_rate}, {its.minutes_above} min above; counted at {its.threshold_used}"
        )
        if its.hint:
            yield from _wrapped(f"Hint: {its.hint}")


def _workloads(slo: LatencySLO) -> Iterator[str]:
    if not slo.status.workloads:
        return
    weighed = any(its.weight_milli is not None for its in slo.status.workloads)
    header = ("WORKLOAD", "GROUP", "PODS", "TARGET", "USED", "ALLOCATED", "GRANTED", *(("BY WEIGHT",) if weighed else ()))
    rows = [
        (
            str(its.owner),
            its.group,
            str(its.pods),
            f"{its.throttle_permille / 10:g} %",
            *map(_cores, (its.used_milli, its.allocated_milli, its.granted_milli, *((its.weight_milli,) if weighed else ()))),
        )
        for its in slo.status.workloads
    ]
    yield from table(header, rows).splitlines()


def _decision(record: DecisionRecord, now: datetime) -> Iterator[str]:
    yield f"{record.time} ({ago(record.time, now)}) {record.reason}"
    yield from _wrapped(record.message)
    inputs = {
        "governing objective": record.governing,
        "burn": record.burn_rate,
        "budget left": record.budget_left_percent and f"{record.budget_left_percent} %",
    }
    if known := [f"{name} {value}" for name, value in inputs.items() if value]:
        yield from _wrapped(f"Inputs: {', '.join(known)}")
    if record.targets:
        moves = (f"{its.group} {its.previous_permille / 10:g} % -> {its.throttle_permille / 10:g} %" for its in record.targets)
        yield from _wrapped(f"Choice: throttle targets {', '.join(moves)}")
    for alternative in record.alternatives:
        yield from _wrapped(f"Alternative: {alternative}")
    if record.expected:
        yield from _wrapped(f"Expected: {record.expected}")
    if record.observed:
        yield from _wrapped(f"Observed: {record.observed}")


def _cores(milli: int | None) -> str:
    return "-" if milli is None else f"{milli / 1000:.2f}"


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, initial_indent="    ", subsequent_indent="      ")
