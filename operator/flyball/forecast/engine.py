"""The engine: values of all series in, step by step; quantiles at horizons out.

One step: outcomes mature (weights, error distributions, skill and the ridge learn from them), then averages and profiles take the value in,
shifts are looked for, and the experts predict. Nothing after an origin reaches its forecast. All arrays run over series in their last axis;
a step costs the same for each, whatever its history.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from flyball.forecast import state
from flyball.forecast.aggregate import Aggregator
from flyball.forecast.conformal import Conformal
from flyball.forecast.drift import STEPS as DRIFT_STEPS
from flyball.forecast.drift import DriftDetector
from flyball.forecast.experts import View, ensemble, priors
from flyball.forecast.forecast import Forecast, Reason
from flyball.forecast.history import Array, History, Mask, Rescale
from flyball.forecast.levels import Levels
from flyball.forecast.peaks import Peaks
from flyball.forecast.pending import Matured, Pending
from flyball.forecast.profile import Profiles
from flyball.forecast.settings import Settings
from flyball.forecast.shift import STEPS as SHIFT_STEPS
from flyball.forecast.shift import ShiftDetector
from flyball.forecast.shipped import HOURS_AHEAD, HOURS_SEEN, NOTHING, Shipped, shipped
from flyball.forecast.skill import LAST, YESTERDAY, Skill

MEMORY_DAYS = 7.0
"""e-folding time of the experts' losses: a week's errors say more about the next hour than three days' do. With the condition on the level (`skill`)
and profiles in the shift detector, the upper end of the interval against the best peer fell from 1.06 to .99 at 15 minutes and from 1.08 to 1.02 at
60 (`make bench SUITE=forecast SECTION=accuracy`, tuning series)."""
USUAL_CHANGE_DAYS = 0.5
"""Memory of the usual one-step change that the ridge measures in."""
SMALLEST_CHANGE = 1e-3
CEILING = 1.5
"""Forecasts and quantiles lie at most at so many times the largest value of late. A series that jumps out of zero has errors in z that mean many
times its peak when added to a high forecast: pinball loss at 60 minutes was 3.23 times the best rule's in the benchmark's run before, .96 after."""
COLD_PARTS_OF_A_DAY = 4
"""Until a quarter of a day has been seen a bound is not to be acted on: errors at 15 min come in runs of as long, and a 95 % bound needs twenty of
them, five hours. On traces of an hour replicas by such bounds cost up to 1.46 times the cheapest peer's; by the demand of now 1.02 in the mean."""
AROUND_SECONDS = 150
"""Yesterday is looked up as a mean of so long on each side: minutes are noise, hours are the pattern itself."""


class Engine:
    """Forecasts of `count` series of one clock."""

    def __init__(self, count: int, settings: Settings | None = None, begin: Shipped | None = None, static: ArrayLike | None = None) -> None:
        """`begin`: what was learned elsewhere, for steps of an hour; left out: what ships with the package. `static` (series, features): numbers
        that say what a workload is (size, region, ...), about -1 to 1, and 0 in the mean or where not known.
        """
        if count < 1:
            raise ValueError(f"an engine needs a series; {count} were asked for.")
        self.count = count
        self.settings = settings = settings or Settings()
        if begin is None:
            begin = shipped() if settings.of_hours else NOTHING
        self.static = np.zeros((count, 0), np.float32) if static is None else np.asarray(static, np.float32)
        if self.static.ndim != 2 or len(self.static) != count:
            raise ValueError(f"static features are a row a series; {self.static.shape} does not fit {count} series.")
        kept = settings.day + 2 * settings.spans[1] + settings.bin_steps + 2
        if settings.of_hours:
            kept = max(kept, HOURS_SEEN + HOURS_AHEAD)  # the pool learns whole waves
        self.history = History(count, kept, settings.day, AROUND_SECONDS // settings.step_seconds)
        self.profiles = Profiles(count, settings)
        self.peaks = Peaks(count, settings)
        self.levels = Levels(count, settings)
        self.shifts = ShiftDetector(count, settings)
        self.drifts = DriftDetector(count, settings.day)
        self.experts = ensemble(count, settings, begin, self.static.shape[1])
        self.aggregator = Aggregator(priors(self.experts, settings), len(settings.horizons), count, MEMORY_DAYS * settings.day)
        self.conformal = Conformal(count, settings)
        self.skill = Skill(len(settings.horizons), count, settings.day)
        self.pending = Pending(len(self.experts), settings.horizons, count)
        self.step = -1  # of the last value, since the Unix epoch
        self.age = np.full(count, -1, np.int64)  # steps since a series' first value
        self.change = np.full(count, SMALLEST_CHANGE, np.float32)
        self.point = np.full((len(settings.horizons), count), np.nan, np.float32)
        self.missed = np.zeros(count, np.float32)  # errors of the combination at the horizons of a drift's line, in z, a step ahead
        self.weights = np.zeros((len(self.experts), len(settings.horizons), count), np.float32)

    @property
    def time(self) -> float:
        """Unix seconds of the end of the last step; 0 before the first."""
        return float((self.step + 1) * self.settings.step_seconds) if self.step >= 0 else 0.0

    def update(self, time: float, values: ArrayLike) -> None:
        """Take the values (series,) of the step that ended at `time` (Unix seconds). NaN is missing, not 0; steps left out are missing.

        Raises ValueError on a wrong shape, a negative or infinite value, or a time that is not later than the last: nothing has changed then.
        """
        given = np.asarray(values, np.float64)
        if given.shape != (self.count,):
            raise ValueError(f"the engine has {self.count} series; values of shape {given.shape} do not fit.")
        if np.isinf(given).any() or (given < 0).any():
            raise ValueError("values are finite and not negative; NaN says that one is missing.")
        step = round(time / self.settings.step_seconds) - 1
        if self.step >= 0 and step <= self.step:
            raise ValueError(f"the step that ended at {time:.0f} is in already, or came too late: the last one ended at {self.time:.0f}.")
        if self.step >= 0:
            self._skip(step)
        known = np.isfinite(given)
        self._take(step, np.where(known, given, 0.0).astype(np.float32), known)

    def backfill(self, times: ArrayLike, values: ArrayLike) -> None:
        """Take a history: times (steps,), values (steps, series). The same as one `update` after the other."""
        rows = np.asarray(values, np.float64)
        moments = np.asarray(times, np.float64)
        if rows.ndim != 2 or len(rows) != len(moments):
            raise ValueError(f"{len(moments)} times and values of shape {rows.shape} do not belong together.")
        for time, row in zip(moments, rows, strict=True):
            self.update(float(time), row)

    def forecast(self) -> Forecast:
        """Of all series, as of the last step."""
        settings = self.settings
        quantiles = np.array(settings.quantiles, np.float64)
        middle = self.history.to_z(np.nan_to_num(self.point))
        away = self.conformal.offsets(quantiles, self.conformal.scale(self.step))
        values = self.history.to_values(middle[None] + away)
        values = np.minimum(values, CEILING * self.history.peak)
        values = np.maximum.accumulate(np.where(np.isnan(self.point), np.nan, values), axis=0)
        reasons = self._reasons()
        ready = self.profiles.delay + self.profiles.bin_steps + settings.day
        day_ready, _ = self.profiles.ready(self.age)
        due = (self.step + 1 + ready - self.age) * float(settings.step_seconds)
        return Forecast(
            time=self.time,
            step_seconds=settings.step_seconds,
            horizons=np.array(settings.horizons, np.int64),
            quantiles=quantiles,
            point=self.point.T.copy(),
            values=np.moveaxis(values, (0, 1, 2), (2, 1, 0)).astype(np.float32),
            skill_last=self.skill.against(LAST).T,
            skill_yesterday=self.skill.against(YESTERDAY).T,
            usable=np.array([reason in (Reason.OK, Reason.NO_SKILL, Reason.SHIFTED) for reason in reasons]),
            reasons=reasons,
            expert_names=tuple(expert.name for expert in self.experts),
            weights=np.moveaxis(self.weights, (0, 1, 2), (2, 1, 0)),
            useful_from=np.where(day_ready | (self.age < 0), np.nan, due),
            peaks=self.peaks.at(self.step + np.array(settings.horizons)).T,
        )

    def state(self) -> bytes:
        """All that the engine knows; `restore` goes on from it as if nothing had happened."""
        return state.dump(self)

    @classmethod
    def restore(cls, stored: bytes, count: int, settings: Settings | None = None, static: ArrayLike | None = None) -> Engine:
        """The engine that `state` came from. Raises StateError for other settings, another number of series or static features, or broken bytes."""
        engine = cls(count, settings, static=static)
        state.load(engine, stored)
        return engine

    def _reasons(self) -> tuple[Reason, ...]:
        stale = self.history.missing >= self.settings.stale_after
        cold = self.age < max(2 * self.settings.spans[1], self.settings.day // COLD_PARTS_OF_A_DAY)
        lost = np.atleast_1d(self.skill.demoted.all(axis=0))
        found = []
        for series in range(self.count):
            if cold[series]:
                found.append(Reason.COLD_START)
            elif stale[series]:
                found.append(Reason.STALE)
            elif self.shifts.left[series] or self.drifts.slope[series]:
                found.append(Reason.SHIFTED)
            else:
                found.append(Reason.NO_SKILL if lost[series] else Reason.OK)
        return tuple(found)

    def _skip(self, step: int) -> None:
        """Steps without any value: only the clock goes on. After more than a day the ring would hold nothing but fill: whole days are left out."""
        missing = step - self.step - 1
        day = self.settings.day
        if missing > 2 * day:
            self.step += (missing // day - 1) * day
        nothing = np.zeros(self.count, np.bool_)
        while self.step < step - 1:
            self._push(self.step + 1, np.zeros(self.count, np.float32), nothing)

    def _take(self, step: int, values: Array, known: Mask) -> None:
        matured = self.pending.matured(step)
        if matured is not None:
            self._learn(step, matured, values, known)
        view = self._push(step, values, known)
        for expert in self.experts:
            expert.learn(view, known)
        self._predict(view)

    def _push(self, step: int, values: Array, known: Mask) -> View:
        """The value goes into history, averages and profiles."""
        first = known & (self.age < 0)
        before = self.levels.plain[0].copy()
        filled = np.where(known, values, self._fill(step))
        change = self.history.push(filled, known)
        self.step = step
        self.age = np.where(first, 0, np.where(self.age >= 0, self.age + 1, -1))
        if change is not None:
            before[change.which] = change.convert(before[change.which])
            self._rescale(step, change)
        self.profiles.update(step, self.history)
        self.peaks.update(step, self.history)
        settings, history, z = self.settings, self.history, self.history.z()
        day_ready, week_ready = self.profiles.ready(self.age)
        begun = step - DRIFT_STEPS + 1
        around = [moment + away for moment in (begun, step) for away in (-settings.bin_steps, 0, settings.bin_steps)]
        steps = [step - SHIFT_STEPS, step, *(step + horizon for horizon in settings.horizons), *around]
        fast, slow, weekly = self._profiles(steps, day_ready, week_ready)
        opened, opened_week = (now & ~before for now, before in zip((day_ready, week_ready), self.profiles.ready(self.age - 1), strict=True))
        if opened.any():
            self.levels.anchor(opened, slow[1], self.profiles.slow.mean(axis=0))
            if settings.far:
                self.aggregator.begin(opened)
                self.skill.begin(opened)
        if opened_week.any():
            self.levels.anchor_week(opened_week, weekly[1])
        if settings.of_hours and (woken := self.age == HOURS_SEEN - 1).any():
            self.aggregator.begin(woken)  # what others taught about two days is heard from now on
        self.levels.update(z, slow[1], weekly[1], known)
        if first.any():
            self.levels.start(first)
        self._usual(z - before, known & ~first)
        if settings.shift:
            self._drift(slow[-6:], weekly[-6:])
            self._shift(slow[-3:], weekly[-3:], slow[1] - slow[0])
        third = settings.spans[1] // 3
        return View(
            step=step,
            settings=settings,
            history=history,
            levels=self.levels,
            now=(fast[1], slow[1], weekly[1]),
            ahead=(fast[2:-6], slow[2:-6], weekly[2:-6]),
            # A day before the steps ahead, but never ahead of now: a day before a day ahead is now.
            yesterday=history.around([max(history.half, settings.day - horizon) for horizon in settings.horizons]),
            yesterday_now=history.around([settings.day + back * third for back in (0, 1, 2)]).mean(axis=0),
            day_seen=self.age >= settings.day,
            day_ready=day_ready,
            week_ready=week_ready,
            scale=np.maximum(self.change, SMALLEST_CHANGE),
            age=self.age,
            static=self.static,
        )

    def _usual(self, move: Array, known: Mask) -> None:
        gain = np.maximum(2.0 / (USUAL_CHANGE_DAYS * self.settings.day), 1.0 / np.maximum(self.history.seen - 1, 1))
        size = np.maximum(np.abs(move), SMALLEST_CHANGE)
        # One jump does not make a series wild: what counts is at most ten times what was usual, once that is known.
        size = np.where(self.history.seen > self.settings.spans[1], np.minimum(size, 10.0 * self.change), size)
        self.change += np.where(known, gain * (size - self.change), 0.0).astype(np.float32)

    def _drift(self, slow: Array, weekly: Array) -> None:
        """`slow` and `weekly` (6, series): the profiles a bin before, at, and a bin after the first and the last step of a drift's line."""
        lags = range(DRIFT_STEPS - 1, -1, -1)
        known = np.logical_and.reduce([self.history.valid(lag) for lag in lags])
        explained = np.concatenate([slow[3:] - slow[:3], weekly[3:] - weekly[:3]])
        ready = self.shifts.calm >= DRIFT_STEPS
        self.drifts.look(np.stack([self.history.z(lag) for lag in lags]), known, explained, self.missed, ready)

    def _shift(self, slow: Array, weekly: Array, rise: Array) -> None:
        """`slow` and `weekly` (3, series): the profiles a bin ago, now, in a bin; `rise`: of the slow one in the steps that are looked at."""
        shifted, by, level = self.shifts.look(self.history, self.levels, slow, weekly, rise)
        if shifted.any():
            self.levels.move(shifted, level.astype(np.float32), slow[1], weekly[1], by.astype(np.float32))
            # A return was thought possible already: the shift before it has widened the bounds.
            self.conformal.widen(shifted & (self.shifts.by != 0), by)

    def _fill(self, step: int) -> Array:
        """What stands in for a missing value: profile plus level (reference, section 4: better than the last value from gaps of minutes on)."""
        _, slow, _ = self._profiles([step], *self.profiles.ready(self.age))
        return np.where(self.age >= 0, self.history.to_values(slow[0] + self.levels.rest[3]), np.float32(0.0))

    def _profiles(self, steps: list[int], day_ready: Mask, week_ready: Mask) -> tuple[Array, Array, Array]:
        """Fast, slow and weekly profile (steps, series); 0 where not ready."""
        fast, slow, weekly = self.profiles.at(np.array(steps))
        zero = np.float32(0.0)
        return np.where(day_ready, fast, zero), np.where(day_ready, slow, zero), np.where(week_ready, weekly, zero)

    def _predict(self, view: View) -> None:
        height = len(self.settings.horizons)
        predictions = np.empty((len(self.experts), height, self.count), np.float32)
        awake = np.empty((len(self.experts), self.count), np.bool_)
        ceiling = CEILING * self.history.peak
        for place, expert in enumerate(self.experts):
            z, awake[place] = expert.predict(view)
            predictions[place] = np.minimum(self.history.to_values(z), ceiling)
        awake &= self.age >= 0
        predictions = np.where(awake[:, None], predictions, np.float32(0.0))
        self.weights = self.aggregator.weights(awake)
        mixture = (self.weights * predictions).sum(axis=0)
        level = self.history.to_values(self.levels.plain[2])
        given = np.where(self.skill.demoted, level, mixture)
        if self.drifts.slope.any():
            steps = np.array(self.settings.horizons, np.float32)[:, None]
            line = self.history.to_values(self.drifts.end + view.ahead[1] - view.now[1] + self.drifts.ahead(steps))
            given = given + self.drifts.share(steps) * (np.minimum(line, ceiling) - given)
        self.point = np.where(self.age >= 0, given, np.nan).astype(np.float32)
        last = self.history.to_values(self.levels.plain[0])
        self.pending.keep(view.step, predictions, last, level, mixture, self.point, self.conformal.scale(view.step), awake)

    def _learn(self, step: int, matured: Matured, values: Array, known: Mask) -> None:
        lengths = np.array(self.settings.horizons)[matured.horizons]
        use = known & (self.age + 1 >= lengths[:, None]) & np.isfinite(matured.given)
        near = lengths <= max(DRIFT_STEPS, self.settings.horizons[0])
        if near.any():
            missed = (self.history.to_z(values) - self.history.to_z(matured.mixture[near])).sum(axis=0) / np.float32(lengths[near].sum())
            self.missed = np.where(use[near].all(axis=0), missed, 0.0).astype(np.float32)
        self.aggregator.learn(matured, values, use, self.history.size)
        given = np.where(use, matured.given, np.float32(0.0))
        self.conformal.learn(matured, step, self.history.to_z(values) - self.history.to_z(given), use)
        lag = self.settings.day - 1  # the value of `step` is not in the history yet
        there = self.history.valid(lag) if self.history.steps >= self.settings.day else np.zeros(self.count, np.bool_)
        yesterday = np.where(there, np.abs(values - self.history.value(lag)), np.float32(np.nan))
        others = [np.abs(values - other) for other in (matured.mixture, matured.last, matured.level)]
        errors = np.stack([*others, np.broadcast_to(yesterday, use.shape)])
        self.skill.learn(matured.horizons, errors, use, matured.elapsed)

    def _rescale(self, step: int, change: Rescale) -> None:
        self.profiles.rescale(change)
        _, slow, weekly = self._profiles([step], *self.profiles.ready(self.age))
        self.levels.rescale(change, slow[0], weekly[0])
        self.shifts.rescale(change)
        self.drifts.rescale(change)
        for expert in self.experts:
            expert.rescale(change)
