"""What can be named on the command line: applications and policies.

`flyball.sim.apps` and `flyball.sim.policies` list theirs as `APPLICATIONS` and `POLICIES`: a name and a function that makes one.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from flyball.sim.bridge import Product
from flyball.sim.example import shop
from flyball.sim.policy import Policy, Unlimited
from flyball.sim.spec import Application


def applications() -> Mapping[str, Callable[[], Application]]:
    """All applications by name."""
    return {"shop": shop, **_listed("flyball.sim.apps", "APPLICATIONS")}


def policies() -> Mapping[str, Callable[[], Policy]]:
    """All policies by name."""
    return {"flyball": Product, "grant": Unlimited, **_listed("flyball.sim.policies", "POLICIES")}


def _listed(package: str, name: str) -> Mapping[str, Callable[[], Any]]:
    if importlib.util.find_spec(package) is None:
        return {}
    listed: Mapping[str, Callable[[], Any]] = getattr(importlib.import_module(package), name, {})
    return listed
