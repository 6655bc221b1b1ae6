"""How fast statuses are written: at once while there are few, then as the bucket fills."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flyball.controllers.shared.pace import BURST, RATE, Pace


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    pace = Pace()
    assert sum(pace.take(1000.0) for _ in range(1000)) == BURST
    assert sum(pace.take(1002.0) for _ in range(1000)) == min(BURST, 2 * RATE)


def test_what_is_less_urgent_leaves_something_for_what_is_more() -> None:
    pace = Pace()
    assert sum(pace.take(1000.0, leave=40) for _ in range(1000)) == BURST - 40
    assert sum(pace.take(1000.0) for _ in range(1000)) == 40


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    pace = Pace()
    while pace.take(1000.0):
        pass
    assert not pace.take(500.0)
    assert pace.take(501.0)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=300))
def test_no_more_is_written_than_the_burst_and_what_the_time_brought(pauses: list[float]) -> None:
    pace, now, taken = Pace(rate=2.0, burst=10.0), 1000.0, 0
    for pause in pauses:
        now += pause
        taken += pace.take(now)
    assert taken <= 10 + 2.0 * sum(pauses[1:]) + 1e-6
