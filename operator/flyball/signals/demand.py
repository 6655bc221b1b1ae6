"""Reads a demand: work per second now, and its history on the engine's grid of minutes.

Sits between the operator's tick and the replica plan. The history is asked for in chunks with a pause after each (see HISTORY_REST), so that a
start with a thousand objects keeps Prometheus busy for less than a third of one core.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from flyball.signals.answers import NoValue, Series, SignalError, single
from flyball.signals.indicators import preset, selector
from flyball.signals.joint import Asked
from flyball.signals.prometheus import Prometheus

STEP_SECONDS = 60
RATE_SECONDS = 60.0
"""Time that a demand is averaged over: four scrapes of 15 s, as rate() needs two and one may be lost."""
BEHIND_SECONDS = RATE_SECONDS / 2
"""A mean over a minute is that of half a minute ago, while load rises: the forecast is asked for so much further ahead."""
HISTORY_REST = 3.0
"""After a chunk of history, this many times as long as it took is rested: history takes a quarter of one query thread of the server, at most."""
CHUNK_POINTS = 360
LARGEST = 1e15
"""Work per second above this is nobody's; the engine's numbers are of single precision, and their squares have to stay finite."""


@dataclass(frozen=True, slots=True)
class DemandQuery:
    """A demand as PromQL."""

    rate: str
    """Expression of the demand per second, one series."""
    newest: str | None
    """Expression of the time of the newest sample; None for free expressions."""


@dataclass(frozen=True, slots=True)
class DemandReading:
    """A demand as of `time`."""

    value: float
    time: float


def counter(namespace: str, metric: str, matchers: Mapping[str, str], *, rate_seconds: float = RATE_SECONDS) -> DemandQuery:
    """The rate of a counter, summed over all series with these labels in the namespace."""
    series = f"{metric}{{{selector({**matchers, 'namespace': namespace})}}}"
    return DemandQuery(f"sum(rate({series}[{rate_seconds:.0f}s]))", f"max(timestamp({series}))")


def mesh(namespace: str, name: str, workload: str, *, rate_seconds: float = RATE_SECONDS) -> DemandQuery:
    """The request rate that a mesh or gateway counts for a workload."""
    histogram = preset(namespace, name, workload)
    series = f"{histogram.metric}_count{{{selector(histogram.exact)}}}"
    return DemandQuery(f"sum(rate({series}[{rate_seconds:.0f}s]))", f"max(timestamp({series}))")


def free(rate: str, allowed: bool) -> DemandQuery:
    """A free expression. Raises SignalError where the operator does not allow them."""
    if not allowed:
        raise SignalError(
            NoValue.PROMQL_NOT_ALLOWED,
            "demands.promql would read with the operator's rights; use counter or preset, or start the operator with --allow-promql.",
        )
    return DemandQuery(rate, None)


async def read(prometheus: Asked, query: DemandQuery, now: float) -> DemandReading:
    """The demand at `now`. Raises SignalError with the reason when it cannot be known."""
    if query.newest is None:
        value = single(await prometheus.instant(query.rate, now), "The demand")
        if value is None:
            raise SignalError(NoValue.NO_SERIES, "The expression of the demand gives no series.")
        return DemandReading(_sound(value[1]), value[0])
    expression = f'label_replace({query.rate}, "of", "rate", "", "") or label_replace({query.newest}, "of", "newest", "", "")'
    series = await prometheus.instant(expression, now)
    found = {of: single([one for one in series if one.labels.get("of") == of], f"the {of}") for of in ("rate", "newest")}
    rate, newest = found["rate"], found["newest"]
    if newest is None:
        raise SignalError(NoValue.NO_SERIES, "The series of the demand are gone or were never there.")
    if rate is None:
        raise SignalError(NoValue.STALE, "Fewer than two samples of the demand lie in the last minute.")
    return DemandReading(_sound(rate[1]), newest[1])


async def history(
    prometheus: Prometheus, query: DemandQuery, start: float, end: float, rest: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> dict[float, float]:
    """Demand by the minute's end, from `start` to `end`; a minute without samples is not in it. Raises SignalError."""
    values: dict[float, float] = {}
    first = math.ceil(start / STEP_SECONDS) * STEP_SECONDS
    while first <= end:
        last = min(end, first + (CHUNK_POINTS - 1) * STEP_SECONDS)
        began = time.monotonic()
        values |= _points(await prometheus.range(query.rate, first, last, STEP_SECONDS))
        await rest(HISTORY_REST * (time.monotonic() - began))
        first += CHUNK_POINTS * STEP_SECONDS
    return values


def cpu(namespace: str, pods: str, rate_seconds: float) -> str:
    """Expression of the CPU that pods (a regular expression of their names) use, in cores, by cAdvisor's counters."""
    series = f'container_cpu_usage_seconds_total{{namespace="{namespace}",pod=~"{pods}",container!="",container!="POD"}}'
    return f"sum(rate({series}[{rate_seconds:.0f}s]))"


async def cores(prometheus: Asked, expression: str, now: float) -> float:
    """Cores used; NaN where nobody counts them. Raises SignalError."""
    value = single(await prometheus.instant(expression, now), "The CPU used")
    return math.nan if value is None else value[1]


def _points(series: list[Series]) -> dict[float, float]:
    if len(series) > 1:
        raise SignalError(NoValue.SEVERAL_SERIES, f"The demand must be one series and is {len(series)}; aggregate it, for example with sum().")
    points = series[0].points if series else ()
    return {time: value for time, value in points if 0 <= value <= LARGEST}


def _sound(value: float) -> float:
    if value < 0:
        raise SignalError(NoValue.NOT_A_NUMBER, f"The demand is {value:g}; work per second is not negative.")
    if value > LARGEST:
        raise SignalError(NoValue.NOT_A_NUMBER, f"The demand is {value:g}; nobody serves as much.")
    return value
