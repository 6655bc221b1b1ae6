"""What the slow level sees: windows of scraped counters, as old as they are in the cluster."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flyball.sim.policy import Unlimited
from flyball.sim.run import Settings, simulate
from flyball.sim.spec import Application, Node, RequestType, Service, Visit
from tests.unit.sim.builders import Recorder, load, play, single


def test_windows_are_a_minute_long_and_as_old_as_the_lag_and_at_most_one_scrape_older() -> None:
    for lag in (15.0, 60.0, 180.0):
        recorder = Recorder()
        load(single(), 20.0, 600, recorder, lag_seconds=lag)
        late = [its for its in recorder.seen if its.now >= 300]
        assert {its.seconds for its in late} == {60.0}
        assert all(lag <= its.age_seconds < lag + 15 for its in late)


def test_nothing_is_known_before_two_scrapes_are_old_enough() -> None:
    recorder = Recorder()
    load(single(), 20.0, 120, recorder)
    first = recorder.seen[0]
    assert math.isnan(first.total)
    assert math.isinf(first.age_seconds)
    assert np.isnan(first.usage).all()
    assert math.isfinite(recorder.seen[3].total)


def test_what_is_seen_is_what_happened_in_the_window() -> None:
    recorder = Recorder()
    result = load(single(0.02, grant=0.3), 10.0, 300, recorder, level="sliced")
    ends = np.sort(result.arrival + result.latency)
    for seen in recorder.seen[8:]:
        end = seen.now - seen.age_seconds
        inside = np.count_nonzero((ends > end - 60.0) & (ends <= end))
        assert abs(seen.total - inside) <= 1
        assert seen.requests_per_second == pytest.approx(seen.total / 60.0)
    used = result.seconds.usage[:, 0]
    assert any(recorder.seen[8].usage[0] == pytest.approx(float(used[end - 60 : end].mean()), rel=1e-4) for end in range(60, 130))
    share = recorder.seen[-1].throttle_ratio[0]
    assert share == pytest.approx(float(result.seconds.throttled.sum()) / 3000, abs=0.05)
    assert recorder.seen[-1].grant[0] == pytest.approx(0.3)


def test_the_budget_holds_the_counts_of_the_minutes() -> None:
    recorder = Recorder()
    load(single(0.5, cores=1), 1.0, 600, recorder)
    budget = recorder.seen[-1].budget
    assert budget.requests == pytest.approx(600, abs=90)
    assert budget.slow > 0.05 * budget.requests


def test_a_services_replicas_add_up() -> None:
    its = Application("two", 1.0, (Service("only", 0.4, replicas=3),), (RequestType("get", 1.0, Visit("only", 0.01)),), (Node("n", 4),))
    recorder = Recorder()
    load(its, 50.0, 180, recorder)
    assert recorder.seen[-1].usage[0] == pytest.approx(0.5, rel=0.15)
    assert recorder.seen[-1].grant[0] == pytest.approx(1.2)


def test_a_gap_in_traffic_is_no_gap_in_the_signal() -> None:
    recorder = Recorder()
    simulate(single(), np.zeros(200), recorder, 1, Settings(), arrivals=np.array([1.0]))
    assert recorder.seen[-1].total == 0
    assert math.isnan(recorder.seen[-1].p99_seconds)


def test_signals_do_not_come_from_the_future() -> None:
    with pytest.raises(ValueError, match="from the future"):
        play(single(), [1.0], lag_seconds=-1.0)
    assert Unlimited().tick_seconds == 1.0
