"""Policy `budget`: the burn rate of the error budget moves one pressure, and the pressure sets the targets of all groups.

No model, no warm-up, no exploration that breaks the objective: it starts where nothing is throttled and rises as long as burn stays surely below
the aim. What was too much is remembered as a ceiling. Departs from Autothrottle's Tower, a contextual bandit that treats each minute above the
objective as a failure and explores for twelve hours (NSDI'24, section 3.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from flyball.cpu.tower.standstill import LOST_SHARE, due, held_up, remembered
from flyball.cpu.tower.types import Alternative, Observation, Reading, Reason, Settings, TowerState

CEILING_SHARE = 0.9
"""After a guard, or a cut under an objective over minutes, a ceiling lies this far below the pressure that burned too fast."""

CUT_EXPONENT, CUT_EXPONENT_SURGE = 0.5, 0.2
"""A cut is the ratio of aim to burn to this power. Slow requests grow with pressure's fifth to seventh power near the aim (simulation, two
applications), so that a fifth meets the aim and a half goes well below it: right where each minute counts, a waste where an hour does. An hour is cut
like that where burn is beyond SURGE times the aim."""

CUT_PER_MINUTE = 0.1
"""The same for an hour that burns a little too fast, for each minute that it does: a step shows in the readings a minute later, so that less than the
whole correction is due in that time. It is also about as fast as pressure rises again, or burn would lie below the aim on average: with a fifth at
once, and no rise for a minute, Social-Network spent .65 % where .85 % was aimed at."""

SURGE = 2.0
"""Burn over aim."""

REST_SHARE = 4.0
"""What was begun rests where there are so many times fewer requests than it takes to begin: a load at the edge must not turn to and fro."""

MINUTE = 60.0

WINDOW_OF_MINUTES, WINDOW_OF_HOURS = 600.0, 3600.0
"""Seconds. An objective over ten minutes or less is steered so that each minute lies within, one over an hour or more by what the hour may spend;
between them by the logarithm of the window."""

MINUTES_PLANNED = 0.7
"""Share of the minutes that may lie above from which on the aim is lowest: a minute above is known when it is over."""

PROMPT_SECONDS = 30.0
"""Look-back for which `rise_per_minute` was chosen. In simulation (three plants, eight seeds each) an hour had at most 2.2 minutes above
the objective in the mean at look-backs of 30 to 240 s; with the same rise for all of them, 14 at 240 s."""

NORMAL_FROM = 400.0
"""Mean from which the normal law serves: its error there is below a hundredth at 10 %."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one objective asks for."""

    pressure: float
    reason: Reason
    message: str
    reading: Reading | None = None
    burn: float = math.nan
    expected: str = ""
    alternatives: tuple[Alternative, ...] = ()
    wait_seconds: float = 0.0
    """How long nothing is to rise: until a cut shows in the readings in full."""

    def staying(self, pressure: float, why: str) -> Proposal:
        """The same readings, and what is made of them instead: targets stay at `pressure`."""
        return replace(self, pressure=pressure, message=f"{self.message.rpartition(': ')[0]}: {why}")


def propose(state: TowerState, observation: Observation, settings: Settings) -> tuple[TowerState, Proposal]:
    """The next pressure. With several objectives the most careful proposal wins."""
    state = sane(replace(state, ceiling=_forgotten(state, observation.time, settings)), observation, settings)
    if not observation.readings:
        return state, Proposal(0.0, Reason.START, "No objective has been read yet: no throttling is tolerated.")
    proposals = [_for_reading(state, reading, observation, settings) for reading in observation.readings]
    chosen = min(proposals, key=lambda proposal: (proposal.pressure, -proposal.burn if math.isfinite(proposal.burn) else 0.0))
    return remember(state, chosen, observation, settings), chosen


def too_few(pressure: float, observation: Observation, settings: Settings) -> str:
    """Why everything is to be given back for now, where no objective has the requests that it takes to steer; empty where one has, or where they are
    not known. The pressure stays, for the time when there are more."""
    known = [its for its in observation.readings if its.usable and its.age_seconds <= settings.stale_seconds]
    if not known or len(known) < len(observation.readings):
        return ""
    most = max(known, key=_allowed)
    if _allowed(most) >= settings.enough / (1.0 if pressure <= 0 else REST_SHARE):
        return ""
    return (
        f"{most.objective.name}: {most.total:.0f} requests in {most.seconds:.0f} s are too few to tell whether the objective is kept "
        f"({settings.enough / most.objective.allowed_share:.0f} are enough): everything is given back until there are more."
    )


def _allowed(reading: Reading) -> float:
    return reading.total * reading.objective.allowed_share


def at_least(count: float, mean: float) -> float:
    """Probability that a Poisson count of this mean is `count` or more.

    Slow requests are rare and many are counted, so that their number is Poisson; exact up to a mean of NORMAL_FROM, the normal law beyond.
    """
    whole = round(count)
    if whole <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if mean > NORMAL_FROM:
        return 0.5 * math.erfc((whole - 0.5 - mean) / math.sqrt(2 * mean))
    term = below = math.exp(-mean)
    for number in range(1, min(whole, math.ceil(mean + 40 * math.sqrt(mean) + 40))):
        term *= mean / number
        below += term
    return max(0.0, 1.0 - below)


def unsafe(state: TowerState, reading: Reading, observation: Observation, settings: Settings) -> Proposal | None:
    """What any policy must do about a reading before it spends: signals lost, a standstill, a surge, a budget overdrawn. None: it may spend."""
    name, budget = reading.objective.name, reading.budget
    if not reading.usable or reading.age_seconds > settings.stale_seconds:
        return _without_signals(state, reading, observation, settings)
    before, held = due(state.rates, reading), held_up(observation.workloads)
    if held is not None and 1.0 - at_least(reading.total + 1, LOST_SHARE * before) < settings.doubt:
        message = (
            f"{name}: {reading.total:.0f} requests ended in {reading.seconds:.0f} s where {before:.0f} did before, and {held.name} is out of quota "
            f"{held.throttle_ratio:.0%} of the time: a standstill; everything is given back for {_longest_hold(observation, settings):.0f} s."
        )
        return Proposal(0.0, Reason.GUARD, message, reading, expected="Requests that wait end within the minute.")
    if reading.total == 0:
        return Proposal(state.pressure, Reason.HOLD, f"{name}: no requests in the last {reading.seconds:.0f} s; targets stay.", reading)
    burn = reading.burn
    by_window = _by_window(reading, settings.guard_burn, settings.guard_burn_hour)
    guard_burn = settings.guard_burn if reading.objective.counts_minutes else by_window
    given_back = observation.time < state.guard_until  # and goes on for as long as requests are slow: only so is it seen whether that cures it
    if (burn >= guard_burn or given_back or budget.left <= 0) and surely_above(reading, 1.0, settings):
        message = f"{_seen(reading)}: a surge; everything is given back for {_longest_hold(observation, settings):.0f} s."
        return Proposal(0.0, Reason.GUARD, message, reading, burn, "Slow requests fall back within the minute.", (_hold(reading, burn),))
    if budget.left <= 0:
        message = f"{_seen(reading)}; the window's budget is overdrawn ({budget.left:.0%} left): no throttling is tolerated until it recovers."
        return Proposal(0.0, Reason.OVERDRAWN, message, reading, burn, "The budget recovers as slow minutes leave the window.")
    return None


def aim_of(reading: Reading, settings: Settings) -> float:
    """Burn rate to steer to: for an objective over minutes a share of what it allows, for one over hours what the window may still spend. Where the
    objective says how many minutes may lie above, by how many of them did."""
    budget, objective = reading.budget, reading.objective
    thrift = max(0.0, min(1.0, budget.left / settings.reserve))
    by_window = _by_window(reading, settings.burn_aim * thrift, budget.pace)
    if not objective.counts_minutes:
        return by_window
    planned = MINUTES_PLANNED * objective.minutes_above_share * objective.window_seconds / MINUTE
    spent, unspent = settings.burn_aim_spent, settings.burn_aim_unspent
    return min(by_window, thrift * (spent + (unspent - spent) * max(0.0, 1.0 - budget.minutes_above / planned)))


def surely_above(reading: Reading, aim: float, settings: Settings) -> bool:
    """Whether chance alone would hardly show so many slow requests at this burn rate."""
    return at_least(reading.slow, reading.total * reading.objective.allowed_share * aim) < settings.doubt


def _for_reading(state: TowerState, reading: Reading, observation: Observation, settings: Settings) -> Proposal:
    forbidden = unsafe(state, reading, observation, settings)
    if forbidden is not None:
        return forbidden
    burn, aim, seen = reading.burn, aim_of(reading, settings), _seen(reading)
    if surely_above(reading, aim, settings):
        if observation.time < state.cut_until:
            return Proposal(state.pressure, Reason.HOLD, f"{seen}: the last cut does not show in full yet; targets stay.", reading, burn)
        return _save(state, reading, burn, aim, seen, observation, settings)
    below = at_least(reading.slow + 1, reading.total * reading.objective.allowed_share * aim) > 1.0 - settings.doubt
    if below and observation.time >= state.hold_until:
        return _spend(state, reading, burn, aim, seen, observation, settings)
    why = "waiting for the last surge to leave the readings" if below else "about the aim, as far as so many requests tell"
    return Proposal(state.pressure, Reason.HOLD, f"{seen}: {why} ({aim:.2f}); targets stay.", reading, burn)


def _seen(reading: Reading) -> str:
    return f"{reading.objective.name}: {reading.slow:.0f} of {reading.total:.0f} requests slow in {reading.seconds:.0f} s, burn {reading.burn:.2f}"


def _by_window(reading: Reading, minutes: float, hours: float) -> float:
    """Between two values of a setting, by how long the objective's window is."""
    share = math.log(max(1.0, reading.objective.window_seconds / WINDOW_OF_MINUTES)) / math.log(WINDOW_OF_HOURS / WINDOW_OF_MINUTES)
    return minutes + min(1.0, share) * (hours - minutes)


def _save(state: TowerState, reading: Reading, burn: float, aim: float, seen: str, observation: Observation, settings: Settings) -> Proposal:
    surge = burn > SURGE * aim
    gentle = CUT_EXPONENT_SURGE if surge else CUT_PER_MINUTE * minutes_since(state, observation.time)
    exponent = _by_window(reading, CUT_EXPONENT, gentle)
    factor = max(1.0 - settings.cut_at_most, (aim / burn) ** exponent) if aim > 0 else 1.0 - settings.cut_at_most
    expected = f"Burn falls from {burn:.2f} to at most {aim:.2f}."
    wait = reading.seconds if surge else _by_window(reading, reading.seconds, 0.0)
    message = f"{seen}, surely above the aim of {aim:.2f}: targets fall."
    return Proposal(state.pressure * factor, Reason.SAVE, message, reading, burn, expected, (_hold(reading, burn),), wait)


def _spend(state: TowerState, reading: Reading, burn: float, aim: float, seen: str, observation: Observation, settings: Settings) -> Proposal:
    # A step shows in the readings after about a look-back: the longer that is, the smaller the steps, or several are taken before the first shows.
    pace = PROMPT_SECONDS / max(PROMPT_SECONDS, reading.seconds)
    step = settings.rise_per_minute * pace * minutes_since(state, observation.time) * max(0.0, 1.0 - burn / aim)
    free = min(step, max(0.0, state.ceiling - state.pressure))
    near = free < step
    pressure = min(1.0, state.pressure + free + (step - free) * settings.probe_share)
    quota = sum(view.quota for view in observation.workloads if math.isfinite(view.quota))
    stay = Alternative("stay", f"keeps {quota:.2f} cores allocated and leaves {reading.budget.left:.0%} of the budget unused")
    how = ", slowly, for more was too much not long ago" if near else ""
    message = f"{seen}, surely below the aim of {aim:.2f}: targets rise{how}."
    return Proposal(pressure, Reason.SPEND, message, reading, burn, f"Fewer cores than {quota:.2f}, burn at most {aim:.2f}.", (stay,))


def _without_signals(state: TowerState, reading: Reading, observation: Observation, settings: Settings) -> Proposal:
    name = reading.objective.name
    if not state.last_good_reading:
        return Proposal(0.0, Reason.START, f"{name}: its requests are not known yet: no throttling is tolerated.", reading)
    silent = observation.time - state.last_good_reading
    if silent <= 2 * settings.stale_seconds:
        return Proposal(state.pressure, Reason.HOLD, f"{name}: its requests are unknown since {silent:.0f} s; targets stay for now.", reading)
    message = f"{name}: its requests are unknown since {silent:.0f} s: no throttling is tolerated."
    return Proposal(0.0, Reason.SIGNALS_LOST, message, reading)


def _hold(reading: Reading, burn: float) -> Alternative:
    """What keeping the targets would have cost."""
    budget = reading.budget
    per_minute = reading.slow / reading.seconds * MINUTE if reading.seconds > 0 else 0.0
    rest = max(0.0, budget.allowed - budget.slow)
    lasts = f"{rest / per_minute:.1f} min" if per_minute > 0 else "the window"
    return Alternative("stay", f"at burn {burn:.2f} what is left of the budget ({budget.left:.0%}) lasts {lasts}")


def minutes_since(state: TowerState, now: float) -> float:
    """Time since the last decision, at most one minute: a late tick makes no leap."""
    return min(MINUTE, max(0.0, now - state.last_time)) / MINUTE if state.last_time else 0.0


def _forgotten(state: TowerState, now: float, settings: Settings) -> float:
    return min(1.0, state.ceiling + settings.ceiling_per_minute * minutes_since(state, now))


def _longest_hold(observation: Observation, settings: Settings) -> float:
    """A surge is in the readings for as long as they look back."""
    lookbacks = [reading.seconds for reading in observation.readings if math.isfinite(reading.seconds)]
    return max([settings.guard_hold_seconds, *lookbacks])


def sane(state: TowerState, observation: Observation, settings: Settings) -> TowerState:
    """No time of the state lies further ahead than it could be: a clock that was set back must not hold the tower for hours."""
    now, latest = observation.time, observation.time + _longest_hold(observation, settings)
    return replace(
        state,
        hold_until=min(state.hold_until, latest),
        cut_until=min(state.cut_until, latest),
        guard_until=min(state.guard_until, latest),
        last_good_reading=min(state.last_good_reading, now),
        arms=replace(state.arms, since=min(state.arms.since, now)),
    )


def remember(state: TowerState, chosen: Proposal, observation: Observation, settings: Settings) -> TowerState:
    fresh = all(reading.usable and reading.age_seconds <= settings.stale_seconds for reading in observation.readings)
    ceiling, hold_until, cut_until, guard_until = state.ceiling, state.hold_until, state.cut_until, state.guard_until
    if chosen.reason in (Reason.SAVE, Reason.GUARD) and state.pressure > 0:
        # Never below the lowest: near zero hardly anything is throttled, and what burned was not the targets' doing.
        ceiling = min(ceiling, max(settings.ceiling_lowest, _ceiling(state, chosen)))
    if chosen.reason is Reason.GUARD:
        hold_until = guard_until = observation.time + _longest_hold(observation, settings)
    elif chosen.reason is Reason.SAVE:
        hold_until = max(hold_until, observation.time + chosen.wait_seconds)
        cut_until = observation.time + chosen.wait_seconds / 2
    return replace(
        state,
        pressure=chosen.pressure,
        ceiling=ceiling,
        hold_until=hold_until,
        cut_until=cut_until,
        guard_until=guard_until,
        last_time=observation.time,
        last_good_reading=observation.time if fresh else state.last_good_reading,
        rates=remembered(state.rates, observation.readings, observation.time - state.last_time) if fresh else state.rates,
    )


def _ceiling(state: TowerState, chosen: Proposal) -> float:
    """What is remembered of a pressure that was too much."""
    below = CEILING_SHARE * state.pressure
    if chosen.reason is Reason.GUARD or chosen.reading is None:
        return below
    return _by_window(chosen.reading, below, max(below, chosen.pressure))
