"""The product as a policy: its captain and tower (`flyball.cpu`), run by `flyball.sim.bridge`. A line here for each variant that a comparison
names.
"""

from __future__ import annotations

from flyball.cpu.tower import Settings, TowerState
from flyball.sim.bridge import Product


def flyball(*, checkpoint: TowerState | None = None) -> Product:
    """Both levels from zero knowledge, or from what an earlier run's tower had learned."""
    return Product(settings=Settings(), checkpoint=checkpoint)


def flyball_every_minute() -> Product:
    """The same under objectives that allow 5 % of the minutes above (`minutesAbovePercent: "5"`)."""
    return Product(minutes_above_share=0.05, name="flyball-every-minute")


def flyball_bandit() -> Product:
    """The same with the tower's policy `bandit`."""
    return Product(settings=Settings(policy="bandit"), name="flyball-bandit")
