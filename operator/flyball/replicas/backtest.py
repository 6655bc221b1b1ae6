"""What would have been: a demand's history played to the forecast engine and the plan, minute by minute, without looking ahead.

Behind `flyball forecast`. Beside the plan with forecasts run the same plan without any (what an HPA on this metric does) and a fixed number of
replicas that carries the peak. Pure; a generator tells how far it is.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flyball.forecast import Engine, Forecast, Reason
from flyball.replicas.misses import MEDIAN, Misses
from flyball.replicas.plan import decide
from flyball.replicas.types import Need, Observation, PlanSettings, PlanState

MINUTE = 60
WARM_UP_MINUTES = 1440
"""Not scored: a day, after which the engine knows what a day is like."""
LEAST_MINUTES = WARM_UP_MINUTES + 720
"""Half a day to score is the least that says anything."""
HORIZONS = (1, 5, 15, 60)
SOME_SKILL = 0.05
"""Five percent less error than the last value: below, one day's luck decides the sign."""


class TooShort(ValueError):
    """A series that nothing can be learned from; a sentence says why."""


@dataclass(slots=True)
class Score:
    """Sums of absolute errors at one horizon, over the minutes at which all three are known."""

    count: int = 0
    ours: float = 0.0
    last: float = 0.0
    yesterday: float = 0.0
    covered: int = 0
    """Minutes in which the quantile sufficed."""

    @property
    def skill(self) -> float:
        """1 - error / error of the better of last value and yesterday's."""
        best = min(self.last, self.yesterday)
        return 1 - self.ours / best if best > 0 else math.nan


@dataclass(slots=True)
class Outcome:
    """One way of choosing replicas, over the scored minutes."""

    name: str
    replica_hours: float = 0.0
    short_minutes: int = 0
    """Minutes in which ready replicas carried less than the demand."""
    unserved: float = 0.0
    """Demand above what ready replicas carry, as a share of all demand."""
    replicas: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Backtest:
    """The result; lists run over the scored minutes."""

    times: list[float]
    actual: list[float]
    point: list[float]
    """Forecast for this minute, made when a replica had to be asked for."""
    upper: list[float]
    scores: dict[int, Score]
    outcomes: list[Outcome]
    reason: str
    """How the engine sees the series at its end."""

    @property
    def verdict(self) -> str:
        """What a person should make of it."""
        score = self.scores[15]
        against_last = 1 - score.ours / score.last if score.last > 0 else math.nan
        if not math.isfinite(against_last) or against_last < SOME_SKILL:
            return (
                "There is no pattern that a quarter of an hour's forecast could use: the last value does as well. "
                "Flyball would follow the demand of now, as an HPA does."
            )
        against_yesterday = 1 - score.ours / score.yesterday if score.yesterday > 0 else 0.0
        compared = f"{abs(against_yesterday):.0%} {'less' if against_yesterday >= 0 else 'more'} than yesterday's"
        return f"A quarter of an hour ahead the forecast errs {against_last:.0%} less than the last value, and {compared}."


class _Replicas:
    """Replicas under one plan: those asked for are ready after a while, those let go are gone at once."""

    def __init__(self, outcome: Outcome, settings: PlanSettings, first: int, delay: int) -> None:
        self.outcome, self._settings, self._delay = outcome, settings, delay
        self._state, self._ready, self._coming, self.current = PlanState(), first, deque[tuple[int, int]](), first

    def step(self, minute: int, need: Need, scored: bool) -> None:
        while self._coming and self._coming[0][0] <= minute:
            self._ready += self._coming.popleft()[1]
        if scored and math.isfinite(need.demand):
            carried = self._ready * need.capacity
            self.outcome.replica_hours += self.current / 60
            self.outcome.short_minutes += carried < need.demand
            self.outcome.unserved += max(0.0, need.demand - carried)
            self.outcome.replicas.append(self.current)
        observation = Observation(minute * float(MINUTE), (need,), self.current, self._ready)
        self._state, decision = decide(self._state, observation, self._settings)
        change = decision.replicas - self.current
        if change > 0:
            self._coming.append((minute + self._delay, change))
        while change < 0:
            # Those that are not ready yet go first, as Kubernetes deletes them.
            taken = min(-change, self._coming[-1][1] if self._coming else self._ready)
            if self._coming:
                when, count = self._coming.pop()
                if count > taken:
                    self._coming.append((when, count - taken))
            else:
                self._ready -= taken
            change += taken
        self.current = decision.replicas


def play(
    times: Sequence[float], values: Sequence[float], settings: PlanSettings, capacity: float, ready_after_seconds: float, quantile: float
) -> Iterator[float | Backtest]:
    """Yields the share done, 0 to 1, every now and then, and the result at last. `times`: ends of minutes; NaN values are missing. `quantile`: that
    the forecast is taken at, and of the band; where the settings have a price of a short minute, of the band alone.

    Raises TooShort for less than a day and a half, or a series without demand.
    """
    known = sum(1 for value in values if math.isfinite(value))
    if known < LEAST_MINUTES:
        raise TooShort(
            f"The series has {known / 60:.1f} hours of values at one minute; {LEAST_MINUTES / 60:.0f} are the least: "
            "a day to learn what a day is like, and half a day to see whether it was learned."
        )
    peak = max(value for value in values if math.isfinite(value))
    if peak <= 0:
        raise TooShort("The series is zero throughout: there is no demand to be ready for.")
    delay = max(1, math.ceil(ready_after_seconds / MINUTE))
    engine = Engine(1)
    result = Backtest([], [], [], [], {horizon: Score() for horizon in HORIZONS}, [], "")
    first = max(settings.minimum, 1)
    price = "" if settings.short_price is None else f", a short minute at {settings.short_price:g} minutes of a replica"
    ahead, reactive = Outcome(f"with forecasts{price}"), Outcome("demand of now alone, as an HPA")
    runs = (_Replicas(ahead, settings, first, delay), _Replicas(reactive, replace(settings, short_price=None), first, delay))
    misses = Misses() if settings.short_price is not None else None
    taken = quantile if misses is None else MEDIAN
    made: dict[int, Forecast] = {}
    longest = max(*HORIZONS, delay)
    for index, (time, value) in enumerate(zip(times, values, strict=True)):
        minute, scored = round(time / MINUTE), index >= WARM_UP_MINUTES
        engine.update(time, [value])
        forecast = made[minute] = engine.forecast()
        made.pop(minute - longest - 1, None)
        usable = bool(forecast.usable[0]) and forecast.reasons[0] is not Reason.NO_SKILL
        most = forecast.most(0, delay * float(MINUTE), taken) if usable else None
        need = Need("demand", value, capacity, 0.0 if math.isfinite(value) else math.inf)
        shares = misses.look(time, value, most, delay * float(MINUTE)) if misses else None
        runs[0].step(minute, replace(need, forecast=most, shares=shares), scored)
        runs[1].step(minute, need, scored)
        if scored and math.isfinite(value):
            _score(result, made, minute, index, values, quantile)
            earlier = made.get(minute - delay)
            result.times.append(time)
            result.actual.append(value)
            result.point.append(earlier.at(0, delay * float(MINUTE)) if earlier else math.nan)
            result.upper.append(earlier.at(0, delay * float(MINUTE), quantile) if earlier else math.nan)
        if index % 200 == 0:
            yield index / len(times)
    total = sum(result.actual)
    fixed = min(settings.maximum, max(settings.minimum, math.ceil(max(result.actual) / capacity - 1e-9)))
    short = [demand for demand in result.actual if demand > fixed * capacity]
    steady = Outcome("a fixed number for the peak", fixed * len(result.actual) / 60, len(short), sum(short) - len(short) * fixed * capacity)
    steady.replicas = [fixed] * len(result.actual)
    result.outcomes = [ahead, reactive, steady]
    for outcome in result.outcomes:
        outcome.unserved = outcome.unserved / total if total else 0.0
    result.reason = engine.forecast().reasons[0].value
    yield result


def _score(result: Backtest, made: dict[int, Forecast], minute: int, index: int, values: Sequence[float], quantile: float) -> None:
    value = values[index]
    for horizon, score in result.scores.items():
        earlier, last, yesterday = made.get(minute - horizon), values[index - horizon], values[index - WARM_UP_MINUTES]
        if earlier is None or not (math.isfinite(last) and math.isfinite(yesterday)):
            continue
        seconds = horizon * float(MINUTE)
        point = earlier.at(0, seconds)
        if not np.isfinite(point):
            continue
        score.count += 1
        score.ours += abs(value - point)
        score.last += abs(value - last)
        score.yesterday += abs(value - yesterday)
        score.covered += value <= earlier.at(0, seconds, quantile)
