"""The comparison on paper: tables for the terminal, build/bench/live.json, and docs/benchmarks/live.md after a full run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flyball.cli.table import table
from tests.benchmarks.live.contenders import FAST_TUNED, STATIC
from tests.benchmarks.live.score import Block, Standing, savings

ROW = ("policy", "cores allocated", "used", "p99 ms", "slow %", "minutes over", "errors", "requests", "adapter's cores")
PREDICTED = ("policy", "cores measured", "predicted", "error %", "p99 ms measured", "predicted", "error %")
BLOCK = ("round", "policy", "cores allocated", "used", "p99 ms", "slow %", "minutes over", "errors", "machine busy %", "late ticks")


def rows(standings: Sequence[Standing]) -> list[tuple[str, ...]]:
    """Means, with the smallest and largest block behind."""
    return [
        (
            its.label, f"{its.cores:.2f} ({_range(its.cores_range, '.2f')})", f"{its.used:.2f}",
            f"{1000 * its.p99_seconds:.0f} ({_range(its.p99_range, '.0f', 1000)})",
            f"{100 * its.slow_share:.2f} ({_range(its.slow_range, '.2f', 100)})", f"{its.minutes_over} of {its.minutes}", str(its.errors),
            str(its.requests), f"{its.policy_cores:.3f}",
        )
        for its in standings
    ]  # fmt: skip


def predictions(standings: Sequence[Standing]) -> list[tuple[str, ...]]:
    return [
        (
            its.label, f"{its.cores:.2f}", f"{its.predicted_cores:.2f}", f"{100 * its.cores_error:+.0f}",
            f"{1000 * its.p99_seconds:.0f}", f"{1000 * its.predicted_p99_seconds:.0f}", f"{100 * its.p99_error:+.0f}",
        )
        for its in standings
    ]  # fmt: skip


def block_rows(blocks: Sequence[Block]) -> list[tuple[str, ...]]:
    return [
        (
            str(its.round + 1), its.policy, f"{its.figures.cores.allocated:.2f}", f"{its.figures.cores.used:.2f}",
            f"{1000 * its.figures.p99_seconds:.0f}", f"{100 * its.figures.slow_share:.2f}", str(its.figures.minutes_violated),
            str(its.figures.errors), f"{100 * its.busy_share:.0f}", f"{its.late} of {its.ticks}",
        )
        for its in blocks
    ]  # fmt: skip


def verdict(summary: Mapping[str, Any]) -> list[str]:
    """What came of the simulator's prediction, in sentences."""
    said = []
    for key, what in (("p99_median_error_percent", "99 % quantile"), ("cores_median_error_percent", "cores")):
        error = summary[key]
        found = "is not known" if error is None else f"is {error:.0f} %: {'within' if error <= 20 else 'beyond'} the 20 % that were asked for"
        said.append(f"The median error of the predicted {what} over the policies {found}.")
    said.append(f"The order by cores is {'as' if summary['order_by_cores_equal'] else 'NOT as'} predicted.")
    return said


def saved(standings: Sequence[Standing]) -> list[str]:
    """Cores allocated against the limits and against the tuned peer, in sentences."""
    return [
        f"Cores saved against {base}: {', '.join(f'{policy} {percent:.0f} %' for policy, percent in found.items())}."
        for base in (STATIC, FAST_TUNED)
        if (found := savings(standings, base))
    ]


def terminal(blocks: Sequence[Block], standings: Sequence[Standing], summary: Mapping[str, Any]) -> str:
    tables = [table(BLOCK, block_rows(blocks)), table(ROW, rows(standings)), table(PREDICTED, predictions(standings))]
    return "\n\n".join([*tables, "\n".join([*saved(standings), *verdict(summary)])])


def write_json(
    path: Path, blocks: Sequence[Block], standings: Sequence[Standing], summary: Mapping[str, Any], fit: Mapping[str, Any], scope: Mapping[str, Any]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "scope": scope,
        "summary": summary,
        "policies": [its.as_json() for its in standings],
        "rows": [its.as_json() for its in blocks],
        "fit": fit,
    }
    path.write_text(json.dumps(content, indent=1) + "\n")


def page(blocks: Sequence[Block], standings: Sequence[Standing], summary: Mapping[str, Any], scope: Mapping[str, Any]) -> str:
    """docs/benchmarks/live.md. Generated: edit this file, not the page."""
    parts = [
        "# CPU control on a real kernel",
        f"`make bench SUITE=live`: {scope['rounds']} rounds of {scope['block_seconds']} s a policy, {scope['settle_seconds']} s of settling before "
        f"each, {scope['cpus']} CPUs, kernel {scope['kernel']}. What is compared, and how: [index](index.md#live). Means over blocks, in brackets "
        "the smallest and the largest.",
        _markdown(ROW, rows(standings)),
        "\n".join(saved(standings)),
        "## The fitted simulator's prediction",
        "Fitted on the Observe phase alone, before any policy ran; then given the requests of each block at the times at which they were sent.",
        _markdown(PREDICTED, predictions(standings)),
        "\n".join(verdict(summary)),
        "## Each block",
        _markdown(BLOCK, block_rows(blocks)),
    ]
    return "\n\n".join(parts) + "\n"


def _markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *lines])


def _range(values: tuple[float, float], form: str, factor: float = 1.0) -> str:
    low, high = values
    return f"{factor * low:{form}} to {factor * high:{form}}"
