"""Asks Theta beside the engine: each series once in half an hour, one fit at a time in its own process; scores both a quarter of an hour later.

Beside the engines' steps: `began` and `stepped` tell what was seen and forecast, `run` works through a bounded queue. Whatever happens to the
process, the forecasts go on without it; what happened is told by `on_fit` and once by the log.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flyball.crosscheck import theta
from flyball.crosscheck.means import MINUTE, SPAN_SECONDS, Means
from flyball.crosscheck.scores import AHEAD_MINUTES, Scores
from flyball.crosscheck.worker import Trouble, Worker

log = logging.getLogger(__name__)

Key = tuple[str, str, str]

EVERY_SECONDS = 1800
"""As in the reference's experiment: fits of a week do not change much faster."""
AHEAD_SECONDS = float(AHEAD_MINUTES * MINUTE)
WAITING = 256
"""Fits that may wait; more are left out. At .9 s each, rest included, they are done in four minutes."""
REST = 9.0
"""After a fit, this many times as long as it took is rested: a tenth of a core at most, whatever a fit takes; 2,000 series each half hour at 90 ms.
Where that is too little the series are asked less often, for a fit that has waited until its forecast is due is left out."""
TROUBLES = 3
"""A process that hangs or dies this often in a row is left alone for a while."""
AWAY_SECONDS = 3600.0
POLL_SECONDS = 5.0


@dataclass(slots=True)
class _Followed:
    means: Means
    offset: int
    """Seconds after the half hour at which it is asked, so that all do not come at once."""
    scores: Scores = field(default_factory=Scores)
    made: dict[float, tuple[float, float]] = field(default_factory=dict)
    """Minute's end -> what the engine and Theta said of it."""


@dataclass(frozen=True, slots=True)
class _Job:
    key: Key
    followed: _Followed
    time: float
    means: NDArray[np.float64]
    point: float
    """What the engine says of the minute AHEAD_SECONDS later."""


class CrossCheck:
    """The second opinion on all series."""

    def __init__(
        self,
        worker: Worker | None = None,
        clock: Callable[[], float] = time.time,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker or Worker(prepare=theta.prepare)
        self._clock, self._rest, self._timer = clock, rest, timer
        self._series: dict[Key, _Followed] = {}
        self._queue: deque[_Job] = deque()
        self._troubles = 0
        self._told: set[str] = set()
        """Kinds of trouble that the log knows, until a fit succeeds."""
        self.on_fit: Callable[[str], None] = lambda outcome: None
        """Called with ok, hung, died, raised, late or full for each fit that was due."""
        self.on_ratio: Callable[[Key, float], None] = lambda key, ratio: None
        """Called with Theta's error over the engine's, as soon as there is one."""

    def began(self, key: Key, start: float, history: NDArray[np.floating]) -> None:
        """A series with its history by minutes (`start`: end of the first); one that is known begins anew."""
        means = Means()
        means.take(start, history)
        slots = EVERY_SECONDS // SPAN_SECONDS
        self._series[key] = _Followed(means, zlib.crc32("/".join(key).encode()) % slots * SPAN_SECONDS)

    def forget(self, key: Key) -> None:
        """The series is gone."""
        self._series.pop(key, None)

    def outdone(self, key: Key) -> bool:
        """Whether Theta has been clearly better for a day."""
        followed = self._series.get(key)
        return followed is not None and followed.scores.outdone

    def stepped(self, key: Key, minutes: Mapping[float, float], point: Callable[[], float]) -> None:
        """Minutes (their ends) that the engine has taken in, in order, and what it says now of AHEAD_SECONDS later."""
        followed = self._series.get(key)
        if followed is None:
            return
        for end, value in minutes.items():
            followed.means.add(end, value)
            self._score(key, followed, end, value)
        now = max(minutes, default=0.0)
        if now % EVERY_SECONDS != followed.offset:
            return
        means = followed.means.until(now)
        if len(theta.filled(means)) < theta.LEAST or not np.isfinite(means[-1]):
            return  # Theta would go by what is older than what the engine has
        if len(self._queue) >= WAITING:
            self.on_fit("full")
            return
        if math.isfinite(said := point()):
            self._queue.append(_Job(key, followed, now, means, said))

    async def run(self) -> None:
        """Work through what is due; ends only when cancelled, and the process with it."""
        try:
            while True:
                if self._queue:
                    await self._fit(self._queue.popleft())
                else:
                    await self._rest(POLL_SECONDS)
        finally:
            self._worker.close()

    async def _fit(self, job: _Job) -> None:
        if self._series.get(job.key) is not job.followed:
            return
        due = job.time + AHEAD_SECONDS
        if self._clock() >= due:
            self.on_fit("late")
            return
        began = self._timer()
        try:
            found = await self._worker.run(theta.ahead, job.means, (AHEAD_MINUTES,))
        except Trouble as trouble:
            self.on_fit(trouble.kind)
            await self._troubled(job, trouble)
        else:
            self.on_fit("ok")
            self._troubles = 0
            self._told.clear()
            job.followed.made[due] = (job.point, float(found[0]))
        await self._rest(REST * (self._timer() - began))

    async def _troubled(self, job: _Job, trouble: Trouble) -> None:
        if trouble.kind not in self._told:
            log.warning("the cross-check of %s/%s, %s, failed: %s; forecasts go on without it", *job.key, trouble)
            self._told.add(trouble.kind)
        if trouble.kind == "raised":
            return  # the series' own trouble
        self._troubles += 1
        if self._troubles >= TROUBLES:
            log.warning("cross-checks are left out for an hour: their process hung or died %d times in a row", self._troubles)
            self._troubles = 0
            await self._rest(AWAY_SECONDS)

    def _score(self, key: Key, followed: _Followed, end: float, value: float) -> None:
        for moment in [moment for moment in followed.made if moment <= end]:
            ours, theirs = followed.made.pop(moment)
            if moment == end and math.isfinite(value) and math.isfinite(theirs):
                followed.scores.add(end, abs(value - ours), abs(value - theirs))
                if math.isfinite(ratio := followed.scores.ratio):
                    self.on_ratio(key, ratio)
