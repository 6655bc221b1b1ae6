"""The forecast benchmark's measures, traces, cache and page: checked by hand."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.forecast import cache, data, metrics, origins, report
from tests.benchmarks.forecast.plots import Plot, nice_ticks


def series(values: list[float], step_seconds: int = 60, warmup: int = 0) -> data.Series:
    return data.Series("made", step_seconds, 0, np.array(values, np.float64), warmup)


def test_the_error_ratio_is_a_ratio_of_sums_and_leaves_unknown_outcomes_out() -> None:
    actual = np.array([10.0, 20.0, np.nan])
    assert metrics.error_ratio(np.array([11.0, 23.0, 99.0]), np.array([14.0, 24.0, 0.0]), actual) == pytest.approx(4 / 8)


def test_the_interval_of_a_ratio_of_sums_draws_both_sums_alike_and_holds_the_ratio() -> None:
    theirs = np.array([1.0, 10.0, 100.0, 3.0])
    assert metrics.ratio_of_sums(0.8 * theirs, theirs) == pytest.approx((0.8, 0.8, 0.8))
    ratio, low, high = metrics.ratio_of_sums(np.array([2.0, 5.0, 60.0, 3.0]), theirs)
    assert ratio == pytest.approx(70 / 114)
    assert low < ratio < high


def test_the_geometric_mean_makes_half_and_double_one() -> None:
    assert metrics.geometric_mean(np.array([0.5, 2.0, 1.0])) == pytest.approx(1.0)


def test_the_interval_of_equal_ratios_has_no_width_and_one_odd_series_widens_it() -> None:
    assert metrics.bootstrap(np.full(5, 0.9)) == pytest.approx((0.9, 0.9))
    low, high = metrics.bootstrap(np.array([0.9, 0.9, 0.9, 0.9, 1.5]))
    assert low == pytest.approx(0.9) and 1.0 < high <= 1.5


def test_a_scaled_error_is_capped_and_divided_by_the_daily_difference_before_the_origin() -> None:
    values = np.array([0.0, 0.0, 1.0, 3.0, 1.0, 100.0])  # day of two steps: |y(t) - y(t-2)| = 1, 3, 0, 97
    scale = metrics.daily_difference(values, np.array([1, 3, 4]), 2, 3)
    assert np.isnan(scale[0])
    assert scale[1:] == pytest.approx([(1 + 3) / 2, (1 + 3 + 0) / 3])
    errors = np.array([[1.0, 3.0], [np.nan, 4.0], [100.0, 100.0]])
    assert metrics.mase(errors, np.array([np.nan, 2.0, 4.0])) == pytest.approx((4 / 2 + 10) / 2)


def test_pinball_charges_a_miss_nineteen_times_what_it_charges_room() -> None:
    assert metrics.pinball(np.array([1.0]), np.array([2.0]), 0.95) == pytest.approx(0.95)
    assert metrics.pinball(np.array([2.0]), np.array([1.0]), 0.95) == pytest.approx(0.05)


def test_the_worst_window_is_the_one_with_most_misses() -> None:
    missed = np.array([0, 1, 0, 1, 1, 0, 0, 0], bool)
    assert metrics.worst_window_miss(missed, 4) == pytest.approx(3 / 4)
    assert metrics.coverage(np.array([1.0, 1.0]), np.array([1.0, 2.0])) == 0.5


def test_values_lie_on_the_grid_of_their_times_and_what_is_missing_is_nan() -> None:
    start, values = data.on_grid(np.array([120, 181, 300]), np.array([1.0, 2.0, 4.0]), 60)
    assert start == 120
    np.testing.assert_array_equal(values, [1.0, 2.0, np.nan, 4.0])
    np.testing.assert_array_equal(data.fill(values), [1.0, 2.0, 2.0, 4.0])


def test_without_the_traces_the_sentence_says_where_they_were_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLYBALL_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.DataMissing, match="set FLYBALL_DATA"):
        data.crane(0)


def test_origins_are_thirteen_minutes_apart_and_leave_room_for_the_furthest_horizon() -> None:
    found = origins.origins(series([1.0] * 200, warmup=100))
    np.testing.assert_array_equal(found, [100, 113, 126, 139])
    np.testing.assert_array_equal(origins.origins(series([1.0] * 200, warmup=100), thin=2), [100, 126])


def test_five_minute_series_have_the_horizons_that_they_can_tell_apart() -> None:
    assert origins.asked(300) == (1, 3, 12)
    assert origins.steps_of(1, 300) is None and origins.steps_of(15, 300) == 3


def test_what_was_computed_once_is_read_back_and_not_computed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    calls = []

    def make() -> cache.Arrays:
        calls.append(1)
        return {"a": np.arange(3.0)}

    for _ in range(2):
        np.testing.assert_array_equal(cache.cached("kind", ["key", np.ones(2)], make)["a"], [0, 1, 2])
    assert len(calls) == 1
    cache.cached("kind", ["key", np.ones(3)], make)
    assert len(calls) == 2


def test_targets_are_met_on_the_right_side() -> None:
    assert report.met("coverage95_overall", 0.955) and not report.met("coverage95_overall", 0.965)
    assert report.met("coverage95_worst_series", 0.94) and not report.met("coverage95_worst_series", 0.92)
    assert report.met("replica_hours_ratio_vs_best_peer_holdout", 0.93) and not report.met("replica_hours_ratio_vs_best_peer", 0.94)
    assert report.met("something else", 1.0) is None


def test_a_table_is_markdown_with_as_many_columns_in_each_line() -> None:
    lines = report.table(("a", "b"), [["x", "1"], ["longer", "22"]]).splitlines()
    assert {line.count("|") for line in lines} == {3}


@given(st.floats(1e-3, 1e6), st.floats(1.5, 1e3), st.booleans())
def test_a_plot_is_xml_whatever_its_range(low: float, factor: float, log: bool) -> None:
    plot = Plot("a < b", "x", "y", (low, low * factor), (low, low * factor), log_x=log, log_y=log)
    plot.line([low, low * factor, float("nan")], [low * factor, low, 1.0], "n & m", dots=True)
    root = ElementTree.fromstring(plot.svg())
    assert any("n & m" in (text.text or "") for text in root.iter())
    assert all(low * 0.99 <= tick <= low * factor * 1.01 for tick in nice_ticks(low, low * factor, log))


def test_the_page_lists_the_cells_in_which_a_peer_is_cheaper_by_more_than_asked() -> None:
    def row(method: str, startup: int, **cells: float) -> report.Row:
        return {"method": method, "startup_seconds": startup, "by_cell": {f"{name} 20": hours for name, hours in cells.items()}}

    peers = [row("HPA", 120, near=1.2, dear=1.0, lost=1.3, nobody=math.inf), row("Flyball forecast, plain rule", 120, near=0.1, dear=0.1, lost=0.1)]
    ours = [row("Flyball", 120, near=1.25, dear=1.1, lost=math.inf, nobody=1.0), row("Flyball", 30, near=9.0)]
    lines = report.costly([*peers, *ours]).splitlines()
    assert [line.split("|")[1].strip() for line in lines[4:]] == ["lost", "dear"]
    assert "not reached" in lines[4] and "1.100" in lines[5] and lines[5].rstrip(" |").endswith("HPA")
    assert report.costly([peers[0], row("Flyball", 120, near=1.2)]).startswith("In no cell")
