"""Drifts: a load that leaves its pattern minute by minute and does not jump. Its line is followed, damped, for as long as it goes on.

Beside `shift`, which sees jumps. A straight line goes through the last steps; what patterns explain of its rise, by whichever explains most, is taken
off. A drift is told when what is left is far outside what this usually gives for the series, when a line fits better than any single jump, and
when two looks in a row say so. While it lasts forecasts go on along the line, as far ahead as a line of that length may say something. Nobody knows
when a drift ends: its slope counts less with each step. No average moves: a burst is over soon, and what is usual an hour ahead stays so.
"""

from __future__ import annotations

import numpy as np

from flyball.forecast.history import Array, Mask, Rescale

STEPS = 8
"""Points of the line: five are swayed by noise, and with twelve a drift is seen, and its end, four minutes later."""
TIMES_USUAL = 4.0
"""Mean absolute rises beyond the patterns."""
SMALLEST = 0.2
"""In z: about a fifth more within the line's steps."""
CERTAIN = 3.0
"""Standard errors of the slope."""
UNEXPECTED = 0.8
"""Share of the slope by which forecasts of the last minutes must have been wrong: what profiles blur, and the combination still knows, is no drift
(a series whose jobs come at yesterday's minutes would drift with each of them)."""
GOES_ON = 0.5
"""A drift has ended when the rise, or what of it nobody expected, is below so much of what begins one."""
MEMORY_DAYS = 7.0
"""A rise that is no larger than one of late is nothing new: bursts that come and go are for the combination to know, and a line would overshoot each.
The largest fades by an eighth a day, so that a drift of the same size on another day is followed again."""
DAMPING = 0.87
"""What of the slope is left after each step: a line is followed for some six steps in all, however far the horizon is. With .93 a quarter of an hour
ahead is nearer while a load rises, and further off when the rise has ended, for longer."""


class DriftDetector:
    """What is usual for each series, and who drifts. Arrays are (series,)."""

    def __init__(self, count: int, day: int) -> None:
        self.usual = np.zeros(count, np.float32)
        self.looks = np.zeros(count, np.int32)
        self.said = np.zeros(count, np.int8)  # sign of the drift that the last look saw
        self.slope = np.zeros(count, np.float32)  # of those who drift, beyond their patterns, in z a step; else 0
        self.end = np.zeros(count, np.float32)  # where the line ends
        self.most = np.zeros(count, np.float32)  # largest rise of late that looked like a drift
        self.now = np.zeros(count, np.float32)  # largest of the one that goes on
        self.day = day

    def look(self, z: Array, known: Mask, explained: Array, missed: Array, ready: Mask) -> None:
        """Take a look at who drifts. `z` (STEPS, series), oldest first; `known`: all of them are values; `explained` (patterns, series): by how much
        each pattern rises meanwhile; `missed` (series,): errors of the last forecasts, a step ahead; `ready`: who may begin to drift now."""
        times = np.arange(STEPS, dtype=np.float32) - (STEPS - 1) / 2
        spread = np.float32((times**2).sum())
        mean = z.mean(axis=0)
        slope = (times[:, None] * z).sum(axis=0) / spread
        noise = np.sqrt(np.maximum(((z - mean) ** 2).sum(axis=0) - slope**2 * spread, 0.0) / ((STEPS - 2) * spread))
        rise = slope * np.float32(STEPS - 1)
        most, least = np.maximum(explained.max(axis=0), 0.0), np.minimum(explained.min(axis=0), 0.0)
        beyond = np.where(rise > most, rise - most, np.where(rise < least, rise - least, 0.0))
        sign, size = np.sign(beyond), np.abs(beyond)
        straight = (slope**2 * spread > _jump(z - mean)) & (np.abs(slope) > CERTAIN * noise)
        threshold = np.maximum(SMALLEST, TIMES_USUAL * self.usual)
        wrong = sign * missed * np.float32(STEPS - 1)
        seen = known & ready & (self.looks > 2 * STEPS) & straight & (size > threshold) & (wrong > UNEXPECTED * size)
        again = seen & (self.said == sign) & (size > self.most)
        still = (np.sign(self.slope) == sign) & (sign != 0) & (size > GOES_ON * threshold) & (wrong > GOES_ON * UNEXPECTED * size)
        on = known & (still | again)
        self.looks += known
        gain = np.where(known, np.maximum(4.0 / self.day, 1.0 / np.maximum(self.looks, 1)), 0.0)
        limit = np.where(self.looks > 2 * STEPS, threshold, np.inf)
        self.usual += (gain * (np.minimum(size, limit) - self.usual)).astype(np.float32)
        self.most *= np.float32(np.exp(-1.0 / (MEMORY_DAYS * self.day)))
        self.most = np.where(seen | on, self.most, np.maximum(self.most, self.now))
        self.now = np.where(seen | on, np.maximum(self.now, size), 0.0).astype(np.float32)
        self.said = np.where(seen, sign, 0).astype(np.int8)
        self.slope = np.where(on, beyond / np.float32(STEPS - 1), 0.0).astype(np.float32)
        self.end = np.where(on, mean + slope * np.float32((STEPS - 1) / 2), self.end).astype(np.float32)

    def ahead(self, steps: Array) -> Array:
        """What a drift adds to the line's end (len(steps), series); 0 for who does not drift. `steps` (n, 1) ahead."""
        return np.asarray(self.slope * (DAMPING * (1 - DAMPING**steps) / (1 - DAMPING)), np.float32)

    def share(self, steps: Array) -> Array:
        """How much of a forecast `steps` (n, 1) ahead is the line's (n, series): all to twice the line's length, nothing from four times on."""
        return np.where(self.slope != 0, np.clip(2.0 - steps / (2 * STEPS), 0.0, 1.0), 0.0).astype(np.float32)

    def rescale(self, change: Rescale) -> None:
        """Slopes and ends were in the old scale: who is rescaled drifts no more, or begins anew."""
        self.slope[change.which] = 0.0
        self.now[change.which] = 0.0
        self.said[change.which] = 0


def _jump(centred: Array) -> Array:
    """What the best single jump explains of the squares of `centred` (STEPS, series): a jump is for `shift`, and no line."""
    before = np.cumsum(centred, axis=0)[:-1]
    count = np.arange(1, STEPS, dtype=np.float32)[:, None]
    return np.asarray((before**2 * (STEPS / (count * (STEPS - count)))).max(axis=0), np.float32)
