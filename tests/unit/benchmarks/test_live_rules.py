"""The live comparison's pure parts: the order of blocks, the shop's graph, the fit, and what a table says."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.sim.policy import Unlimited
from hack.cluster.layout import REPOSITORY
from hack.demo.errors import DemoError
from hack.demo.figures import Cores, Figures
from tests.benchmarks.live import __main__ as command
from tests.benchmarks.live import fit as fits
from tests.benchmarks.live import report
from tests.benchmarks.live.contenders import AUTOTHROTTLE, FLYBALL_BURST, contenders, past_its_ramp
from tests.benchmarks.live.fit import Fit, Observed, bisect, unfitted, work_of
from tests.benchmarks.live.graph import GRAPH, ITEMS_MEDIAN, ITEMS_MOST, ITEMS_SIGMA, MIX, SERVICES, demand, items
from tests.benchmarks.live.score import Block, savings, standings, summary
from tests.benchmarks.live.shape import FULL, QUICK, order, piece
from tests.unit.benchmarks.test_live_adapter import OBJECTIVE

SHOP = REPOSITORY / "examples" / "shop"
GRANTS = dict(zip(SERVICES, (0.45, 0.5, 0.45, 0.3, 0.3, 0.2, 0.2), strict=True))


def observed(**change: float) -> Observed:
    """Forty requests a second, at 20 ms of CPU each spread evenly, on services that idle at 2 m."""
    its = Observed(40.0, dict.fromkeys(SERVICES, 0.002), dict.fromkeys(SERVICES, 0.002 + 40 * 0.020 / 7), 0.03, 0.09)
    return replace(its, **change)


def block(policy: str, cores: float, predicted: float, *, number: int = 0, p99: float = 0.1, slow: float = 0.004, requests: int = 1000) -> Block:
    figures = Figures(5.0, 1, slow, p99, requests, 2, Cores(2.4, cores, 0.5))
    return Block(policy, f"the {policy}", number, 0, figures, 0.12, predicted, 0.005, 0, 30, 300, 1, 0.01, 0, 0.4)


def test_every_policy_meets_the_same_pieces_of_the_trace_and_no_place_twice() -> None:
    names = ["a", "b", "c", "d", "e"]
    rounds = [order(names, number) for number in range(3)]
    assert all(sorted(its) == names for its in rounds)
    assert max(Counter((name, its.index(name)) for its in rounds for name in its).values()) == 1


def test_pieces_lie_evenly_over_the_trace_and_go_on_at_its_beginning() -> None:
    trace = list(range(720))
    pieces = [piece(trace, number, 3, 370) for number in range(3)]
    assert [its[185] for its in pieces] == [120, 360, 600]
    assert all(len(its) == 370 for its in pieces)
    assert pieces[2][-1] == (600 + 184) % 720


def test_a_full_run_is_three_blocks_of_five_minutes_and_a_quick_one_a_minute_and_a_half() -> None:
    assert (FULL.rounds, FULL.block, QUICK.rounds, QUICK.block) == (3, 300, 1, 90)
    assert FULL.settle >= 60, "Autothrottle decides once a minute"
    assert FULL.load_seconds > FULL.settle + FULL.block


def test_the_graph_is_the_shops_own() -> None:
    source = (SHOP / "graph.go").read_text()
    table = source[source.index("var services") :]
    found: dict[str, dict[str, tuple[int, int, list[tuple[str, str]]]]] = {}
    for line in table.splitlines():
        if its := re.match(r'\t"(\w+)": \{$', line):
            routes = found.setdefault(its[1], {})
        elif its := re.match(r'\t\t"(/\w+)": .*base: (\d+), item: (\d+)', line):
            last = routes[its[1]] = (int(its[2]), int(its[3]), [])
        last_calls = re.findall(r'\{"(\w+)", "(/\w+)"\}', line)
        if last_calls:
            last[2].extend(last_calls)
    ours = {
        service: {path: (its.base, its.item, [call for stage in its.stages for call in stage]) for path, its in routes.items()}
        for service, routes in GRAPH.items()
    }
    assert ours == found
    assert [len(stage) for stage in GRAPH["checkout"]["/order"].stages] == [1, 2]


def test_sizes_and_mix_are_the_shops_own() -> None:
    work, load = (SHOP / "work.go").read_text(), (SHOP / "load.js").read_text()
    assert [float(re.search(rf"{name}\s*= ([\d.]+)", work)[1]) for name in ("itemsMedian", "itemsSigma", "itemsMost")] == [  # type: ignore[index]
        ITEMS_MEDIAN,
        ITEMS_SIGMA,
        ITEMS_MOST,
    ]
    assert {path: int(share) / 100 for share, path in re.findall(r"\[(\d+), '(/\w+)'\]", load)} == MIX
    shares = items()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=lambda count: shares[count]) in (2, 3, 4)
    assert sum(share for count, share in shares.items() if count <= 16) == pytest.approx(0.99, abs=0.005)


def test_a_fitted_application_does_the_work_that_was_measured() -> None:
    seen = observed()
    application = work_of(seen, GRANTS, 2).application(0.2, 0.99)
    for name, work in application.work_per_request().items():
        assert work == pytest.approx((seen.busy_cores[name] - seen.idle_cores[name]) / seen.requests_per_second)
    assert [service.grant_cores for service in application.services] == list(GRANTS.values())


def test_a_service_that_used_less_than_its_steps_has_cheaper_steps_and_no_remainder() -> None:
    busy = dict(observed().busy_cores) | {"payment": 0.002 + 40 * 0.0001}
    fit = work_of(observed(busy_cores=busy), GRANTS, 2)  # type: ignore[arg-type]
    assert fit.overhead_seconds["payment"] == pytest.approx(0.0)
    assert fit.step_seconds["payment"] == pytest.approx(0.0001 / demand()["payment"][1])
    assert fit.application(0.2, 0.99).work_per_request()["payment"] == pytest.approx(0.0001)


def test_delay_and_spread_are_fitted_to_median_and_tail() -> None:
    asked: list[tuple[float, float]] = []

    def simulated(fit: Fit) -> tuple[float, float]:
        asked.append((fit.delay_seconds, fit.tail))
        return 0.01 + 4 * fit.delay_seconds, 0.04 + 4 * fit.delay_seconds + 0.1 * fit.tail

    fit = fits.latency(unfitted(GRANTS, 2), observed(), simulated)
    assert fit.delay_seconds == pytest.approx(0.005, rel=0.02)
    assert fit.tail == pytest.approx(0.3, abs=0.02)
    assert all(0 <= delay <= fits.DELAY_MOST and 0 <= tail <= fits.TAIL_MOST for delay, tail in asked)


@given(st.floats(0.01, 0.99))
@settings(max_examples=30, deadline=None)
def test_a_search_finds_where_a_rising_measure_is_the_wanted_one(value: float) -> None:
    assert bisect(lambda x: x**2, value**2, 1.0) == pytest.approx(value, abs=1 / 2**fits.HALVINGS)
    assert bisect(lambda x: x + 2.0, value, 1.0) == 0.0


def test_a_policy_of_the_simulator_is_compared_without_a_line_here_and_an_unknown_one_is_named() -> None:
    application = unfitted(GRANTS, 2).application(0.2, 0.99)
    made = contenders(["static", "vpa", FLYBALL_BURST], application, OBJECTIVE, [20.0], 60, lambda line: None)
    assert [(its.name, its.product, its.burst) for its in made] == [("static", False, False), ("vpa", False, False), (FLYBALL_BURST, True, True)]
    assert made[1].make() is not made[1].make()
    with pytest.raises(DemoError, match="no policy 'vpx'; there are autothrottle,"):
        contenders(["vpx"], application, OBJECTIVE, [20.0], 60, lambda line: None)


def test_autothrottle_decides_from_its_first_minute_on() -> None:
    made = contenders([AUTOTHROTTLE], unfitted(GRANTS, 2).application(0.2, 0.99), OBJECTIVE, [2.0], 240, lambda line: None)
    assert made[0].make()._minute == 3  # type: ignore[attr-defined]
    told: list[float] = []

    class Ear(Unlimited):
        def slow(self, observation: object) -> None:
            told.append(observation.total)  # type: ignore[attr-defined]

    past_its_ramp(Ear(), OBJECTIVE)
    assert [math.isnan(total) for total in told] == [True] * 3


def test_means_are_over_blocks_and_the_slow_share_over_requests() -> None:
    blocks = [
        block("a", 1.0, 1.1, slow=0.01, requests=100, p99=0.1),
        block("b", 2.0, 2.0),
        block("a", 2.0, 2.1, number=1, slow=0.02, requests=300, p99=0.3),
    ]
    first, second = standings(blocks)
    assert (first.cores, first.cores_range, first.p99_seconds) == (1.5, (1.0, 2.0), pytest.approx(0.2))
    assert first.slow_share == pytest.approx((1 + 6) / 400)
    assert (first.minutes_over, first.minutes, first.errors, first.requests) == (2, 10, 4, 400)
    assert first.cores_error == pytest.approx(1.6 / 1.5 - 1)
    assert savings([first, second], "b") == {"a": pytest.approx(25.0)}
    assert savings([first, second], "c") == {}


def test_savings_are_told_against_the_limits_and_against_the_tuned_peer() -> None:
    rows = standings([block("static", 2.0, 2.0), block("k8s-cpu-fast", 1.0, 1.0), block("flyball", 0.5, 0.5)])
    assert report.saved(rows) == [
        "Cores saved against static: k8s-cpu-fast 50 %, flyball 75 %.",
        "Cores saved against k8s-cpu-fast: static -100 %, flyball 50 %.",
    ]
    assert report.saved(rows[2:]) == []


def test_the_prediction_is_judged_by_its_median_error_and_by_the_order_of_cores() -> None:
    rows = standings([block("a", 1.0, 1.1), block("b", 2.0, 2.0), block("c", 3.0, 1.5)])
    found = summary(rows)
    assert found["cores_median_error_percent"] == pytest.approx(10.0)
    assert found["order_by_cores_equal"] is False
    assert summary(rows[:2])["order_by_cores_equal"] is True
    said = " ".join(report.verdict(found))
    assert "cores over the policies is 10 %: within" in said and "NOT as predicted" in said


def test_a_simulator_that_fell_over_is_no_figure(tmp_path: Path) -> None:
    blocks = [block("a", 1.0, float("nan"))]
    found = standings(blocks)
    figures = summary(found)
    assert figures["cores_median_error_percent"] is None
    assert "is not known" in " ".join(report.verdict(figures))
    report.write_json(tmp_path / "live.json", blocks, found, figures, unfitted(GRANTS, 2).as_json(), {"rounds": 1})
    written = json.loads((tmp_path / "live.json").read_text(), parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))
    assert written["policies"][0]["predicted_cores"] is None and written["rows"][0]["figures"]["requests"] == 1000


def test_the_page_names_every_policy_in_each_table() -> None:
    blocks = [block("a", 1.0, 1.1), block("b", 2.0, 2.0)]
    rows = standings(blocks)
    scope = {"rounds": 3, "block_seconds": 300, "settle_seconds": 60, "cpus": 2, "kernel": "6"}
    page = report.page(blocks, rows, summary(rows), scope)
    assert page.count("the a") == 2 and page.count("| b |") == 1
    tables = [part.splitlines() for part in page.split("\n\n") if part.startswith("|")]
    assert all(len({line.count("|") for line in lines}) == 1 for lines in tables)


def test_lengths_can_be_asked_for_and_nonsense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDS", "2")
    monkeypatch.setenv("BLOCK_SECONDS", "120")
    assert command.asked(FULL) == replace(FULL, rounds=2, block=120)
    monkeypatch.setenv("ROUNDS", "none")
    with pytest.raises(DemoError, match="ROUNDS must be a whole number of at least 1, not 'none'"):
        command.asked(FULL)
