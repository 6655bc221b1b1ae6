"""What to be ready for when a minute with too few replicas has a price: the demand beyond which replicas cost more than the risk they take away.

Called by `estimates` for a need that comes with its chances, where the settings have a price. Pure. A fixed quantile takes the same risk each
minute. Where the forecast is wide the last percents of risk cost many replicas, where it is narrow next to none: at the same number of short
minutes in all it is cheaper to take less risk in narrow hours and more in wide ones. This is the newsvendor's rule for a price of each short minute,
however short it is; the marginal replica is kept as long as it takes away chance worth more than itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

LADDER = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)
"""Chances that are weighed. With the engine's five alone a price falls between two of them and changes nothing; beyond .999, a minute and a half a
day, a week's errors say nothing."""

GROWTH = ((0.5, 1.04), (0.8, 1.12), (0.9, 1.23), (0.95, 1.33), (0.99, 1.78))
"""Chances of the largest demand of the next two minutes over a minute's mean some seconds old, where no forecast says better: geometric means over
crane-0..3 and the first half of worldcup98, each with the noise of a hundred replicas' requests."""

Rung = tuple[float, tuple[float, ...]]
"""A chance, and the weights of the given demands that make its demand."""


def worth(chances: Sequence[tuple[float, float]], price: float) -> float:
    """The demand to be ready for.

    `chances`: (quantile, demand), both growing, two at least; `price`: of a minute with too little, in demand carried for a minute. Not below 0;
    NaN where a demand is not known.
    """
    demands = [demand for _, demand in chances]
    if not all(math.isfinite(demand) for demand in demands):
        return math.nan
    best, cost = math.nan, math.inf
    for quantile, weights in rungs(tuple(quantile for quantile, _ in chances)):
        demand = max(0.0, sum(weight * demand for weight, demand in zip(weights, demands, strict=True)))
        if demand + price * (1.0 - quantile) < cost:
            best, cost = demand, demand + price * (1.0 - quantile)
    return best


def blind(demand: float) -> tuple[tuple[float, float], ...]:
    """Chances where nothing but the demand of now is known."""
    return tuple((quantile, growth * demand) for quantile, growth in GROWTH)


@lru_cache(maxsize=64)
def rungs(quantiles: tuple[float, ...]) -> tuple[Rung, ...]:
    """The ladder for demands given at these quantiles: between two of them along a normal law, beyond the last along an exponential tail.

    Raises ValueError for fewer than two quantiles, or ones that do not grow within 0 and 1.
    """
    if len(quantiles) < 2 or list(quantiles) != sorted(set(quantiles)) or not 0 < quantiles[0] <= quantiles[-1] < 1:
        raise ValueError(f"chances need two or more growing quantiles between 0 and 1; {quantiles} are not.")
    law = NormalDist()
    found = []
    for chance in sorted({*(one for one in LADDER if one >= quantiles[0]), *quantiles}):
        right = next((place for place, one in enumerate(quantiles) if one >= chance), len(quantiles) - 1)
        right = max(right, 1)
        below, above = quantiles[right - 1], quantiles[right]
        if chance <= above:
            part = (law.inv_cdf(chance) - law.inv_cdf(below)) / (law.inv_cdf(above) - law.inv_cdf(below))
        else:
            part = 1.0 + math.log((1 - above) / (1 - chance)) / math.log((1 - below) / (1 - above))
        weights = [0.0] * len(quantiles)
        weights[right - 1], weights[right] = 1.0 - part, part
        found.append((chance, tuple(weights)))
    return tuple(found)
