"""Reads a demand: work per second now, and its history on the engine's grid of minutes.

Sits between the operator's tick and the replica plan. How often a counter is scraped is learned along (`Window`): rate() over a minute sees nothing
of one that is scraped once a minute, which is Prometheus' own default. The history is asked for in chunks with a pause after each (see HISTORY_REST),
so that a start with a thousand objects keeps Prometheus busy for less than a third of one core.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from flyball.signals.answers import NoValue, Series, SignalError, single
from flyball.signals.indicators import LONG_SECONDS, preset, selector
from flyball.signals.joint import Asked
from flyball.signals.prometheus import Prometheus

STEP_SECONDS = 60
RATE_SECONDS = 60.0
"""Time that a demand is averaged over, unless it takes more for SCRAPES of them."""
SCRAPES = 4
"""Of 15 s in a minute: rate() needs two, and one may be lost or late."""
WINDOWS = (RATE_SECONDS, 120.0, 240.0)
"""Of which the shortest is taken that holds SCRAPES: for 15, 30 and 60 s. Few, since each makes another series of a demand, whose history is read
anew; beyond, a mean tells of a past that replicas cannot be asked for."""
LEARN_SECONDS = 600.0
"""How often scrapes are counted; their interval changes with Prometheus' configuration alone."""
LOST = 1.25
"""By this factor the interval may seem longer than the window is for, since one scrape in five was lost, before a longer one is taken."""
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
    series: str | None = None
    """Selector of the series that are counted; None for free expressions."""
    seconds: float = RATE_SECONDS
    """Time that the rate is a mean over, as far as that is known."""

    @property
    def behind_seconds(self) -> float:
        """How far behind a rising load its mean is."""
        return self.seconds / 2

    def over(self, seconds: float) -> DemandQuery:
        """The same demand as the mean over so long; a free expression stays what its user wrote."""
        return replace(self, rate=_rate(self.series, seconds), seconds=seconds) if self.series else self


@dataclass(slots=True)
class Window:
    """The time to take a counter's mean over, learned from how often it is scraped."""

    seconds: float = RATE_SECONDS
    learned_at: float = -math.inf

    def due(self, now: float) -> bool:
        """Whether scrapes are to be counted again."""
        return not 0 <= now - self.learned_at < LEARN_SECONDS

    def learn(self, recent: float, long: float, now: float) -> None:
        """Take in how many samples lie in the last RATE_SECONDS and LONG_SECONDS, of the series that has most.

        Where all samples are recent, the series has only just begun: they tell of its age, and not of an interval.
        """
        if long <= recent:
            return
        interval = min(LONG_SECONDS / long, RATE_SECONDS / recent if recent >= 2 else math.inf)
        least, enough = _window(SCRAPES * interval / LOST), _window(SCRAPES * interval)
        self.seconds, self.learned_at = min(max(self.seconds, least), enough), now  # between the two it stays, and does not turn from look to look


@dataclass(frozen=True, slots=True)
class DemandReading:
    """A demand as of `time`."""

    value: float
    time: float


def counter(namespace: str, metric: str, matchers: Mapping[str, str], *, rate_seconds: float = RATE_SECONDS) -> DemandQuery:
    """The rate of a counter, summed over all series with these labels in the namespace."""
    return _counted(f"{metric}{{{selector({**matchers, 'namespace': namespace})}}}", rate_seconds)


def mesh(namespace: str, name: str, workload: str, *, rate_seconds: float = RATE_SECONDS) -> DemandQuery:
    """The request rate that a mesh or gateway counts for a workload."""
    histogram = preset(namespace, name, workload)
    return _counted(f"{histogram.metric}_count{{{selector(histogram.exact)}}}", rate_seconds)


def free(rate: str, allowed: bool) -> DemandQuery:
    """A free expression. Raises SignalError where the operator does not allow them."""
    if not allowed:
        raise SignalError(
            NoValue.PROMQL_NOT_ALLOWED,
            "demands.promql would read with the operator's rights; use counter or preset, or start the operator with --allow-promql.",
        )
    return DemandQuery(rate, None)


async def read(prometheus: Asked, query: DemandQuery, window: Window, now: float) -> DemandReading:
    """The demand at `now` as the mean over `window`, which learns on the way. Raises SignalError with the reason when it cannot be known."""
    if query.series is None:
        value = single(await prometheus.instant(query.rate, now), "The demand")
        if value is None:
            raise SignalError(NoValue.NO_SERIES, "The expression of the demand gives no series.")
        return DemandReading(_sound(value[1]), value[0])
    before = window.seconds
    found = await _told(prometheus, query, window, now)
    if found["newest"] and not found["rate"] and window.seconds != before:
        found = await _told(prometheus, query, window, now)  # the first look at a counter that is scraped less often
    rate, newest = found["rate"], found["newest"]
    if newest is None:
        raise SignalError(NoValue.NO_SERIES, "The series of the demand are gone or were never there.")
    if rate is None:
        window.learned_at = -math.inf
        raise SignalError(NoValue.STALE, f"Fewer than two samples of the demand lie in the last {window.seconds:g} s.")
    return DemandReading(_sound(rate[1]), newest[1])


async def _told(prometheus: Asked, query: DemandQuery, window: Window, now: float) -> dict[str, tuple[float, float] | None]:
    """Time and value of the rate and of the newest sample; scrapes are counted along where that is due."""
    expressions = {"rate": query.over(window.seconds).rate, "newest": query.newest or "", **_counts(query.series or "", window, now)}
    series = await prometheus.instant(" or ".join(f'label_replace({its}, "of", "{of}", "", "")' for of, its in expressions.items()), now)
    found = {of: single([one for one in series if one.labels.get("of") == of], f"the {of}") for of in ("rate", "newest", "recent", "long")}
    _learn(window, found, now)
    return found


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


def cpu(namespace: str, pods: str) -> str:
    """Selector of the CPU that pods (a regular expression of their names) use, by cAdvisor's counters."""
    return f'container_cpu_usage_seconds_total{{namespace="{namespace}",pod=~"{pods}",container!="",container!="POD"}}'


async def cores(prometheus: Asked, series: str, window: Window, now: float) -> float:
    """Cores used, as the mean over `window`, which learns on the way; NaN where nobody counts them. Raises SignalError."""
    before = window.seconds
    value = await _cores(prometheus, series, window, now)
    if value is None and window.seconds != before:
        value = await _cores(prometheus, series, window, now)
    if value is None:
        window.learned_at = -math.inf
        return math.nan
    return value[1]


async def _cores(prometheus: Asked, series: str, window: Window, now: float) -> tuple[float, float] | None:
    counts = [f'label_replace({its}, "of", "{of}", "", "")' for of, its in _counts(series, window, now).items()]
    answer = await prometheus.instant(" or ".join([_rate(series, window.seconds), *counts]), now)
    _learn(window, {of: single([one for one in answer if one.labels.get("of") == of], f"the {of}") for of in ("recent", "long")}, now)
    return single([one for one in answer if not one.labels.get("of")], "The CPU used")


def _window(seconds: float) -> float:
    return next((window for window in WINDOWS if window >= seconds), WINDOWS[-1])


def _counted(series: str, rate_seconds: float) -> DemandQuery:
    return DemandQuery(_rate(series, rate_seconds), f"max(timestamp({series}))", series, rate_seconds)


def _rate(series: str, seconds: float) -> str:
    return f"sum(rate({series}[{seconds:.0f}s]))"


def _counts(series: str, window: Window, now: float) -> dict[str, str]:
    """Expressions of the number of samples, `recent` and in a `long` time; none where the window is known."""
    spans = {"recent": RATE_SECONDS, "long": LONG_SECONDS} if window.due(now) else {}
    return {of: f"max(count_over_time({series}[{seconds:.0f}s]))" for of, seconds in spans.items()}


def _learn(window: Window, found: Mapping[str, tuple[float, float] | None], now: float) -> None:
    long, recent = found["long"], found["recent"]
    if long:
        window.learn(recent[1] if recent else 0.0, long[1], now)


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
