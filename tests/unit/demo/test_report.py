"""The page: what it must hold, checked by parsing it."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hack.demo import report
from hack.demo.page import Page
from hack.demo.svg import LEFT, RIGHT, WIDTH, Chart, nice_ticks, time_ticks
from tests.unit.demo.builders import decision, page, request


def charts(text: str) -> dict[str, ElementTree.Element]:
    """The page's charts by their titles."""
    found = [ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    return {chart.attrib["aria-label"]: chart for chart in found}


def texts(element: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in element.iter("text")]


def words(text: str) -> str:
    """What a reader sees of an HTML text."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_the_page_shows_latency_and_objective_budget_cores_targets_and_rate() -> None:
    found = charts(report.render(page()))
    assert list(found) == [
        "99th percentile of latency in milliseconds",
        "Cores granted, allocated and used",
        "Error budget left in percent",
        "Throttle targets and throttling in percent",
        "Requests a second",
        "Cores of the machine that were busy",
    ]
    latency, cores, _budget, targets, *_ = found.values()
    assert {"objective 200 ms", "99th percentile", "Observe", "Enforce"} <= set(texts(latency))
    assert {"granted", "allocated", "used"} <= set(texts(cores))
    assert {"group high", "group low", "throttled"} <= set(texts(targets))


def test_the_page_is_self_contained() -> None:
    text = report.render(page())
    assert not re.findall(r"""(?:src|href|url)\s*[=(]""", text)
    assert "http" not in text
    assert "prefers-color-scheme: dark" in text


def test_the_headline_says_what_was_saved_and_that_the_objective_was_kept() -> None:
    assert "60 % less CPU, latency objective kept" in words(report.render(page()))


def test_a_missed_objective_is_in_the_headline() -> None:
    late = [request(at / 10, 300 if at % 20 == 0 else 50) for at in range(1800)]  # 5 % late, 1 % allowed
    said = words(report.render(page(late)))
    assert "latency objective missed" in said
    assert "2 of 2" in said, "both minutes had a p99 above the objective"


def test_decisions_are_listed_with_their_reasons_and_cannot_break_the_page() -> None:
    made = [
        decision("15:07:10", "Spend", "gateway: budget to spare.", high=90),  # still observing
        decision("15:07:50", "Spend", "gateway: budget to spare.", high=10),
        decision("15:08:20", "Spend", "gateway: budget to spare still.", high=30),
        decision("15:08:50", "Guard", "gateway: 9 > 3 <b>slow</b>", high=0),
    ]
    text = report.render(page(decisions=made))
    said = words(text)
    assert "gateway: 9 &gt; 3 &lt;b&gt;slow&lt;/b&gt;" in text
    assert "1:10 to 1:40 Spend (2 times) high 1 to 3 % 80 % gateway: budget to spare still." in said
    assert "2:10 Guard high 0 % 80 %" in said
    assert "high 9 %" not in said


def test_the_p99_line_runs_through_the_minutes_measured() -> None:
    chart = charts(report.render(page()))["99th percentile of latency in milliseconds"]
    dots = [circle for circle in chart.iter("circle") if circle.attrib["class"] == "dot p99"]
    (line,) = [path for path in chart.iter("path") if path.attrib["class"] == "line p99"]
    assert (line.attrib["d"].count("M"), line.attrib["d"].count("L")) == (2, 1), "a minute of Observe, then two of Enforce"
    plot = WIDTH - LEFT - RIGHT
    assert [float(dot.attrib["cx"]) for dot in dots] == pytest.approx([LEFT + plot * middle / 180 for middle in (30, 90, 150)], abs=0.1)


def test_a_page_survives_being_written_and_read() -> None:
    made = page(decisions=[decision("15:07:30")])
    again = Page.loads(made.dumps())
    assert report.render(again) == report.render(made)


def test_giving_back_that_was_not_seen_is_said() -> None:
    assert "Giving back was not seen" in words(report.render(page(given_back=float("nan"))))


def test_a_gap_in_a_series_is_a_gap_in_its_line() -> None:
    chart = Chart("gap", 60, (0, 1))
    chart.line([(0, 0.5), (10, 0.5), (20, None), (30, 0.5), (40, 0.5)], "p99")
    (path,) = ElementTree.fromstring(chart.svg()).iter("path")
    assert path.attrib["d"].count("M") == 2


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_names_at_the_ends_of_lines_do_not_lie_on_each_other(value: float) -> None:
    chart = Chart("labels", 60, (0, 1))
    for index in range(4):
        chart.line([(0, value), (60, value)], "p99", f"line {index}")
    places = sorted(float(text.attrib["y"]) for text in ElementTree.fromstring(chart.svg()).iter("text") if text.attrib["class"].startswith("label"))
    assert all(after - before >= 14.9 for before, after in pairwise(places))
    assert places[-1] <= chart.height


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_even_and_cover_the_values(low: float, extent: float) -> None:
    ticks = nice_ticks(low, low + extent)
    assert ticks[0] <= low + 1e-6 * extent and ticks[-1] >= low + extent * (1 - 1e-6)
    assert 2 <= len(ticks) <= 8
    gaps = [after - before for before, after in pairwise(ticks)]
    assert max(gaps) == pytest.approx(min(gaps), rel=1e-3)


@given(st.floats(30, 86_400))
def test_time_ticks_are_whole_minutes_and_few(seconds: float) -> None:
    ticks = time_ticks(seconds)
    assert 1 <= len(ticks) <= 14
    assert all(tick % 60 == 0 and tick <= seconds for tick in ticks)


def test_throttling_is_drawn_as_the_kernel_counted_it_and_the_machines_load_is_told() -> None:
    made = page(busy=1.2)
    assert {value for _, value in made.throttled} == {5.0}
    assert made.busy_cores == {"Observe": pytest.approx(1.2), "Enforce": pytest.approx(1.2)}
    assert re.search(r"busy cores of the machine’s \d+ 1.20 1.20", words(report.render(made)))
