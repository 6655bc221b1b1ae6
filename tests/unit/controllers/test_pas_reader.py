"""What a look makes of a demand whose counter is scraped once a minute: its mean is longer, and its history and horizon go along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from flyball.controllers.predictiveautoscaler.forecasts import Forecasts
from flyball.controllers.predictiveautoscaler.reader import Reader
from flyball.controllers.predictiveautoscaler.signals import Learned
from flyball.kube.pods import PodCache
from flyball.signals import Prometheus
from flyball.signals.answers import Series
from flyball.signals.demand import DemandQuery
from tests.api_objects import minimal_pas

NOW = 1_800_000_000.0


class Slow:
    """A Prometheus whose counters have one sample in a minute and five in five."""

    async def instant(self, expression: str, at: float) -> list[Series]:
        values: dict[str, Callable[[], float | None]] = {
            "rate": lambda: 50.0 if "[240s]" in expression else None,
            "newest": lambda: at - 40,
            "recent": lambda: 1.0,
            "long": lambda: 5.0,
        }
        asked = {of: value() for of, value in values.items() if f'"of", "{of}"' in expression}
        return [Series({"of": of}, ((at, value),)) for of, value in asked.items() if value is not None]


@pytest.fixture
def pas() -> PredictiveAutoscaler:
    body: dict[str, Any] = minimal_pas()
    return PredictiveAutoscaler.parse(body)


async def test_from_the_first_look_on_history_and_horizon_go_by_the_window_that_was_learned(pas: PredictiveAutoscaler) -> None:
    followed: list[DemandQuery] = []

    async def nothing(query: DemandQuery, start: float, end: float) -> dict[float, float]:
        return {}

    class Noting(Forecasts):
        def follow(self, series: tuple[str, str, str], query: DemandQuery, lead: float | None = None) -> None:
            followed.append(query)

    reader, learned = Reader(cast(Prometheus, Slow()), Noting(nothing, 0.0), PodCache(), allow_promql=False), Learned()
    readings = await reader.ask(pas, learned, None, NOW)
    assert [(its.value, its.age_seconds, its.problem) for its in readings] == [(50.0, 40.0, None)]
    (seen,) = reader.seen(pas, readings, learned, 60.0)
    assert seen.behind_seconds == 120.0
    assert ["[240s]" in its.rate for its in followed] == [True]
