"""The peers, one file each; `all_methods` gives them in the order of the table."""

from __future__ import annotations

import importlib.util

from tests.benchmarks.forecast.methods import (
    crane_dsp,
    ets,
    holt_winters,
    last_value,
    mimir_offset,
    monasca,
    nixtla,
    phpa,
    prophet,
    seasonal_naive,
    ses,
    stl,
    theta,
)
from tests.benchmarks.forecast.methods.base import Method

NEEDS = {nixtla.__name__: "statsforecast", prophet.__name__: "prophet"}
"""Peers whose package may be missing: they are left out, and the table says so."""
QUICK = ("last value", "seasonal naive, day", "seasonal naive, week", "SES", "Theta on logs", "Mimir offset", "Monasca regression")


def all_methods(quick: bool = False) -> list[Method]:
    found: list[Method] = []
    for module in (last_value, seasonal_naive, ses, holt_winters, ets, theta, stl, nixtla, prophet, crane_dsp, phpa, mimir_offset, monasca):
        if module.__name__ in NEEDS and importlib.util.find_spec(NEEDS[module.__name__]) is None:
            continue
        found += module.METHODS
    return [method for method in found if not quick or method.name in QUICK]


def missing() -> list[str]:
    return [package for package in NEEDS.values() if importlib.util.find_spec(package) is None]
