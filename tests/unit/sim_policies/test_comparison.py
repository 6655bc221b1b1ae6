"""The comparison's own arithmetic: tuning, savings, intervals, what is reported as a loss."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.cpu import report, svg
from tests.benchmarks.cpu.plan import ONE_TARGET, PER_CELL, UNTUNED, Row
from tests.benchmarks.cpu.runs import Score, requested
from tests.benchmarks.cpu.summary import bootstrap, summary
from tests.benchmarks.cpu.tune import Span, cheapest, staircase

SPAN = Span(0.10, 1.00)


@given(st.integers(0, 91), st.one_of(st.none(), st.floats(0.0, 1.2)))
def test_the_cheapest_value_that_meets_is_found_from_wherever_one_begins(limit: int, near: float | None) -> None:
    asked: list[float] = []

    def meets(value: float) -> bool:
        asked.append(value)
        return SPAN.place(value) < limit

    found = cheapest(meets, SPAN, near)
    assert found == (None if limit == 0 else SPAN.value(limit - 1))
    assert len(asked) <= 16


def test_a_good_guess_costs_two_looks() -> None:
    asked: list[float] = []

    def meets(value: float) -> bool:
        asked.append(value)
        return value <= 0.7

    assert cheapest(meets, SPAN, 0.7) == 0.7
    assert asked == [0.7, 0.71]


def test_a_span_may_run_down() -> None:
    assert cheapest(lambda value: value >= 2.35, Span(10.0, 1.0, 0.05)) == 2.35


def test_the_best_pair_is_found_along_the_whole_border_of_what_meets() -> None:
    ladder = [0.0, 0.1, 0.2, 0.3]
    asked: list[tuple[float, float]] = []

    def cost(heavy: float, light: float) -> float:
        asked.append((heavy, light))
        return math.inf if 6 * heavy + 4 * light > 1.2 + 1e-9 else 30 - 20 * heavy - 6 * light

    # The first corner, heavy 0 and light .3, costs 28.2; giving up light for heavy goes down to 26.
    assert staircase(cost, ladder) == (0.2, 0.0)
    assert len(asked) <= 2 * len(ladder)


def test_the_search_for_a_pair_says_when_nothing_meets() -> None:
    assert staircase(lambda heavy, light: math.inf, [0.0, 0.1]) is None


def test_where_everything_meets_the_dearest_rungs_are_not_left() -> None:
    assert staircase(lambda heavy, light: 2.0 - heavy - light, [0.0, 0.1]) == (0.1, 0.1)


def test_requests_follow_a_minute_late_and_only_beyond_a_tenth() -> None:
    assert requested([10.0, 10.5, 12.0, 12.0, 12.0]) == pytest.approx((10 + 10 + 10 + 12 + 12) / 5)


SCORE = Score(True, 10.0, 5.0, 11.0, 0.005, 2, 180, 1.2, 0.004, 9.0, 10.0, 0.5, 1.0, 20.0, 3.0, (10.0, 9.0), (0.8, 1.1))


def row(policy: str, cores: float, *, application: str = "a", tuning: str = UNTUNED, burst: bool = False, seed: int = 1, **score: object) -> Row:
    got = replace(SCORE, cores=cores, **score)
    parameters = () if tuning == UNTUNED else (0.5,)
    return Row(application, "diurnal", False, policy, parameters, tuning, burst, "H", got.meets("H"), seed, got)


def test_savings_are_against_the_cheaper_baseline_of_each_cell() -> None:
    rows = [row("flyball", 8.0), row("k8s-cpu", 12.0, tuning=PER_CELL), row("k8s-cpu-fast", 10.0, tuning=PER_CELL)]
    figures = summary(rows)
    assert figures["saving_vs_tuned_per_cell_mean_percent"] == pytest.approx(20.0)
    assert figures["saving_vs_one_target_mean_percent"] is None
    assert figures["first_hour_met_share"] == 1.0
    assert figures["from_zero_cores_ratio"] == pytest.approx(0.9)


def test_seeds_are_averaged_and_cells_weigh_alike() -> None:
    rows = [row("flyball", 8.0), row("flyball", 10.0, seed=2), row("k8s-cpu", 10.0, tuning=PER_CELL), row("k8s-cpu", 10.0, tuning=PER_CELL, seed=2)]
    rows += [row("flyball", 22.0, application="b"), row("k8s-cpu", 20.0, application="b", tuning=PER_CELL)]
    figures = summary(rows)
    assert figures["saving_vs_tuned_per_cell_mean_percent"] == pytest.approx(0.0)
    assert figures["saving_vs_tuned_per_cell_min_percent"] == pytest.approx(-10.0)


def test_the_product_row_sets_ours_with_burst_against_one_target_without() -> None:
    rows = [row("flyball", 8.0), row("flyball", 6.0, burst=True), row("k8s-cpu", 10.0, tuning=ONE_TARGET)]
    rows += [row("k8s-cpu", 8.0, tuning=ONE_TARGET, burst=True)]
    figures = summary(rows)
    assert figures["saving_with_burst_vs_one_target_mean_percent"] == pytest.approx(40.0)
    assert figures["class_burst_saving_vs_one_target_mean_percent"] == pytest.approx(25.0)


def test_autothrottle_at_m_counts_only_where_ours_meets_m_with_no_more_minutes_over() -> None:
    rows = [row("flyball", 8.0), row("flyball-every-minute", 9.0), row("autothrottle", 10.0, minutes_over=1)]
    assert summary(rows)["cores_ratio_vs_autothrottle_h"] == pytest.approx(0.8)
    assert summary(rows)["cores_ratio_vs_autothrottle_m"] is None
    rows[2] = row("autothrottle", 10.0, minutes_over=2)
    assert summary(rows)["cores_ratio_vs_autothrottle_m"] == pytest.approx(0.9)


def test_objective_m_allows_five_percent_of_the_minutes() -> None:
    assert replace(SCORE, minutes_over=9).meets("M")
    assert not replace(SCORE, minutes_over=10).meets("M")
    assert not replace(SCORE, worst_hour=0.0101).meets("M")


def test_an_interval_covers_the_mean_and_keeps_an_applications_traces_together() -> None:
    values = {(f"random-{number:02d}", trace): float(number) for number in range(20) for trace in ("diurnal", "noisy")}
    low, high = bootstrap(values)
    assert 6.0 < low < 9.5 < high < 13.0


def test_what_falls_short_is_said_in_a_sentence() -> None:
    rows = [row("flyball", 11.0, worst_hour=0.02), row("k8s-cpu-fast", 10.0, tuning=PER_CELL)]
    said = report.losses(rows)
    assert said[0].startswith("a/diurnal without burst: Flyball uses 10.0 % more cores")
    assert "2.00 % slow requests" in said[1]


def test_figures_that_miss_what_was_asked_are_said_and_no_others() -> None:
    said = report.unmet({"saving_vs_one_target_mean_percent": 15.9, "cores_ratio_vs_autothrottle_h": 0.86, "objective_met_share": None, "other": 1.0})
    assert said == ["`saving_vs_one_target_mean_percent` is 15.9 where >= 17 was asked."]


def test_a_run_of_peers_alone_claims_nothing_of_flyball() -> None:
    assert report.losses([row("k8s-cpu-fast", 10.0, tuning=PER_CELL)]) == ["Flyball was not among the policies that were run."]


def test_the_page_and_the_json_hold_every_row(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rows = [row("flyball", 8.0), row("k8s-cpu-fast", 10.0, tuning=PER_CELL), row("k8s-cpu", math.nan, tuning=ONE_TARGET, ended=False)]
    figures = summary(rows)
    report.write_json(tmp_path / "cpu.json", rows, figures, {"seconds": 60})
    report.write_page(tmp_path, rows, figures, {"seconds": 60})
    kept = json.loads((tmp_path / "cpu.json").read_text())
    assert [its["cores"] for its in kept["rows"]] == [8.0, 10.0, None]
    assert kept["rows"][0]["class"] == "no-burst"
    short, every = (tmp_path / "cpu.md").read_text().split("## All rows")
    assert (short.count("| a | diurnal |"), every.count("| a | diurnal |")) == (1, 3)
    assert "<polyline" in (tmp_path / "cpu-run.svg").read_text()
    assert "20.0" in (tmp_path / "cpu-savings.svg").read_text()


def test_bars_left_of_the_axis_are_losses() -> None:
    drawn = svg.bars("saved", [("a", [("one", 10.0), ("two", -5.0)])])
    axis = float(drawn.split('<line x1="')[1].split('"')[0])
    boxes = [float(part.split('"')[0]) for part in drawn.split('<rect x="')[1:]]
    assert any(box < axis - 1 for box in boxes if box > 200)
