"""What holds for the plan whatever it is shown."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from flyball.replicas import Behaviour, Need, Observation, PlanSettings, PlanState, Policy, decide
from flyball.replicas.types import Unit

numbers = st.one_of(st.floats(0, 1e5), st.sampled_from([math.nan, math.inf, -1.0, 0.0, 1e300]))
forecasts = st.one_of(st.none(), numbers)
policies = st.builds(Policy, st.sampled_from(Unit), st.integers(1, 200), st.sampled_from([15.0, 60.0]))
behaviours = st.builds(
    Behaviour, st.lists(policies, max_size=3).map(tuple), st.sampled_from([0.0, 60.0, 300.0]), careful=st.booleans(), disabled=st.booleans()
)


@st.composite
def plans(draw: st.DrawFn) -> PlanSettings:
    minimum = draw(st.integers(0, 5))
    return PlanSettings(
        minimum=minimum,
        maximum=minimum + draw(st.integers(1, 40)),
        cost_ceiling=draw(st.none() | st.integers(1, 30)),
        out=draw(behaviours),
        into=draw(behaviours),
    )


looks = st.tuples(numbers, forecasts, numbers, st.booleans(), st.floats(0, 200), st.sampled_from([15.0, 60.0, -100.0, 0.0]))


@given(plans(), st.lists(looks, min_size=1, max_size=30), st.integers(0, 45))
def test_never_raises_and_keeps_the_bounds(
    settings: PlanSettings, shown: list[tuple[float, float | None, float, bool, float, float]], current: int
) -> None:
    state, time = PlanState(), 1e6
    for demand, forecast, used, rolling, age, step in shown:
        time += step
        observation = Observation(time, (Need("requests", demand, 10.0, age, forecast),), current, current, used if used < 10 else math.nan, rolling)
        state, decision = decide(state, observation, settings)
        resting = current == 0 and settings.minimum > 0
        assert resting or settings.minimum <= decision.replicas <= settings.maximum
        assert decision.message and decision.reasons
        assert len(state.wishes) <= 32 and len(state.changes) <= 32
        current = decision.replicas


@given(plans(), st.floats(0, 300), forecasts, forecasts, st.integers(0, 30))
def test_no_forecast_leads_below_what_the_demand_of_now_leads_to(
    settings: PlanSettings, demand: float, forecast: float | None, other: float | None, current: int
) -> None:
    state = PlanState(peaks={"requests": 200.0}, peaks_at=1000.0, since=-math.inf, last_demand_at=1000.0)

    def wanted(ahead: float | None) -> int:
        return decide(state, Observation(1000.0, (Need("requests", demand, 10.0, 0.0, ahead),), current, current), settings)[1].replicas

    assert wanted(forecast) >= wanted(None)
    if forecast is not None and other is not None and 0 <= forecast <= other <= 600:
        assert wanted(forecast) <= wanted(other)


@given(plans(), st.floats(0, 300), st.floats(0, 300), st.integers(1, 30))
def test_more_demand_never_means_fewer_replicas(settings: PlanSettings, demand: float, more: float, current: int) -> None:
    state = PlanState(peaks={"requests": 200.0}, peaks_at=1000.0, since=-math.inf, last_demand_at=1000.0)

    def wanted(asked: float) -> int:
        return decide(state, Observation(1000.0, (Need("requests", asked, 10.0),), current, current), settings)[1].replicas

    assert wanted(demand) <= wanted(demand + more)


@given(plans(), st.floats(1, 300), st.integers(1, 30))
def test_a_steady_demand_settles_and_stays(settings: PlanSettings, demand: float, current: int) -> None:
    state, path = PlanState(), []
    for index in range(200):
        state, decision = decide(state, Observation(15.0 * index, (Need("requests", demand, 10.0),), current, current), settings)
        current = decision.replicas
        path.append(current)
    assert len(set(path[-50:])) == 1
    turns = [after - before for before, after in itertools.pairwise(path) if after != before]
    assert all(step > 0 for step in turns) or all(step < 0 for step in turns)
