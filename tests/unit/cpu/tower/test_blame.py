"""Slow requests that no quota caused: they are counted for users, and do not steer."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.cpu.tower import Reason, TowerState
from flyball.cpu.tower.blame import DRAIN_MOST, SPANS_MOST, STAY_SECONDS, TRUST_SECONDS, Blame, Span, added
from flyball.slo import Cell, Ledger, Objective
from tests.unit.cpu.tower.plant import Plant

HOUR = Objective("gateway", 0.99, 0.2, 3600.0)
NOW = 100 * 3600.0

spans = st.lists(st.tuples(st.floats(-4000, 100), st.floats(0, 4000), st.floats(0, 1)), max_size=6).map(
    lambda rows: tuple(Span(NOW + start, NOW + start + length, share) for start, length, share in rows)
)
hours = st.lists(st.tuples(st.integers(0, 2000), st.floats(0, 1)), min_size=1, max_size=59)


def hour(minutes: list[tuple[int, float]]) -> Ledger:
    """Minutes up to now, newest last, each with its requests and the share of them that was slow."""
    first = NOW - 60.0 * len(minutes)
    return Ledger(HOUR).record([Cell(first + 60.0 * at, total * (1 - slow), total) for at, (total, slow) in enumerate(minutes)], NOW)


def charged(ledger: Ledger, blame: Blame) -> float:
    return blame.charged(HOUR, ledger.budget(NOW), NOW, NOW).slow


@cache
def _settled() -> Plant:
    return Plant(seed=2, rate=60.0, lookback=60.0, objective=HOUR).run(40)


def settled() -> Plant:
    """An hour's objective, steered for forty minutes."""
    return _settled().twin()


def test_a_minute_is_charged_unless_all_of_it_was_free() -> None:
    ledger = hour([(1000, 0.5)] * 3)
    assert charged(ledger, Blame()) == 1500
    assert charged(ledger, Blame(free=(Span(NOW - 120, NOW),))) == 500
    assert charged(ledger, Blame(free=(Span(NOW - 119, NOW),))) == 1000
    assert charged(ledger, Blame(free=(Span(NOW - 119, NOW - 1),))) == 1500


def test_beside_quotas_no_more_is_excused_than_was_slow_at_the_grants() -> None:
    ledger = hour([(1000, 0.5)] * 3)
    assert charged(ledger, Blame(excused={"gateway": (Span(NOW - 120, NOW, 0.3),)})) == pytest.approx(500 + 2 * 200)
    assert charged(ledger, Blame(excused={"gateway": (Span(NOW - 90, NOW, 0.3),)})) == pytest.approx(500 + 350 + 200)
    assert charged(ledger, Blame(excused={"checkout": (Span(NOW - 120, NOW, 0.3),)})) == 1500


@given(hours, spans, spans)
def test_nothing_is_charged_that_was_not_slow_and_each_excuse_only_takes_off(
    minutes: list[tuple[int, float]], free: tuple[Span, ...], excused: tuple[Span, ...]
) -> None:
    ledger = hour(minutes)
    whole = ledger.budget(NOW)
    one = Blame(free=free).charged(HOUR, whole, NOW, NOW)
    both = Blame(free=free, excused={"gateway": excused}).charged(HOUR, whole, NOW, NOW)
    assert -1e-6 <= both.slow <= one.slow + 1e-6 <= whole.slow + 2e-6
    assert both.requests - both.slow == pytest.approx(whole.requests - whole.slow)  # no good request is lost
    assert both.left >= whole.left - 1e-6
    assert Blame().charged(HOUR, whole, NOW, NOW) == whole


@given(spans)
def test_the_ledger_stays_small_and_survives_a_restart(given_spans: tuple[Span, ...]) -> None:
    kept: tuple[Span, ...] = ()
    for span in given_spans * 10:
        kept = added(kept, span)
    assert len(kept) <= SPANS_MOST
    blame = Blame({"gateway": NOW}, kept, {"gateway": kept}, NOW, 0.7, {"gateway": 30.0}, NOW, {"gateway": 0.5}, NOW)
    restored = Blame.from_json(json.loads(json.dumps(blame.to_json())))
    assert [(its.start, its.end) for its in restored.free] == [(round(its.start, 1), round(its.end, 1)) for its in kept]
    assert (restored.cause, restored.resume, restored.released) == (blame.cause, blame.resume, blame.released)


@pytest.mark.parametrize("broken", [{"free": 3}, {"resume": math.nan}, {"cause": {"gateway": -1}}, {"calm": None}])
def test_a_checkpoint_that_makes_no_sense_begins_anew(broken: dict[str, object]) -> None:
    stored = TowerState(pressure=0.5).to_json()
    stored["blame"] = {**stored["blame"], **broken}
    assert TowerState.from_json(stored) == TowerState()


def test_a_checkpoint_from_before_this_ledger_is_read() -> None:
    stored = TowerState(pressure=0.5).to_json()
    del stored["blame"]
    assert TowerState.from_json(stored) == TowerState(pressure=0.5)


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_twenty_minutes_of_a_cause_elsewhere_are_answered_by_the_grants_and_then_pressure_is_where_it_was(share: float) -> None:
    plant = settled()
    before = plant.state.pressure
    plant.elsewhere = share
    plant.run(1)
    assert plant.decision is not None
    assert plant.decision.release
    plant.run(STAY_SECONDS / 60 - 2)
    assert "slow at the full grants too" in plant.decision.message
    for _ in range(60):
        plant.run(0.25)
        assert plant.state.pressure <= before + 1e-9  # no wind-up on readings that say nothing
    assert plant.target > 0.0
    plant.elsewhere = 0.0
    plant.run(10)
    assert plant.ledger.budget(plant.now).left < -1.0  # for users it is overdrawn
    assert 0.9 * before <= plant.state.pressure <= 1.25 * before
    assert not plant.state.blame.cause


def test_a_cause_that_ends_while_everything_is_given_back_brings_pressure_back_at_once() -> None:
    plant = settled()
    before = plant.state.pressure
    plant.elsewhere = 1.0
    plant.run(4)
    plant.elsewhere = 0.0
    assert plant.state.pressure == 0.0
    while plant.state.pressure == 0.0:
        plant.run(0.25)
        assert plant.now < 1_000_000.0 + 46 * 60  # the look-back is a minute
    assert plant.state.pressure == pytest.approx(before, rel=0.1)


def test_no_echo_when_minutes_that_were_not_the_quotas_leave_the_window() -> None:
    plant = settled()
    plant.elsewhere = 0.5
    plant.run(6)
    plant.elsewhere = 0.0
    steered = [plant.run(1).state.pressure for _ in range(70)]
    before, after = steered[25:50], steered[58:]  # the six minutes leave at 54 to 60
    assert sum(after) / len(after) == pytest.approx(sum(before) / len(before), rel=0.1)
    assert min(steered[20:]) > 0.0


def test_what_the_quotas_did_stays_charged() -> None:
    plant = settled()
    plant.knee = 0.001
    plant.run(10)
    assert Reason.GUARD in plant.reasons[-40:]
    assert not plant.state.blame.excused
    assert plant.state.pressure < 0.3


def test_where_agents_do_not_follow_nothing_is_excused() -> None:
    plant = settled()
    plant.obedient = False
    plant.elsewhere = 1.0
    plant.run(10)
    assert not plant.state.blame.free
    assert plant.state.pressure == 0.0


def test_a_loss_of_requests_excuses_nothing() -> None:
    """Requests that wait for each other and, where they end, are slow: at the full grants as well."""
    plant = settled()
    plant.rate, plant.elsewhere = 0.3 * plant.rate, 0.9
    plant.run(8)
    assert not plant.state.blame.free
    assert plant.decision is not None
    assert plant.decision.release


def test_a_cause_that_lasts_has_to_show_itself_again() -> None:
    plant = settled()
    plant.elsewhere = 0.5
    plant.run(STAY_SECONDS / 60 + 2)
    assert plant.state.blame.cause
    releases = 0
    for _ in range(round(TRUST_SECONDS / 15) + 8):
        plant.run(0.25)
        releases += plant.decision is not None and plant.decision.release
    assert releases > 0
    before = plant.state.blame.resume
    plant.elsewhere = 0.0
    plant.run(2)
    assert plant.state.pressure >= 0.9 * before  # it was known that not all of it was the quotas' doing


def test_a_restart_amid_a_cause_is_no_restart() -> None:
    whole, split = settled(), settled()
    for plant in (whole, split):
        plant.elsewhere = 0.5
        plant.run(4)
    split.restart()
    for plant in (whole, split):
        plant.run(4)
    assert split.state.pressure == pytest.approx(whole.state.pressure)
    assert split.state.blame.cause == whole.state.blame.cause != {}


def test_a_clock_that_was_set_back_excuses_nothing() -> None:
    plant = settled()
    plant.elsewhere = 0.5
    plant.run(4)
    assert plant.state.blame.free
    plant.now -= 100_000.0
    plant.seconds.clear()
    plant.run(0.25)
    assert not plant.state.blame.free
    assert plant.state.blame.released <= plant.now


def test_a_cause_of_an_objective_that_is_no_longer_there_holds_nothing_up() -> None:
    plant = settled()
    plant.state = replace(plant.state, blame=Blame(calm={"checkout": plant.now}, cause={"checkout": 0.4}, cause_until=plant.now + 60))
    before = plant.state.pressure
    plant.run(1)
    assert plant.state.blame.cause == {}
    assert set(plant.state.blame.calm) == {"gateway"}
    plant.elsewhere = 0.0
    plant.run(30)
    assert plant.state.pressure > before


def test_the_excuse_begins_when_the_backlog_is_worked_off() -> None:
    at = Blame(released=NOW)
    assert at.drained() == NOW + 60
    assert replace(at, calm={"gateway": NOW - 90}).drained() == NOW + 90
    assert replace(at, calm={"gateway": NOW - 3600, "checkout": NOW}).drained() == NOW + DRAIN_MOST
