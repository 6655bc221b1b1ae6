"""The replica plan: which need wins, what holds it back, and what it does when nobody knows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest

from flyball.replicas import Behaviour, Need, Observation, PlanSettings, PlanState, Policy, Reason, decide
from flyball.replicas.types import Decision, Unit
from tests.unit.replicas.builders import one, run, seen

WIDE = PlanSettings(maximum=50)
QUICK = replace(WIDE, into=Behaviour((Policy(Unit.PERCENT, 100, 15.0),), 0.0))
"""Shrinks without waiting."""


NO_MONEY = replace(QUICK, minimum=0, cost_ceiling=0)


@dataclass(frozen=True)
class Case:
    says: str
    observation: Observation
    replicas: int
    reason: Reason
    settings: PlanSettings = QUICK


CASES = [
    Case("demand over capacity, rounded up", seen(301), 4, Reason.DEMAND),
    Case("a whole number of replicas is not rounded up for a float's last bit", seen(0.1 + 0.2, capacity=0.1, current=3), 3, Reason.DEMAND),
    Case("a forecast above the demand of now adds replicas", seen(150, 350), 4, Reason.FORECAST),
    Case("a forecast below the demand of now takes none away", seen(350, 50, current=4), 4, Reason.DEMAND),
    Case("no forecast: the demand of now alone", seen(350, None), 4, Reason.DEMAND),
    Case("a forecast that is not a number does not count", seen(350, math.nan), 4, Reason.DEMAND),
    Case("an infinite forecast does not count", seen(350, math.inf), 4, Reason.DEMAND),
    Case("a negative forecast does not count", seen(350, -5.0), 4, Reason.DEMAND),
    Case("a replica stays when a tenth more demand would need it again", seen(195, current=3), 3, Reason.TOLERANCE),
    Case("a replica goes when a tenth more demand would not need it", seen(180, current=3), 2, Reason.DEMAND),
    Case("demand of unknown size holds what is there", seen(math.nan, None, current=7), 7, Reason.SIGNALS_LOST),
    Case("demand that is too old holds what is there", seen(100, None, current=7, age=121.0), 7, Reason.SIGNALS_LOST),
    Case("a forecast may still grow what is held without signals", seen(math.nan, 900, current=7), 9, Reason.FORECAST),
    Case("without a capacity nobody knows what is needed", seen(500, 900, current=3, capacity=math.nan), 3, Reason.SIGNALS_LOST),
    Case("a rollout keeps replicas that demand no longer needs", seen(100, 50, current=6, rolling=True), 6, Reason.ROLLOUT),
    Case("a rollout does not wait with growing for the demand of now", seen(900, None, current=6, rolling=True), 9, Reason.ROLLOUT),
    Case("a forecast waits for the end of a rollout", seen(100, 900, current=6, rolling=True), 6, Reason.ROLLOUT),
    Case("replicas near full use grow by what full use stands for", seen(400, None, current=7, utilisation=1.0), 10, Reason.SATURATED),
    Case(
        "saturation asks on top of ready replicas, not of starting ones", seen(400, None, current=10, ready=7, utilisation=1.0), 10, Reason.SATURATED
    ),
    Case("saturation counts even where demand is not known", seen(math.nan, None, current=7, utilisation=1.0), 10, Reason.SATURATED),
    Case("busy replicas below the mark are no matter", seen(690, None, current=7, utilisation=0.89), 7, Reason.DEMAND),
    Case("the maximum bounds", seen(9000), 50, Reason.MAXIMUM, replace(QUICK, out=Behaviour((), 0.0))),
    Case("the minimum bounds", seen(10, current=5), 3, Reason.MINIMUM, replace(QUICK, minimum=3)),
    Case("fewer than the minimum are filled up at once", seen(10, current=1), 3, Reason.MINIMUM, replace(QUICK, minimum=3)),
    Case("money bounds before the maximum", seen(900, current=4), 5, Reason.COST, replace(QUICK, cost_ceiling=5)),
    Case("money does not go below the minimum", seen(900, current=4), 6, Reason.COST, replace(QUICK, cost_ceiling=5, minimum=6)),
    Case("the least demand is demand", seen(1e-12, current=1), 1, Reason.DEMAND, replace(QUICK, minimum=0)),
    Case("no money for one replica is no reason for none while there is demand", seen(900, current=4), 1, Reason.COST, NO_MONEY),
    Case("nor to bring the first one back", seen(50, current=0), 1, Reason.DEMAND, NO_MONEY),
    Case("without demand it is none at last", seen(0, current=0), 0, Reason.IDLE, NO_MONEY),
    Case("a schedule is a floor", seen(10, current=3, floor=5), 5, Reason.SCHEDULE),
    Case("a schedule does not keep demand down", seen(900, current=5, floor=5), 9, Reason.DEMAND),
    Case("a schedule does not buy more than the maximum", seen(10, current=4, floor=99), 6, Reason.SCHEDULE, replace(QUICK, maximum=6)),
    Case("growing doubles or adds four at a look, as an HPA does", seen(4000, current=2), 6, Reason.STEP_LIMIT),
    Case("a target that somebody scaled to zero rests", seen(900, 900, current=0), 0, Reason.DISABLED),
    Case("from zero demand brings the first replicas back", seen(150, current=0), 2, Reason.DEMAND, replace(QUICK, minimum=0)),
    Case("from zero a forecast alone brings replicas back", seen(0, 150, current=0), 2, Reason.FORECAST, replace(QUICK, minimum=0)),
    Case("a forecast of next to nothing wakes nobody", seen(0, 0.5, current=0), 0, Reason.IDLE, replace(QUICK, minimum=0)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_plan(case: Case) -> None:
    decision = one(case.observation, case.settings)
    assert decision.replicas == case.replicas
    assert case.reason in decision.reasons[:2] or (case.reason is Reason.FORECAST and decision.proactive == case.replicas), decision


def test_a_forecast_far_above_anything_seen_is_not_believed() -> None:
    decisions = run([(200, 200), (200, 601), (200, 599)], replace(WIDE, out=Behaviour((), 0.0)))
    assert [its.replicas for its in decisions] == [2, 2, 6]
    assert "more than 3 times the largest demand of late" in decisions[1].doubts[0]


def test_after_a_restart_a_forecast_is_held_against_the_history_and_not_only_against_what_was_seen_since() -> None:
    look = seen(100, 550)
    needs = (replace(look.needs[0], largest=500.0),)
    assert decide(PlanState(), look, WIDE)[1].proactive is None
    assert decide(PlanState(), replace(look, needs=needs), WIDE)[1].proactive == 6
    assert decide(PlanState(), replace(look, needs=(replace(needs[0], largest=math.nan),)), WIDE)[1].proactive is None


def test_the_largest_demand_is_remembered_over_a_weekend() -> None:
    state, _ = decide(PlanState(), seen(900, current=9), WIDE)
    _, decision = decide(state, seen(100, 2000, current=9, time=2 * 86_400), WIDE)
    assert decision.proactive == 20
    _, later = decide(state, seen(100, 2000, current=9, time=21 * 86_400), WIDE)
    assert later.proactive is None


def test_the_largest_of_several_needs_wins() -> None:
    needs = (Need("requests", 150, 100.0, forecast=150), Need("messages", 50, 10.0, forecast=70))
    decision = one(Observation(time=0.0, needs=needs, current=2, ready=2))
    assert (decision.reactive, decision.proactive, decision.governing) == (5, 7, "messages")


def test_one_lost_demand_of_two_stops_shrinking_and_not_growing() -> None:
    def decision(messages: float) -> Decision:
        needs = (Need("requests", math.nan, 100.0), Need("messages", messages, 10.0))
        return one(Observation(time=0.0, needs=needs, current=5, ready=5), QUICK)

    assert (decision(10).replicas, decision(80).replicas) == (5, 8)
    assert "requests" in decision(10).message


def test_shrinking_waits_until_the_largest_wish_of_the_window_is_small() -> None:
    decisions = run([(580, None)] + [(100, None)] * 22, WIDE, current=6)
    assert [its.replicas for its in decisions[:20]] == [6] * 20
    assert decisions[-1].replicas == 2
    assert decisions[10].reasons[0] is Reason.STABILISING


def test_after_a_start_nothing_goes_before_a_window_has_been_watched() -> None:
    decisions = run([(100, None)] * 21, WIDE, current=6)
    assert [its.replicas for its in decisions[:20]] == [6] * 20
    assert decisions[20].replicas == 2


def test_a_forecast_holds_replicas_that_demand_would_let_go() -> None:
    decisions = run([(100, 290)] * 40, WIDE, current=6)
    assert decisions[-1].replicas == 3


def test_the_steps_of_shrinking_are_bounded_over_their_period() -> None:
    into = Behaviour((Policy(Unit.PODS, 2, 60.0),), 0.0)
    decisions = run([(1000, None)] + [(0.1, None)] * 9, replace(WIDE, into=into), current=10)
    assert [its.replicas for its in decisions] == [10, 8, 8, 8, 8, 6, 6, 6, 6, 4]


def test_of_several_policies_the_most_counts_unless_careful() -> None:
    both = (Policy(Unit.PODS, 1, 15.0), Policy(Unit.PERCENT, 50, 15.0))
    assert one(seen(4000, current=10), replace(WIDE, out=Behaviour(both, 0.0))).replicas == 15
    assert one(seen(4000, current=10), replace(WIDE, out=Behaviour(both, 0.0, careful=True))).replicas == 11


def test_a_disabled_direction_stays() -> None:
    assert one(seen(10, current=10), replace(QUICK, into=Behaviour((), 0.0, disabled=True))).replicas == 10
    assert one(seen(4000, current=10), replace(WIDE, out=Behaviour((), 0.0, disabled=True))).replicas == 10


def test_growing_can_wait_for_a_wish_that_lasts() -> None:
    settings = replace(WIDE, out=Behaviour((), 60.0))
    decisions = run([(190, None), (800, None), (190, None), *[(800, None)] * 6], settings)
    assert [its.replicas for its in decisions] == [2, 2, 2, 2, 2, 2, 8, 8, 8]


def test_zero_comes_after_a_time_without_demand_and_not_before() -> None:
    settings = replace(QUICK, minimum=0)
    decisions = run([(50, None)] + [(0, None)] * 40, settings)
    firsts = next(index for index, its in enumerate(decisions) if its.replicas == 0)
    assert firsts * 15 == 300 + 0
    assert decisions[firsts].reasons[0] is Reason.IDLE


def test_demand_that_is_unknown_is_not_idle() -> None:
    settings = replace(QUICK, minimum=0)
    decisions = run([(50, None)] + [(math.nan, None)] * 40, settings, current=1)
    assert decisions[-1].replicas == 1


def test_a_clock_that_goes_back_begins_a_new_window_and_takes_nothing_away() -> None:
    state, _ = decide(PlanState(), seen(600, current=6, time=10_000), WIDE)
    after, decision = decide(state, seen(100, current=6, time=5_000), WIDE)
    assert decision.replicas == 6
    assert after.since == 5_000
    assert after.peaks["requests"] == 600


@pytest.mark.parametrize("gap", [121.0, 7200.0, 86_400.0])
def test_after_a_time_without_looks_nothing_goes_before_a_window_has_been_watched(gap: float) -> None:
    state = PlanState()
    for time in range(0, 900, 15):
        state, _ = decide(state, seen(600, current=6, time=float(time)), WIDE)
    state, decision = decide(state, seen(100, current=6, time=885.0 + gap), WIDE)
    assert decision.replicas == 6
    for later in range(15, 315, 15):
        state, decision = decide(state, seen(100, current=6, time=885.0 + gap + later), WIDE)
        assert decision.replicas == (6 if later < 300 else 2)


def test_after_a_time_without_looks_idleness_is_counted_anew() -> None:
    settings = replace(QUICK, minimum=0)
    state, _ = decide(PlanState(), seen(50, current=1), settings)
    state, decision = decide(state, seen(0, current=1, time=86_400.0), settings)
    assert decision.replicas == 1
