"""`flyball operator` whose forecasts are broken on purpose, for objects that are named after the way in which; all others have what the engine says.

python -m tests.cluster.broken_forecasts operator ...
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count

import numpy as np

from flyball.cli.main import main
from flyball.controllers.predictiveautoscaler.ahead import Ahead
from flyball.controllers.predictiveautoscaler.forecasts import Forecasts, Series
from flyball.forecast import Reason

WILD = (1e30, -7.0, np.inf, 3.0, np.nan)
WAYS = ("nothing", "constant", "wild")
_true = Forecasts.ahead
_look = count()


def broken(self: Forecasts, series: Series) -> Ahead | None:
    """What `Forecasts.ahead` says, with every number of it replaced."""
    ahead = _true(self, series)
    if ahead is None or series[1] not in WAYS:
        return ahead
    value = {"nothing": np.nan, "constant": 1.0, "wild": WILD[next(_look) % len(WILD)]}[series[1]]
    its = ahead.forecast
    everywhere = len(its.reasons)
    return replace(
        ahead,
        forecast=replace(
            its,
            time=time.time(),
            point=np.full_like(its.point, value),
            values=np.full_like(its.values, value),
            usable=np.ones(everywhere, np.bool_),
            reasons=(Reason.OK,) * everywhere,
        ),
    )


if __name__ == "__main__":
    Forecasts.ahead = broken  # type: ignore[method-assign]
    main()
