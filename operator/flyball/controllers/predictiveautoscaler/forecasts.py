"""What is ahead: all objects' demands as series of forecast engines, backfilled from Prometheus and kept going minute by minute.

Looks note each demand's value; once a minute all series take a step together, which costs little more for a thousand than for one. Series that
come together make a cohort with an engine of its own: its history is read, learned in slices that leave the event loop free, and then it joins.
Nothing is stored: after a restart the history comes from Prometheus again, and meanwhile the plan goes by the demand of now.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flyball.controllers.predictiveautoscaler.ahead import Ahead
from flyball.controllers.predictiveautoscaler.learning import Lesson, learn
from flyball.crosscheck.check import AHEAD_SECONDS, CrossCheck
from flyball.forecast import Engine, Forecast
from flyball.replicas.misses import Misses
from flyball.signals.answers import NoValue, SignalError
from flyball.signals.demand import STEP_SECONDS, DemandQuery

log = logging.getLogger(__name__)

Series = tuple[str, str, str]
"""Namespace and name of the object, and name of the demand."""

GATHER_SECONDS = 5.0
"""Newcomers are waited for this long, so that a start with many objects makes few cohorts."""
KEPT_MINUTES = 120
"""Minutes noted while a cohort reads its history."""
RETRY_SECONDS = 60.0
FAILURES_MOST = 5
"""After so many a minute apart a series learns from now on: its demand of now may be had although a range of it is too much for Prometheus."""
JUMP_SECONDS = 300.0
"""A clock that goes back further than this makes the engines' past a future: they begin anew."""


@dataclass(slots=True)
class _Followed:
    query: DemandQuery
    notes: dict[int, float] = field(default_factory=dict)
    """Minute (its end) -> demand."""
    cohort: _Cohort | None = None
    place: int = 0
    lead: float | None = None
    """Seconds until a replica serves, where a short minute has a price."""
    misses: Misses | None = None
    """Kept where there is a lead, from when the history is learned."""
    failures: int = 0
    """How often its history could not be read."""

    @property
    def new(self) -> bool:
        """Whether its history is still to be read: for the forecast, or for what a short minute costs."""
        return self.cohort is None or (self.lead is not None and self.misses is None)

    @property
    def served(self) -> bool:
        """Whether Prometheus told its demand at the last look."""
        return bool(self.notes) and math.isfinite(self.notes[max(self.notes)])


@dataclass(slots=True)
class _Cohort:
    engine: Engine
    members: list[Series]
    forecast: Forecast | None = None
    told: dict[int, Ahead] = field(default_factory=dict)
    """Place -> what was made of the forecast for it: four looks a minute, a status and the metrics ask for the same."""

    def foretell(self) -> None:
        self.forecast, self.told = self.engine.forecast(), {}


class Forecasts:
    """The engines of all series. `read_history` gives demand by the minute's end; raises SignalError."""

    def __init__(
        self,
        read_history: Callable[[DemandQuery, float, float], Awaitable[dict[float, float]]],
        history_seconds: float,
        clock: Callable[[], float] = time.time,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read_history = read_history
        self._history_seconds = history_seconds
        self._clock = clock
        self._rest = rest
        self._series: dict[Series, _Followed] = {}
        self._demands: dict[tuple[str, str], set[str]] = {}
        """Namespace and name of the object -> its demands in `_series`: a look at each of a thousand objects must not go through all of them."""
        self._cohorts: list[_Cohort] = []
        self.on_tick: Callable[[float], None] = lambda seconds: None
        """Called after each step of all engines, with the seconds it took."""
        self.check: CrossCheck | None = None
        """Is told what is seen and forecast."""

    def follow(self, series: Series, query: DemandQuery, lead: float | None = None) -> None:
        """This series is wanted; another expression makes another series of it. `lead`: where a short minute has a price, seconds until a replica
        serves; what earlier demand did to what was expected of it is learned then (`misses`)."""
        known = self._series.get(series)
        if known is None or known.query != query:
            self._drop(series)
            known = self._series[series] = _Followed(query)
            self._demands.setdefault(series[:2], set()).add(series[2])
        known.lead = lead
        if lead is None:
            known.misses = None

    def forget(self, namespace: str, name: str, keep: frozenset[str] = frozenset()) -> None:
        """The object, or its demands but those to keep, are gone."""
        known = self._demands.pop((namespace, name), set())
        for demand in known - keep:
            self._drop((namespace, name, demand))
        if left := known & keep:
            self._demands[namespace, name] = left

    def note(self, series: Series, now: float, value: float) -> None:
        """The demand of now; NaN where it is unknown, or must not be learned from. The last note of a minute counts."""
        followed = self._series.get(series)
        if followed:
            followed.notes[math.ceil(now / STEP_SECONDS) * STEP_SECONDS] = value
            while len(followed.notes) > KEPT_MINUTES:
                del followed.notes[min(followed.notes)]

    def ahead(self, series: Series) -> Ahead | None:
        """The forecast; None before the history is learned."""
        followed = self._series.get(series)
        if followed is None or followed.cohort is None or followed.cohort.forecast is None:
            return None
        cohort, place = followed.cohort, followed.place
        ahead = cohort.told.get(place)
        if ahead is None:
            outdone = self.check is not None and self.check.outdone(series)
            ahead = cohort.told[place] = Ahead(followed.cohort.forecast, place, float(cohort.engine.history.peak[place]), outdone)
        return ahead

    def misses(self, series: Series) -> Misses | None:
        """What a headroom is worth on this series; None where nobody asked, or before its history is learned. Looks learn into it."""
        followed = self._series.get(series)
        return followed.misses if followed else None

    async def run(self) -> None:
        """Take a step each minute and newcomers in; ends only when cancelled."""
        await asyncio.gather(self._tick_for_ever(), self._admit_for_ever())

    async def _tick_for_ever(self) -> None:
        while True:
            await self._rest(STEP_SECONDS - self._clock() % STEP_SECONDS + 1.0)
            try:
                await self.tick(self._clock())
            except Exception:  # a loop's edge: the plan goes by the demand of now
                log.exception("the forecasts could not take a step")

    async def _admit_for_ever(self) -> None:
        while True:
            await self._rest(GATHER_SECONDS)
            try:
                pause = 0.0 if await self.admit() else RETRY_SECONDS
            except Exception:  # a loop's edge, as above
                log.exception("the history of new series could not be learned")
                pause = RETRY_SECONDS
            await self._rest(pause)

    async def tick(self, now: float) -> None:
        """One step of all engines: the minutes that ended and are not in yet."""
        started, worked = time.monotonic(), False
        self._cohorts = [cohort for cohort in self._cohorts if any(self._member(cohort, index) for index in range(len(cohort.members)))]
        for cohort in self._cohorts:
            if cohort.engine.time > now + JUMP_SECONDS:
                self._begin_anew(cohort)
                continue
            worked = self._step(cohort, now) or worked
            await asyncio.sleep(0)
        if worked:
            self.on_tick(time.monotonic() - started)

    async def admit(self) -> bool:
        """Read and learn newcomers' history; those whose could be read are a cohort then. False when some could not: they are asked for again."""
        newcomers = [series for series, followed in self._series.items() if followed.new]
        newcomers.sort(key=lambda series: self._series[series].failures)  # one that hangs must not stand before the others each time
        if not newcomers:
            return True
        end = math.floor(self._clock() / STEP_SECONDS) * STEP_SECONDS
        start = end - math.floor(self._history_seconds / STEP_SECONDS) * STEP_SECONDS
        members, queries, history = await self._read(newcomers, start, end)
        if members:
            await self._join(members, queries, start, history)
        return not any(followed.new for series in newcomers if (followed := self._series.get(series)))

    async def _read(self, newcomers: list[Series], start: float, end: float) -> tuple[list[Series], list[DemandQuery], NDArray[np.float32]]:
        """Those of the newcomers whose history could be read, by which query, and the history (minutes, series).

        One whose own trouble it is (an expression that Prometheus refuses, or that is several series) must not keep the others from theirs: it is
        left for the next time, and after FAILURES_MOST it learns from now on. Where Prometheus is away the rest is left for the next time.
        """
        # As the engine takes it: a week of a thousand series is 40 MB here, and a gigabyte as Python's numbers.
        history = np.full((round((end - start) / STEP_SECONDS) + 1, len(newcomers)), np.nan, np.float32)
        members: list[Series] = []
        queries: list[DemandQuery] = []
        for series in newcomers:
            followed = self._series.get(series)
            if followed is None:
                continue  # it went while others were read
            query, points = followed.query, {}
            try:
                points = await self._read_history(query, start, end)
            except SignalError as error:
                log.warning("the history of %s/%s, %s, cannot be read: %s", *series, error)
                followed.failures += 1
                if error.reason is NoValue.UNREACHABLE and not followed.served:
                    break
                if followed.failures < FAILURES_MOST:
                    continue
                if followed.cohort:  # it has its forecasts: what a short minute costs it is learned from now on
                    followed.misses = Misses()
                    continue
            for moment, value in points.items():
                history[round((moment - start) / STEP_SECONDS), len(members)] = value
            members.append(series)
            queries.append(query)
        return members, queries, history[:, : len(members)]

    async def _join(self, newcomers: list[Series], queries: list[DemandQuery], start: float, history: NDArray[np.float32]) -> None:
        """Learn the history of these, who then are a cohort."""
        cohort = _Cohort(Engine(len(newcomers)), newcomers)
        leads = [followed.lead if (followed := self._series.get(series)) else None for series in newcomers]
        lessons = [Lesson(place, lead, queries[place].behind_seconds) for place, lead in enumerate(leads) if lead is not None]
        await learn(cohort.engine, start, history, lessons)
        learned = {lesson.place: lesson.misses for lesson in lessons}
        self._cohorts.append(cohort)
        for place, (series, query) in enumerate(zip(newcomers, queries, strict=True)):
            followed = self._series.get(series)
            if followed and followed.query == query:
                followed.cohort, followed.place = cohort, place
                followed.misses = learned.get(place) if followed.lead is not None else None
                if self.check:
                    self.check.began(series, start, history[:, place])
        self._step(cohort, self._clock())
        if cohort.forecast is None and cohort.engine.time:
            cohort.foretell()
        log.info("forecasts of %d series begin, with %d minutes of history at most", len(newcomers), np.isfinite(history).sum(axis=0).max())

    def _step(self, cohort: _Cohort, now: float) -> bool:
        members = [self._member(cohort, index) for index in range(len(cohort.members))]
        moments = {minute for its in members if its for minute in its.notes if cohort.engine.time < minute <= now}
        for moment in sorted(moments):
            cohort.engine.update(moment, np.array([its.notes.get(moment, np.nan) if its else np.nan for its in members]))
        if moments:
            cohort.foretell()
        for series, its in zip(cohort.members, members, strict=True):
            if its:
                if self.check and moments:
                    self._tell(self.check, series, {moment: its.notes.get(moment, math.nan) for moment in sorted(moments)})
                its.notes = {minute: value for minute, value in its.notes.items() if minute > cohort.engine.time}
        return bool(moments)

    def _tell(self, check: CrossCheck, series: Series, minutes: dict[float, float]) -> None:
        ahead = self.ahead(series)
        check.stepped(series, minutes, lambda: ahead.point(AHEAD_SECONDS) if ahead else math.nan)

    def _drop(self, series: Series) -> None:
        self._series.pop(series, None)
        if self.check:
            self.check.forget(series)

    def _member(self, cohort: _Cohort, index: int) -> _Followed | None:
        followed = self._series.get(cohort.members[index])
        return followed if followed and followed.cohort is cohort and followed.place == index else None

    def _begin_anew(self, cohort: _Cohort) -> None:
        log.warning("the clock went back: the history of %d series is read again", len(cohort.members))
        for index in range(len(cohort.members)):
            if its := self._member(cohort, index):
                its.cohort, its.misses, its.notes = None, None, {}
