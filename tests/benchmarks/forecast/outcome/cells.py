"""From simulated curves to the table: each policy at its best variant, costs at the levels of misses, ratios to the best peer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.forecast.metrics import geometric_mean
from tests.benchmarks.forecast.outcome.hull import LEVELS, cost_at

Array = NDArray[np.float64]
Cell = tuple[str, int, int]
"""(trace, replicas at the peak, start-up seconds)."""
PARTS = ("all", "first", "second")
HEADLINE_STARTUPS = (120, 300)
HEADLINE_LEVEL = 0.01
LOST = 1.5
"""What a cell counts for at least that a peer reaches and Flyball does not."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A variant in a cell, by knob: (parts, knobs)."""

    replica_hours: Array
    under: Array
    unserved: Array

    def at(self, level: float) -> float:
        return cost_at(self.under[0], self.replica_hours[0], level)


Curves = dict[tuple[str, str], dict[Cell, Curve]]
"""By (policy, variant)."""


def best_variants(curves: Curves, oracle: dict[Cell, Array]) -> dict[str, str]:
    """Of each policy the variant that reaches the most cells at 1 %, and of those the cheapest."""
    chosen: dict[str, tuple[int, float, str]] = {}
    for (policy, label), cells in curves.items():
        ratios = np.array([curve.at(HEADLINE_LEVEL) / oracle[cell][0] for cell, curve in cells.items()])
        reached = ratios[np.isfinite(ratios)]
        key = (-len(reached), geometric_mean(reached) if len(reached) else float("inf"), label)
        chosen[policy] = min(chosen.get(policy, key), key)
    return {policy: label for policy, (_, _, label) in chosen.items()}


def ratios_to_best_peer(ours: dict[Cell, Curve], peers: dict[str, dict[Cell, Curve]], level: float) -> tuple[dict[Cell, float], list[Cell]]:
    """By cell: our cost over that of the peer that is cheapest there; cells that only a peer reaches are lost, cells that nobody reaches left out."""
    found: dict[Cell, float] = {}
    lost = []
    for cell, curve in ours.items():
        theirs = [cost for cost in (each[cell].at(level) for each in peers.values()) if np.isfinite(cost)]
        mine = curve.at(level)
        if theirs and np.isfinite(mine):
            found[cell] = mine / min(theirs)
        elif theirs:
            lost.append(cell)
            found[cell] = max(LOST, float(curve.replica_hours[0].max()) / min(theirs))
    return found, lost


def summary(
    ours: dict[Cell, Curve], peers: dict[str, dict[Cell, Curve]], oracle: dict[Cell, Array], bound: dict[Cell, Curve] | None = None
) -> dict[str, float]:
    """The summary's keys, over start-ups of 2 and 5 min at 1 %; and what the oracle, which misses nothing, and the bound would score."""
    ratios, lost = ratios_to_best_peer(ours, peers, HEADLINE_LEVEL)
    head = {cell: ratio for cell, ratio in ratios.items() if cell[2] in HEADLINE_STARTUPS}
    single = []
    for each in peers.values():
        pairs = [(ours[cell].at(HEADLINE_LEVEL), each[cell].at(HEADLINE_LEVEL)) for cell in head]
        both = np.array([mine / theirs for mine, theirs in pairs if np.isfinite(mine) and np.isfinite(theirs)])
        if len(both) == len(head):
            single.append(geometric_mean(both))
    found = {
        "replica_hours_ratio_vs_best_peer": geometric_mean(np.array(list(head.values()))),
        "replica_hours_ratio_worst_cell": max(head.values()),
        "replica_hours_ratio_of_the_oracle": geometric_mean(np.array([oracle[cell][0] / _cheapest(peers, cell) for cell in head])),
        "outcome_cells": float(len(head)),
        "outcome_cells_lost": float(len([cell for cell in lost if cell[2] in HEADLINE_STARTUPS])),
    }
    if single:
        found["replica_hours_ratio_vs_best_single_peer"] = max(single)
    if bound:
        known = np.array([bound[cell].at(HEADLINE_LEVEL) / _cheapest(peers, cell) for cell in head])
        found["replica_hours_ratio_of_known_means"] = geometric_mean(known[np.isfinite(known)])
    return found


def _cheapest(peers: dict[str, dict[Cell, Curve]], cell: Cell) -> float:
    return float(np.nanmin([each[cell].at(HEADLINE_LEVEL) for each in peers.values()]))


def rows(curves: dict[str, dict[Cell, Curve]], labels: dict[str, str], oracle: dict[Cell, Array]) -> list[dict[str, Any]]:
    """A line for each policy and start-up: cost over the oracle's at each level, cells reached, and what a knob fixed on the first half gives."""
    found = []
    startups = sorted({cell[2] for cells in curves.values() for cell in cells})
    for policy, cells in curves.items():
        for startup in startups:
            mine = {cell: curve for cell, curve in cells.items() if cell[2] == startup}
            line: dict[str, Any] = {"section": "outcome", "method": policy, "variant": labels[policy], "startup_seconds": startup, "cells": len(mine)}
            for level in LEVELS:
                costs = np.array([curve.at(level) / oracle[cell][0] for cell, curve in mine.items()])
                reached = costs[np.isfinite(costs)]
                line[f"reached_{level:g}"] = len(reached)
                line[f"over_oracle_{level:g}"] = geometric_mean(reached) if len(reached) else None
            line |= _fixed(mine, oracle)
            line["by_cell"] = {f"{cell[0]} {cell[1]}": curve.at(HEADLINE_LEVEL) / oracle[cell][0] for cell, curve in mine.items()}
            found.append(line)
    return found


def _fixed(mine: dict[Cell, Curve], oracle: dict[Cell, Array]) -> dict[str, Any]:
    """The cheapest knob with at most 1 % of misses in the first half, scored on the second; the knob with the fewest where none has."""
    costs, misses, unserved = [], [], []
    for cell, curve in mine.items():
        allowed = curve.under[1] <= HEADLINE_LEVEL
        knob = int(np.argmin(np.where(allowed, curve.replica_hours[1], np.inf))) if allowed.any() else int(np.argmin(curve.under[1]))
        costs.append(curve.replica_hours[2][knob] / oracle[cell][2])
        misses.append(curve.under[2][knob])
        unserved.append(curve.unserved[2][knob])
    return {
        "fixed_over_oracle": geometric_mean(np.array(costs)),
        "fixed_under": float(np.mean(misses)),
        "fixed_under_worst": float(np.max(misses)),
        "fixed_unserved": float(np.mean(unserved)),
    }


def plotted(curves: dict[str, dict[Cell, Curve]], oracle: dict[Cell, Array], cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Points of the curves of some cells, for the plots: share of under-provisioned minutes, replica-hours over the oracle's."""
    return [
        {
            "section": "outcome curve",
            "method": policy,
            "cell": list(cell),
            "under": by_cell[cell].under[0].tolist(),
            "over_oracle": (by_cell[cell].replica_hours[0] / oracle[cell][0]).tolist(),
        }
        for cell in cells
        for policy, by_cell in curves.items()
    ]
