"""Policies for the simulator: the product, and the peers that it is compared with, one file each.

A policy is a class with `start`, `fast` and `slow` (`flyball.sim.policy`); a new one is a file here and a line in `POLICIES`, where the command line
finds it. Those with a parameter stand at a value that met the objective in most cells; a comparison tunes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flyball.sim.policies.autothrottle import Autothrottle, Phase
from flyball.sim.policies.cpu_burst import CpuBurst
from flyball.sim.policies.fixed_targets import OurPair, PaperPair
from flyball.sim.policies.flyball import flyball, flyball_bandit, flyball_every_minute
from flyball.sim.policies.k8s_cpu import FAST, SLOW, Threshold
from flyball.sim.policies.static import Static
from flyball.sim.policies.vpa import Vpa
from flyball.sim.policy import Policy

__all__ = ["FAST", "POLICIES", "SLOW", "Autothrottle", "CpuBurst", "OurPair", "PaperPair", "Phase", "Static", "Threshold", "Vpa", "flyball"]

POLICIES: Mapping[str, Callable[[], Policy]] = {
    "flyball": flyball,
    "flyball-every-minute": flyball_every_minute,
    "flyball-bandit": flyball_bandit,
    "k8s-cpu": lambda: Threshold(0.5, SLOW),
    "k8s-cpu-fast": lambda: Threshold(0.6, FAST),
    "vpa": lambda: Vpa(2.0),
    "static": lambda: Static(0.5),
    "cpu-burst": lambda: CpuBurst(0.25),
    "autothrottle-no-warm-up": lambda: Autothrottle([], 20.0, Phase.FROM_ZERO),
    "paper-pair": lambda: PaperPair(0.06, 0.10),
    "our-pair": lambda: OurPair(0.06, 0.10),
}
